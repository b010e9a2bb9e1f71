//! A registry in a temporary directory, and a client that speaks to it.

use registry::{Config, Running, Server};
use reqwest::{Client, Method, RequestBuilder, Response};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry that lives as long as the test.
pub(crate) struct Fixture {
    pub(crate) running: Running,
    pub(crate) client: Client,
    pub(crate) root: TempDir,
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("no header `{name}`: {response:?}"))
        .to_str()
        .expect("headers are text")
}

/// The code of the first error in the body.
pub(crate) async fn code(response: Response) -> String {
    let body: serde_json::Value = response.json().await.expect("errors are JSON");
    body["errors"][0]["code"]
        .as_str()
        .expect("errors have codes")
        .to_owned()
}

pub(crate) fn config(root: &TempDir) -> Config {
    let mut config = Config::new(([127, 0, 0, 1], 0).into(), root.path());
    config.fsync = false;
    config
}

pub(crate) async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("the registry answers")
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let mut config = config(&root);
        change(&mut config);
        Self {
            running: Server::start(config).await.expect("the registry starts"),
            client: Client::builder().no_proxy().build().expect("a client"),
            root,
        }
    }

    /// A request to a path, or to what a `Location` says.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.running.url()))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn head(&self, path: &str) -> Response {
        send(self.request(Method::HEAD, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        send(self.request(Method::DELETE, path)).await
    }

    /// Opens an upload and gives its path.
    pub(crate) async fn open_upload(&self, repository: &str) -> String {
        let opened =
            send(self.request(Method::POST, &format!("/v2/{repository}/blobs/uploads/"))).await;
        assert_eq!(opened.status(), 202);
        header(&opened, "location").to_owned()
    }

    /// Pushes a blob at once.
    pub(crate) async fn push_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        let pushed = send(self.request(Method::POST, &path).body(bytes.to_vec())).await;
        assert_eq!(pushed.status(), 201);
        digest
    }

    pub(crate) async fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        body: &str,
    ) -> Response {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let request = self
            .request(Method::PUT, &path)
            .header("content-type", media_type);
        send(request.body(body.to_owned())).await
    }

    /// Pushes an image of an empty config and one layer, and gives its digest.
    pub(crate) async fn push_image(&self, repository: &str, tag: &str, layer: &[u8]) -> String {
        let config = self.push_blob(repository, b"{}").await;
        let layer = self.push_blob(repository, layer).await;
        let body = image(&config, &layer);
        let pushed = self.put_manifest(repository, tag, MANIFEST, &body).await;
        assert_eq!(pushed.status(), 201);
        header(&pushed, "docker-content-digest").to_owned()
    }
}

pub(crate) fn image(config: &str, layer: &str) -> String {
    serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2 },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer, "size": 5 }],
    })
    .to_string()
}
