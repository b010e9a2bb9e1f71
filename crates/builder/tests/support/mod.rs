//! A registry with samples in it, a builder, and somebody who watches it.

#![allow(dead_code, reason = "each test program uses its part of this")]

pub(crate) mod files;
pub(crate) mod index;
pub(crate) mod matrix;
pub(crate) mod raw;
pub(crate) mod scene;
pub(crate) mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;
use builder::{
    AddRequest, Added, BinaryImage, Builder, BuilderConfig, Checkpoint, Error, Facts,
    GraphUpdateMode, IndexRequest, Output, OutputRepository, Overwrite, Phase, RegenerateRequest,
    RelatedImages, Reporter, Stopped,
};
use oci::{
    BlobSource, Client, ClientConfig, Credentials, Descriptor, Digest, Document, ImageConfig,
    ImageManifest, ImageName, ManifestList, PullSpec, Reference, Repository, Tag,
};
use registry::{Auth, Config, Running, Server};
use samples::Bundle;
use tempfile::TempDir;

pub(crate) struct World {
    /// The registry as pull specs name it.
    pub(crate) host: String,
    pub(crate) registry: Running,
    pub(crate) client: Client,
    pub(crate) builder: Builder,
    pub(crate) dir: TempDir,
}

impl World {
    pub(crate) async fn start(
        auth: Option<Auth>,
        credentials: impl FnOnce(&str) -> Credentials,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let registry = serve(&dir, auth).await;
        let host = registry.addr().to_string();
        let config = ClientConfig {
            credentials: credentials(&host),
            ..ClientConfig::default()
        };
        Self::new(host, registry, config, dir, |_| {})
    }

    /// A builder that works beside the registry in `dir`, with what `change` says.
    fn new(
        host: String,
        registry: Running,
        client: ClientConfig,
        dir: TempDir,
        change: impl FnOnce(&mut BuilderConfig),
    ) -> Self {
        let credentials = client.credentials.clone();
        let client = Client::new(client).unwrap();
        let mut config = BuilderConfig::new(dir.path().join("work"));
        change(&mut config);
        let builder = Builder::new(client.clone(), credentials, config);
        Self {
            host,
            registry,
            client,
            builder,
            dir,
        }
    }

    pub(crate) async fn open() -> Self {
        Self::start(None, |_| Credentials::none()).await
    }

    pub(crate) fn repository(&self, path: &str) -> Repository {
        format!("{}/{path}", self.host).parse().unwrap()
    }

    pub(crate) fn name(&self, path: &str) -> PullSpec {
        format!("{}/{path}", self.host).parse().unwrap()
    }

    pub(crate) async fn bundle(&self, bundle: &Bundle) -> PullSpec {
        samples::push_bundle(&self.client, &self.repository("bundles/b"), bundle)
            .await
            .unwrap()
    }

    pub(crate) fn request(&self, bundle: PullSpec, tag: &str) -> AddRequest {
        AddRequest {
            gating: None,
            bundles: vec![bundle],
            deprecations: Vec::new(),
            graph_update_mode: GraphUpdateMode::Replaces,
            related_images: RelatedImages::Any,
            index: IndexRequest {
                from_index: None,
                binary_image: Some(BinaryImage::Image(ImageName::Registry(
                    self.name("binary:latest"),
                ))),
                add_arches: BTreeSet::from(["amd64".parse().unwrap()]),
                overwrite: Overwrite::No,
                distribution_scope: None,
                output: Output {
                    repository: OutputRepository::Registry(self.repository("iib-build")),
                    tag: tag.parse().unwrap(),
                    tag_is_private: true,
                    build_tags: Vec::new(),
                },
                dry_run: false,
            },
        }
    }

    /// A request to make `bundle` anew as `iib-build:<tag>`.
    pub(crate) fn regenerate(&self, bundle: &PullSpec, tag: &str) -> RegenerateRequest {
        RegenerateRequest {
            from_bundle: ImageName::Registry(bundle.clone()),
            organization: None,
            replacements: BTreeMap::new(),
            auths: None,
            output: Output {
                repository: OutputRepository::Registry(self.repository("iib-build")),
                tag: tag.parse().unwrap(),
                tag_is_private: true,
                build_tags: Vec::new(),
            },
        }
    }

    /// An index `index:v1` with one bundle, and a request to add another one and overwrite it.
    pub(crate) async fn overwriting(&self) -> AddRequest {
        samples::push_binary_image(&self.client, &self.repository("binary"), &["amd64"], 0)
            .await
            .unwrap();
        let first = self
            .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
            .await;
        let mut seed = self.request(first, "v1");
        seed.index.output.repository = OutputRepository::Registry(self.repository("index"));
        self.add(&seed, &Observer::default()).await.unwrap();
        let second = self
            .bundle(&Bundle::simple("beta", "1.0.0", "stable", None))
            .await;
        let mut request = self.request(second, "7");
        request.index.from_index = Some(ImageName::Registry(self.name("index:v1")));
        request.index.overwrite = Overwrite::Yes;
        request
    }

    pub(crate) async fn add(
        &self,
        request: &AddRequest,
        reporter: &Observer<'_>,
    ) -> Result<Added, Error> {
        self.builder
            .add(request, reporter, Checkpoint::default())
            .await
    }

    pub(crate) async fn digest(&self, path: &str, tag: &str) -> Option<String> {
        let reference = Reference::Tag(tag.parse().unwrap());
        let found = self
            .client
            .repository(&self.repository(path))
            .head_manifest(&reference)
            .await
            .unwrap();
        found.map(|descriptor| descriptor.digest.to_string())
    }

