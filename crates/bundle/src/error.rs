//! What can be wrong with a bundle.

use std::fmt;

use catalog::DocumentError;

use crate::{Api, BundleFiles};

/// A file that was skipped because it does not decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file, such as `manifests/csv.yaml`.
    pub file: String,
    /// The line of the problem, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub reason: String,
}

impl Warning {
    pub(crate) fn undecodable(folder: &str, name: &str, error: &DocumentError) -> Self {
        let reason = match error {
            DocumentError::Json { source, .. } => source.to_string(),
            DocumentError::Yaml(source) => source.to_string(),
            other => other.to_string(),
        };
        // The YAML errors begin with the line, which is told apart here.
        let line = error.line();
        let reason = reason
            .strip_prefix(&format!("line {line}: "))
            .unwrap_or(&reason)
            .to_owned();
        Self {
            file: format!("{folder}/{name}"),
            line,
            reason,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`{}` line {}: {}",
            self.file, self.line, self.reason
        )
    }
}

/// A bundle image that cannot be used in an index.
#[derive(Debug, thiserror::Error)]
#[error(
    "bundle image `{path}` cannot be used: {problem}{}",
    Suspects(suspects)
)]
pub struct BundleError {
    path: String,
    problem: Box<Problem>,
    suspects: Vec<Warning>,
}

impl BundleError {
    pub(crate) fn new(path: &str, problem: Problem) -> Self {
        Self {
            path: path.to_owned(),
            problem: Box::new(problem),
            suspects: Vec::new(),
        }
    }

    /// Looks for the likely cause among the files that were skipped.
    pub(crate) fn of_files(
        path: &str,
        problem: Problem,
        files: &BundleFiles,
        warnings: Vec<Warning>,
    ) -> Self {
        let suspects = match problem.wanted() {
            Some((folder, marker)) => suspects(folder, marker, files, warnings),
            None => Vec::new(),
        };
        Self {
            suspects,
            ..Self::new(path, problem)
        }
    }

    /// The pull spec of the bundle.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The skipped files that are the likely cause.
    pub fn suspects(&self) -> &[Warning] {
        &self.suspects
    }
}

/// The skipped files of a folder that mention what is missing; all skipped ones of the folder if none does.
fn suspects(
    folder: &str,
    marker: &str,
    files: &BundleFiles,
    warnings: Vec<Warning>,
) -> Vec<Warning> {
    let folder_files = if folder == "manifests" {
        &files.manifests
    } else {
        &files.metadata
    };
    let mentions = |warning: &Warning| {
        let name = warning
            .file
            .strip_prefix(folder)
            .and_then(|name| name.strip_prefix('/'))
            .unwrap_or_default();
        let bytes = folder_files.as_ref().and_then(|files| files.get(name));
        bytes.is_some_and(|bytes| String::from_utf8_lossy(bytes).contains(marker))
    };
    let all: Vec<Warning> = warnings
        .into_iter()
        .filter(|warning| warning.file.starts_with(folder))
        .collect();
    let mentioning: Vec<Warning> = all
        .iter()
        .filter(|warning| mentions(warning))
        .cloned()
        .collect();
    if mentioning.is_empty() {
        all
    } else {
        mentioning
    }
}

/// How many of many alike an error names.
const SHOWN: usize = 10;

struct Suspects<'a>(&'a [Warning]);

impl fmt::Display for Suspects<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, warning) in self.0.iter().take(SHOWN).enumerate() {
            formatter.write_str(if index == 0 {
                "; likely cause, skipped as undecodable: "
            } else {
                ", "
            })?;
            warning.fmt(formatter)?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(formatter, " and {more} more"),
        }
    }
}

