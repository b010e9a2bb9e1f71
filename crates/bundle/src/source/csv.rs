//! The CSV of a bundle.

use std::collections::{BTreeMap, BTreeSet};

use catalog::placed::{Expansion, Node};

use super::{Origin, PullSpec, SourceError, SourceFile, shape};

/// The directory of the manifests, and the endings of those that are looked at.
const MANIFESTS: &str = "manifests/";
const ENDINGS: [&str; 2] = [".yaml", ".yml"];

/// The one `ClusterServiceVersion` of a bundle, as text.
#[derive(Debug, Clone)]
pub struct Csv {
    pub(super) file: SourceFile,
}

impl Csv {
    /// Finds the CSV among the files of a bundle, by their paths in the image (`manifests/…`), and checks its shape as far as
    /// images may be named in it.
    ///
    /// # Errors
    /// [`SourceError`] if a manifest is not one YAML document without repeated keys, if not exactly one of them is a CSV, or if
    /// the CSV has not the shape of one.
    pub fn find(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, SourceError> {
        let is_manifest = |path: &str| {
            path.starts_with(MANIFESTS) && ENDINGS.iter().any(|ending| path.ends_with(ending))
        };
        let manifests = || files.iter().filter(|(path, _)| is_manifest(path));
        // Aliases of all files together are bounded.
        let expansion = Expansion::of_size(manifests().map(|(_, bytes)| bytes.len()).sum());
        let mut csv: Option<SourceFile> = None;
        for (path, bytes) in manifests() {
            let file = SourceFile::read(path, bytes, &expansion)?;
            if file.document().get("kind").and_then(Node::as_str) != Some("ClusterServiceVersion") {
                continue;
            }
            if let Some(first) = csv {
                return Err(SourceError::SeveralCsvs {
                    first: first.path().to_owned(),
                    second: path.clone(),
                });
            }
            csv = Some(file);
        }
        let file = csv.ok_or(SourceError::NoCsv)?;
        shape::check(&file)?;
        Ok(Self { file })
    }

    /// The file it is in.
    pub fn file(&self) -> &SourceFile {
        &self.file
    }

    /// Every image it names, once each.
    ///
    /// # Errors
    /// Those of [`Csv::found`].
    pub fn pull_specs(&self) -> Result<BTreeSet<PullSpec>, SourceError> {
        Ok(self.found()?.into_iter().map(|found| found.spec).collect())
    }

    /// Every image it names, with what names it first: a guess only if nothing else does.
    ///
    /// # Errors
    /// Those of [`Csv::found`].
    pub fn origins(&self) -> Result<BTreeMap<PullSpec, Origin>, SourceError> {
        let mut origins = BTreeMap::new();
        for found in self.found()? {
            origins.entry(found.spec).or_insert(found.origin);
        }
        Ok(origins)
    }
}
