//! File-based indexes and fragments as other tools make them.

use std::collections::BTreeMap;
use std::path::Path;

use oci::{BlobSource, ImageRepository, LayerBuilder, Owner};

use super::World;

/// Says that an image is a file-based index.
pub(crate) const FILE_BASED: (&str, &str) = (
    "operators.operatorframework.io.index.configs.v1",
    "/configs",
);
/// Where file-based indexes keep their database.
pub(crate) const HIDDEN: &str = "var/lib/iib/_hidden/do.not.edit.db";

/// A package with one channel and the bundles `v<1>` to `v<count>`, the last its head.
pub(crate) fn package(name: &str, count: usize) -> String {
    let channel = format!(
        r#"{{"schema":"olm.channel","package":"{name}","name":"stable","entries":[{}]}}"#,
        entries(name, count).join(",")
    );
    let bundle = |number: usize| {
        let version = format!(r#"{{"packageName":"{name}","version":"{number}.0.0"}}"#);
        let properties = format!(r#"[{{"type":"olm.package","value":{version}}}]"#);
        let image = format!("quay.io/x/{name}@sha256:{number:064}");
        format!(
            r#"{{"schema":"olm.bundle","package":"{name}","name":"{name}.v{number}","image":"{image}","properties":{properties}}}"#
        )
    };
    let package =
        format!(r#"{{"schema":"olm.package","name":"{name}","defaultChannel":"stable"}}"#);
    let bundles: Vec<String> = (1..=count).map(bundle).collect();
    [package, channel, bundles.concat()].concat()
}

fn entries(name: &str, count: usize) -> Vec<String> {
    let entry = |number: usize| match number {
        1 => format!(r#"{{"name":"{name}.v1"}}"#),
        _ => format!(
            r#"{{"name":"{name}.v{number}","replaces":"{name}.v{}"}}"#,
            number - 1
        ),
    };
    (1..=count).map(entry).collect()
}

/// The file of a [`package`] in the directory of the catalog.
pub(crate) fn json(name: &str, count: usize) -> (String, String) {
    (format!("{name}/catalog.json"), package(name, count))
}

impl World {
    /// Pushes an image with `files` in the directory of the catalog, and `database` hidden beside them, as `path:tag`.
    pub(crate) async fn push_catalog(
        &self,
        path: &str,
        tag: &str,
        labels: &[(&str, &str)],
        files: &[(String, String)],
        database: Option<&Path>,
    ) {
        let mut layer = LayerBuilder::new(0);
        let mut put = |path: &str, content: BlobSource| {
            layer.file(path, Owner::ROOT, 0o644, content).unwrap();
        };
        for (path, text) in files {
            let content = BlobSource::Bytes(text.clone().into());
            put(&format!("configs/{path}"), content);
        }
        if let Some(database) = database {
            put(HIDDEN, BlobSource::File(database.to_owned()));
        }
        let labels: BTreeMap<String, String> = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let repository = ImageRepository::Remote(self.client.repository(&self.repository(path)));
        samples::push_layers(&repository, &tag.parse().unwrap(), labels, vec![layer])
            .await
            .unwrap();
    }
}