/// One way for a bundle to be unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The image has no such folder.
    #[error(
        "it has no folder `/{folder}`; copy it into the image (labels naming another folder are not followed)"
    )]
    FolderMissing {
        /// `manifests` or `metadata`.
        folder: &'static str,
    },
    /// No file of `/manifests` holds an object.
    #[error("no file in `/manifests` holds a Kubernetes object; add the CSV and the CRDs it owns")]
    NoObjects,
    /// No object is a CSV.
    #[error(
        "no file in `/manifests` holds a `ClusterServiceVersion`; add it as the first document of its file"
    )]
    NoCsv,
    /// The CSV has no name.
    #[error("the CSV has no `metadata.name`; every bundle needs one of its own")]
    NoName,
    /// No file of `/metadata` holds the bundle annotations.
    #[error(
        "no file in `/metadata` has `annotations` with `operators.operatorframework.io.bundle.package.v1` or its channels; \
         add `annotations.yaml` as the bundle tools generate it"
    )]
    NoAnnotations,
    /// A field does not have the type it must have.
    #[error("`{field}` of {place} must be {expected}, but is {found}; correct it")]
    WrongType {
        /// The field, such as `spec.version`.
        field: String,
        /// The object or file it belongs to.
        place: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// The name of an API is not `<plural>.<group>`.
    #[error(
        "the CSV names the API `{name}`, which is not of the form `<plural>.<group>`; correct it in `spec.customresourcedefinitions`"
    )]
    ApiName {
        /// The name.
        name: String,
    },
    /// The CSV owns a CRD the bundle does not hold.
    #[error(
        "the CSV owns `{api}`, but no CRD in `/manifests` defines it (found: {}); add the CRD or drop it from \
         `spec.customresourcedefinitions.owned`",
        listed(.found)
    )]
    ApiMissing {
        /// The owned API.
        api: Api,
        /// What the CRDs define.
        found: Vec<Api>,
    },
    /// A CRD of a known version belongs to a foreign group.
    #[error(
        "the CRD `{name}` has apiVersion `{api_version}`; CRDs of `v1` and `v1beta1` belong to `apiextensions.k8s.io`"
    )]
    CrdGroup {
        /// The name of the CRD.
        name: String,
        /// Its `apiVersion`.
        api_version: String,
    },
    /// The properties in the annotation `olm.properties` cannot be used.
    #[error("the CSV annotation `olm.properties` cannot be used: {reason}; correct it")]
    Properties {
        /// What is wrong with them.
        reason: String,
    },
    /// A property or dependency of a known type has a value that does not fit it.
    #[error("a declared property or dependency cannot be used: {reason}; correct it")]
    KnownProperty {
        /// What is wrong with it.
        reason: String,
    },
    /// A name or a list is larger than any index could carry.
    #[error("{what}: {size} is more than the {limit} accepted; correct the bundle")]
    TooMuch {
        /// What is too long or too many.
        what: String,
        /// How much it is.
        size: usize,
        /// How much is accepted.
        limit: usize,
    },
    /// A substitute does not say in its version which release it is.
    #[error(
        "`{name}` has `olm.substitutesFor`, but its version `{version}` carries no release as build metadata; \
         give it one, such as `{version}+1`, or drop the annotation"
    )]
    NoRelease {
        /// The bundle.
        name: String,
        /// Its version.
        version: String,
    },
}

impl Problem {
    /// The folder that lacks something, and a word by which the file meant to hold it is recognised.
    fn wanted(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::NoObjects | Self::NoCsv => Some(("manifests", "ClusterServiceVersion")),
            Self::ApiMissing { .. } => Some(("manifests", "CustomResourceDefinition")),
            Self::NoAnnotations => Some(("metadata", "operators.operatorframework.io.bundle")),
            Self::FolderMissing { .. }
            | Self::NoName
            | Self::WrongType { .. }
            | Self::ApiName { .. }
            | Self::CrdGroup { .. }
            | Self::Properties { .. }
            | Self::KnownProperty { .. }
            | Self::TooMuch { .. }
            | Self::NoRelease { .. } => None,
        }
    }
}

fn listed(apis: &[Api]) -> String {
    if apis.is_empty() {
        return "none".to_owned();
    }
    let shown = apis.iter().take(SHOWN);
    let mut names: Vec<String> = shown.map(|api| format!("`{api}`")).collect();
    if apis.len() > SHOWN {
        names.push(format!("{} more", apis.len() - SHOWN));
    }
    names.join(", ")
}