    /// Points `path:tag` at the binary image, as a stranger would.
    pub(crate) async fn move_tag(&self, path: &str, tag: &str) {
        let binary = self.client.repository(&self.repository("binary"));
        let raw = binary
            .manifest(&Reference::Tag(Tag::latest()))
            .await
            .unwrap();
        let target = self.client.repository(&self.repository(path));
        let oci::Document::List(list) = raw.parse().unwrap() else {
            panic!("a list")
        };
        for entry in &list.manifests {
            let reference = Reference::Digest(entry.digest.clone());
            let child = binary.manifest(&reference).await.unwrap();
            let oci::Document::Image(image) = child.parse().unwrap() else {
                panic!("an image")
            };
            for blob in image.layers.iter().chain([&image.config]) {
                target.copy_blob_from(&binary, blob).await.unwrap();
            }
            target.put_manifest(&reference, &child).await.unwrap();
        }
        target
            .put_manifest(&Reference::Tag(tag.parse().unwrap()), &raw)
            .await
            .unwrap();
    }
}

/// Serves `router` on a free port of this host; gives host and port.
pub(crate) async fn listen(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address.to_string()
}

/// Serves what is in `dir`, or nothing yet.
async fn serve(dir: &TempDir, auth: Option<Auth>) -> Running {
    let mut config = Config::new(([127, 0, 0, 1], 0).into(), dir.path().join("registry"));
    config.fsync = false;
    config.auth = auth;
    Server::start(config).await.unwrap()
}

/// Watches a request, moves a tag or stops it when a phase begins.
#[derive(Default)]
pub(crate) struct Observer<'world> {
    pub(crate) moves_tag_at: Option<(Phase, &'world World)>,
    pub(crate) stops_at: Option<Phase>,
    pub(crate) lost: bool,
    pub(crate) checkpoints: Mutex<Vec<Checkpoint>>,
}

#[async_trait]
impl Reporter for Observer<'_> {
    async fn phase(&self, phase: &Phase, _facts: &Facts) -> Result<(), Stopped> {
        if let Some((at, world)) = &self.moves_tag_at
            && at == phase
        {
            world.move_tag("index", "v1").await;
        }
        if self.stops_at.as_ref() == Some(phase) {
            return Err(Stopped {
                reason: "the test says so".to_owned(),
            });
        }
        Ok(())
    }

    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), Stopped> {
        self.checkpoints.lock().unwrap().push(checkpoint.clone());
        Ok(())
    }

    async fn confirm(&self) -> Result<(), Stopped> {
        if self.lost {
            Err(Stopped {
                reason: "the lease is lost".to_owned(),
            })
        } else {
            Ok(())
        }
    }
}

pub(crate) fn added_name(added: &Added) -> ImageName {
    added
        .built
        .facts
        .index_image_resolved
        .as_ref()
        .unwrap()
        .parse()
        .unwrap()
}

/// A builder like `world`'s that has seen nothing yet.
pub(crate) fn rebuilt(world: &World, work_dir: &str) -> Builder {
    Builder::new(
        world.client.clone(),
        Credentials::none(),
        BuilderConfig::new(world.dir.path().join(work_dir)),
    )
}

impl World {
    /// Changes the manifest list that `path:tag` names.
    pub(crate) async fn change_list(
        &self,
        path: &str,
        tag: &str,
        change: impl FnOnce(&mut ManifestList),
    ) {
        let repository = self.client.repository(&self.repository(path));
        let tag = Reference::Tag(tag.parse().unwrap());
        let raw = repository.manifest(&tag).await.unwrap();
        let Document::List(mut list) = raw.parse().unwrap() else {
            panic!("a list")
        };
        change(&mut list);
        repository.put_manifest(&tag, &list.to_raw()).await.unwrap();
    }

    /// Changes every image of the binary image.
    pub(crate) async fn change_binary(
        &self,
        change: impl Fn(&mut ImageManifest, &mut ImageConfig),
    ) {
        let repository = self.client.repository(&self.repository("binary"));
        let tag = Reference::Tag(Tag::latest());
        let raw = repository.manifest(&tag).await.unwrap();
        let Document::List(mut list) = raw.parse().unwrap() else {
            panic!("a list")
        };
        for entry in &mut list.manifests {
            let (mut manifest, mut config) = self.image("binary", &entry.digest).await;
            change(&mut manifest, &mut config);
            let bytes = config.to_bytes();
            manifest.config = Descriptor::new(
                manifest.config.media_type.clone(),
                u64::try_from(bytes.len()).unwrap(),
                Digest::of(&bytes),
            );
            let source = BlobSource::Bytes(bytes);
            repository
                .put_blob(&manifest.config, &source)
                .await
                .unwrap();
            let raw = manifest.to_raw();
            let reference = Reference::Digest(raw.digest.clone());
            repository.put_manifest(&reference, &raw).await.unwrap();
            let platform = entry.platform.take();
            *entry = raw.descriptor();
            entry.platform = platform;
        }
        repository.put_manifest(&tag, &list.to_raw()).await.unwrap();
    }

    /// The manifest and config of the single image `digest` in `path`.
    pub(crate) async fn image(&self, path: &str, digest: &Digest) -> (ImageManifest, ImageConfig) {
        let repository = self.client.repository(&self.repository(path));
        let reference = Reference::Digest(digest.clone());
        let raw = repository.manifest(&reference).await.unwrap();
        let Document::Image(manifest) = raw.parse().unwrap() else {
            panic!("an image")
        };
        let bytes = repository
            .blob_bytes(&manifest.config, 1 << 20)
            .await
            .unwrap();
        let config = serde_json::from_slice(&bytes).unwrap();
        (manifest, config)
    }

    /// The tags of `path`; none if it does not exist.
    pub(crate) async fn tags(&self, path: &str) -> Vec<Tag> {
        let repository = self.client.repository(&self.repository(path));
        repository.tags().await.unwrap_or_default()
    }
}
