//! The annotations of a bundle.

use std::collections::BTreeMap;

use catalog::placed::{Expansion, Node, Value};

use super::path::JsonPath;
use super::{SourceError, SourceFile, replace, scalar};

/// The annotation, and the label, that names the package of a bundle.
pub const PACKAGE_LABEL: &str = "operators.operatorframework.io.bundle.package.v1";

const FILE: &str = "metadata/annotations.yaml";
const ANNOTATIONS: &str = "annotations";

/// `metadata/annotations.yaml` of a bundle, as text; it names a package.
#[derive(Debug, Clone)]
pub struct Annotations {
    file: SourceFile,
}

impl Annotations {
    /// Takes the annotations out of the files of a bundle, by their paths in the image.
    ///
    /// # Errors
    /// [`SourceError`] if there are none, if they are not one YAML document without repeated keys, or if they name no package.
    pub fn read(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, SourceError> {
        let bytes = files.get(FILE).ok_or(SourceError::AnnotationsMissing)?;
        let file = SourceFile::read(FILE, bytes, &Expansion::of_size(bytes.len()))?;
        let root = file.document();
        let shape = |node: &Node, path| SourceError::AnnotationsShape {
            line: node.place.line,
            path,
            found: node.kind(),
        };
        let path = JsonPath::of(&[ANNOTATIONS]);
        let Some(annotations) = root.get(ANNOTATIONS) else {
            return Err(match root.members() {
                None => shape(root, JsonPath::default()),
                Some(_) => SourceError::AnnotationsShape {
                    line: root.place.line,
                    path,
                    found: "missing",
                },
            });
        };
        if annotations.members().is_none() {
            return Err(shape(annotations, path));
        }
        match annotations.get(PACKAGE_LABEL) {
            None => return Err(SourceError::PackageMissing),
            Some(package) => match package.as_str() {
                Some("") => return Err(SourceError::PackageMissing),
                Some(_) => {}
                None if package.value == Value::Null => return Err(SourceError::PackageMissing),
                None => {
                    return Err(SourceError::PackageShape {
                        line: package.place.line,
                        found: package.kind(),
                    });
                }
            },
        }
        Ok(Self { file })
    }

    /// The file they are in.
    pub fn file(&self) -> &SourceFile {
        &self.file
    }

    /// The package the bundle belongs to; never empty.
    pub fn package(&self) -> &str {
        let package = self.file.document().at(&[ANNOTATIONS, PACKAGE_LABEL]);
        package.and_then(Node::as_str).unwrap_or_default()
    }

    /// Gives the package another name; nothing else changes.
    ///
    /// # Errors
    /// [`SourceError::NotEditable`] if that is not possible.
    pub fn set_package(&mut self, package: &str) -> Result<(), SourceError> {
        let path = JsonPath::of(&[ANNOTATIONS, PACKAGE_LABEL]);
        let mut meant = self.file.document().clone();
        let Some(node) = replace::node_mut(&mut meant, path.steps()) else {
            return Err(SourceError::PackageMissing);
        };
        let place = node.place;
        let old = std::mem::replace(&mut node.value, Value::String(package.to_owned()));
        let Value::String(old) = old else {
            return Err(SourceError::PackageMissing);
        };
        let parts = [(0..old.len(), package.to_owned())];
        let Some(patches) = scalar::rewrite(self.file.text(), place, &old, &parts) else {
            let node = self.file.document();
            return Err(self.file.not_editable(&path, node));
        };
        self.file.change(&meant, patches)
    }
}
