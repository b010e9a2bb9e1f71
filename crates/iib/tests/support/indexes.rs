//! File-based index images to look at.

use std::collections::BTreeMap;

use oci::{ImageRepository, Tag};

use super::Site;

/// Where file-based images keep their catalog.
const CONFIGS: (&str, &str) = (
    "operators.operatorframework.io.index.configs.v1",
    "/configs",
);

impl Site {
    /// Pushes a file-based image of `packages` as another tool makes it, for amd64, as `repository:tag`.
    pub(crate) async fn catalog_image(
        &self,
        repository: &str,
        tag: &str,
        packages: &[&str],
    ) -> String {
        let files: Vec<(String, String)> = packages
            .iter()
            .map(|name| {
                let path = format!("configs/{name}/catalog.json");
                (path, catalog(name))
            })
            .collect();
        let target = ImageRepository::Remote(self.client.repository(&self.repository(repository)));
        let labels = BTreeMap::from([(CONFIGS.0.to_owned(), CONFIGS.1.to_owned())]);
        let name: Tag = tag.parse().unwrap();
        samples::push_files(&target, &name, labels, &[files])
            .await
            .unwrap();
        format!("{}/{repository}:{tag}", self.host)
    }

    /// Makes the file-based index `index:v1` with `alpha`, and `index:v2` with `beta` above it, for two architectures.
    pub(crate) async fn file_based_indexes(&self) -> [String; 2] {
        self.binary_image().await;
        let foreign = self.catalog_image("foreign", "v1", &["alpha"]).await;
        let [first, second] = ["v1", "v2"].map(|tag| format!("{}/index:{tag}", self.host));
        // Whoever made the from-index, the first result is all ours.
        self.add_fragment(&first, &["alpha"], &foreign, &["--arch", "amd64,arm64"])
            .await;
        self.add_fragment(&second, &["beta"], &first, &[]).await;
        [first, second]
    }

    /// Runs `iib index add-fragment` of a fragment with `packages`, and expects it to succeed.
    pub(crate) async fn add_fragment(
        &self,
        to: &str,
        packages: &[&str],
        from_index: &str,
        more: &[&str],
    ) {
        let tag = packages.join("-");
        let fragment = self.catalog_image("fragments", &tag, packages).await;
        let binary = format!("{}/binary:latest", self.host);
        let args = [
            &["index", "add-fragment", "--fragment", &fragment],
            &["--from-index", from_index, "--to", to][..],
            &["--binary-image", &binary],
            more,
        ]
        .concat();
        self.iib(&args).await.ok();
    }
}

/// A package `name` with one channel, whose head `name.v2` replaces `name.v1`.
fn catalog(name: &str) -> String {
    let bundle = |version: u32| {
        format!(
            r#"{{"schema":"olm.bundle","package":"{name}","name":"{name}.v{version}","image":"registry.test/{name}:{version}","properties":[{{"type":"olm.package","value":{{"packageName":"{name}","version":"{version}.0.0"}}}}]}}"#
        )
    };
    format!(
        r#"{{"schema":"olm.package","name":"{name}","defaultChannel":"stable"}}
{{"schema":"olm.channel","package":"{name}","name":"stable","entries":[{{"name":"{name}.v1"}},{{"name":"{name}.v2","replaces":"{name}.v1"}}]}}
{}
{}
"#,
        bundle(1),
        bundle(2)
    )
}
