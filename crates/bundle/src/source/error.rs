//! What can be wrong with a bundle that is to be changed.

use std::fmt;

use catalog::placed::PlacedError;

use super::{JsonPath, PullSpec};

/// Why the images of a bundle cannot be listed, or its files not be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file of the manifests, or the annotations, is not one YAML document without repeated keys.
    #[error("`{file}` is not one YAML document without repeated keys")]
    Yaml {
        /// The file.
        file: String,
        /// What is wrong, with the line.
        #[source]
        source: PlacedError,
    },
    /// No manifest is a CSV.
    #[error(
        "no file `*.yaml` or `*.yml` below `manifests` is a `ClusterServiceVersion`; add the bundle's CSV"
    )]
    NoCsv,
    /// More than one manifest is a CSV.
    #[error(
        "both `{first}` and `{second}` are a `ClusterServiceVersion`; a bundle has exactly one"
    )]
    SeveralCsvs {
        /// The first file.
        first: String,
        /// Another one.
        second: String,
    },
    /// A value is missing or of the wrong kind.
    #[error("`{file}`, line {line}: `{path}` must be {expected}, but is {found}; correct it")]
    Shape {
        /// The file.
        file: String,
        /// The line of the value, or of the mapping that lacks it.
        line: usize,
        /// Where the value is.
        path: JsonPath,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// An image is taken from elsewhere when the operator runs.
    #[error(
        "`{file}`, line {line}: the variable `{variable}` names an image with `valueFrom`, which nobody can read here; give it a `value`"
    )]
    ValueFrom {
        /// The file.
        file: String,
        /// The line of the variable.
        line: usize,
        /// Its name.
        variable: String,
    },
    /// An image is not named at all.
    #[error(
        "`{file}`, line {line}: the variable `{variable}` must name an image, but has no `value`; give it one"
    )]
    NoValue {
        /// The file.
        file: String,
        /// The line of the variable.
        line: usize,
        /// Its name.
        variable: String,
    },
    /// Two related images have one name.
    #[error("one name stands for different images: {}; rename one of each pair", listed(.conflicts))]
    Conflicts {
        /// Each pair, in the order in which they were found.
        conflicts: Vec<Conflict>,
    },
    /// The bundle has no annotations.
    #[error(
        "the bundle has no file `metadata/annotations.yaml`; add it as the bundle tools generate it"
    )]
    AnnotationsMissing,
    /// The annotations are no mapping.
    #[error(
        "`metadata/annotations.yaml`, line {line}: `{path}` must be a mapping, but is {found}; correct it"
    )]
    AnnotationsShape {
        /// The line.
        line: usize,
        /// Where it should be.
        path: JsonPath,
        /// What is there.
        found: &'static str,
    },
    /// The annotations name no package.
    #[error("`metadata/annotations.yaml` has no annotation `{label}`; add it with the name of the package", label = super::PACKAGE_LABEL)]
    PackageMissing,
    /// The package has no name that is a text.
    #[error(
        "`metadata/annotations.yaml`, line {line}: the annotation `{label}` must be a text, but is {found}; correct it",
        label = super::PACKAGE_LABEL
    )]
    PackageShape {
        /// The line.
        line: usize,
        /// What it is.
        found: &'static str,
    },
    /// A template wants a label that an image does not have.
    #[error(
        "the image `{image}` has no label `{label}`, which the name template wants; it has {}",
        named(.available)
    )]
    LabelMissing {
        /// The image.
        image: Box<PullSpec>,
        /// The label.
        label: String,
        /// The labels it has.
        available: Vec<String>,
    },
    /// A template with the labels of an image gives no name.
    #[error(
        "the name template gives the image `{image}` no name; correct the template or the image's labels"
    )]
    EmptyName {
        /// The image.
        image: Box<PullSpec>,
    },
    /// An image was asked for, and nothing was said of it.
    #[error("nothing is known of the image `{image}`")]
    Unanswered {
        /// The image.
        image: Box<PullSpec>,
    },
    /// The text does not allow the change, or the change would touch more than was meant.
    #[error(
        "`{file}`, line {line}: `{path}` cannot be changed without touching anything else; write it as a plain or quoted value of its own"
    )]
    NotEditable {
        /// The file.
        file: String,
        /// The line of the value.
        line: usize,
        /// Where it is.
        path: JsonPath,
    },
}

/// Two related images of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Where the first was found, and how it is written.
    pub first: (String, String),
    /// The same of the other.
    pub second: (String, String),
}

impl fmt::Display for Conflict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = (&self.first, &self.second);
        write!(
            formatter,
            "{}: {} X {}: {}",
            first.0, first.1, second.0, second.1
        )
    }
}

fn listed(conflicts: &[Conflict]) -> String {
    let texts: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

fn named(labels: &[String]) -> String {
    if labels.is_empty() {
        return "none".to_owned();
    }
    let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
    labels.join(", ")
}
