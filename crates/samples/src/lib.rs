//! What can I try iib on, without anybody's operators?
//!
//! [`bundles`] gives the sample bundles of `samples/`; [`Bundle`] makes others. [`push_bundle`] turns one into a bundle image,
//! [`push_binary_image`] makes a stand-in for the image with the catalog server, [`push_index`] an index image around a database, [`push_files`] and [`push_layers`] any image.
//! [`link_tree`] gives a test the same inputs again.
//! The quickstart, the tests and the measurements use them.
//!
//! This crate knows nothing of catalogs: it only makes inputs.

mod link;
mod push;

pub use link::{link_tree, link_tree_where};
pub use push::{
    Error, push_binary_image, push_bundle, push_files, push_index, push_layers, push_package,
};

/// The architectures that index images are usually built for.
pub const ARCHES: [&str; 4] = ["amd64", "arm64", "ppc64le", "s390x"];

/// A bundle as files: paths such as `manifests/x.yaml` with their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The package.
    pub package: String,
    /// The version.
    pub version: String,
    /// The files, by path relative to the bundle's directory.
    pub files: Vec<(String, String)>,
}

impl Bundle {
    /// A valid bundle without any resource but its CSV `<package>.v<version>`.
    ///
    /// `channels` is as in the annotation, the first being the default; `replaces` names the replaced CSV.
    pub fn simple(package: &str, version: &str, channels: &str, replaces: Option<&str>) -> Self {
        let default = channels.split(',').next().unwrap_or_default();
        let replaces = replaces.map_or_else(String::new, |name| format!("  replaces: {name}\n"));
        let csv = format!(
            "apiVersion: operators.coreos.com/v1alpha1\nkind: ClusterServiceVersion\nmetadata:\n  name: {package}.v{version}\n\
             spec:\n  version: {version}\n{replaces}  install:\n    strategy: deployment\n    spec: {{deployments: []}}\n"
        );
        let annotations = format!(
            "annotations:\n  operators.operatorframework.io.bundle.package.v1: {package}\n  \
             operators.operatorframework.io.bundle.channels.v1: {channels}\n  \
             operators.operatorframework.io.bundle.channel.default.v1: {default}\n"
        );
        Self {
            package: package.to_owned(),
            version: version.to_owned(),
            files: vec![
                ("manifests/csv.yaml".to_owned(), csv),
                ("metadata/annotations.yaml".to_owned(), annotations),
            ],
        }
    }

    /// The same bundle with the file `path` replaced or added.
    #[must_use]
    pub fn with_file(mut self, path: &str, text: &str) -> Self {
        self.files.retain(|(existing, _)| existing != path);
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    /// The same bundle without the files whose paths begin with `prefix`.
    #[must_use]
    pub fn without(mut self, prefix: &str) -> Self {
        self.files.retain(|(path, _)| !path.starts_with(prefix));
        self
    }

    /// The annotations, which bundle images carry as labels too.
    pub(crate) fn labels(&self) -> impl Iterator<Item = (String, String)> {
        let text = self
            .files
            .iter()
            .find(|(path, _)| path == "metadata/annotations.yaml");
        text.map_or("", |(_, text)| text)
            .lines()
            .filter_map(|line| line.strip_prefix("  "))
            .filter_map(|line| line.split_once(": "))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
    }
}

macro_rules! sample {
    ($package:literal, $version:literal, $($file:literal),+) => {
        Bundle {
            package: $package.to_owned(),
            version: $version.to_owned(),
            files: vec![$((
                $file.to_owned(),
                include_str!(concat!("../../../samples/bundles/", $package, "/", $version, "/", $file)).to_owned(),
            )),+],
        }
    };
}

/// The sample bundles: two versions of one package, one of another.
pub fn bundles() -> Vec<Bundle> {
    vec![
        sample!(
            "hello-operator",
            "1.0.0",
            "manifests/greetings.crd.yaml",
            "manifests/hello-operator.clusterserviceversion.yaml",
            "metadata/annotations.yaml"
        ),
        sample!(
            "hello-operator",
            "1.1.0",
            "manifests/greetings.crd.yaml",
            "manifests/hello-operator.clusterserviceversion.yaml",
            "metadata/annotations.yaml"
        ),
        sample!(
            "clock-operator",
            "0.3.0",
            "manifests/clocks.crd.yaml",
            "manifests/clock-operator.clusterserviceversion.yaml",
            "metadata/annotations.yaml"
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_become_labels() {
        let labels: Vec<_> = Bundle::simple("p", "1.0.0", "a,b", None).labels().collect();
        assert!(labels.contains(&(
            "operators.operatorframework.io.bundle.channels.v1".to_owned(),
            "a,b".to_owned()
        )));
        assert_eq!(labels.len(), 3);
    }
}
