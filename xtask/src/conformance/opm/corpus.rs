//! The bundles the scenarios name, by the pull specs the real tool saw.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bundle::{Bundle, BundleFiles};

/// Which directory each bundle image was made of.
#[derive(Debug)]
pub(super) struct Images(BTreeMap<String, PathBuf>);

impl Images {
    /// Reads the list of images (`<package> <version> <pull spec>` a line) and finds their directories.
    pub(super) fn read(list: &Path, corpora: &[PathBuf]) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(list).with_context(|| {
            format!(
                "the list of images `{}` cannot be read; `push_bundles.py --dry-run` makes one",
                list.display()
            )
        })?;
        let mut roots = Vec::new();
        for corpus in corpora {
            roots.push(corpus.clone());
            let entries = std::fs::read_dir(corpus)
                .with_context(|| format!("the corpus `{}` cannot be read", corpus.display()))?;
            for entry in entries {
                roots.push(entry?.path());
            }
        }
        let mut images = BTreeMap::new();
        for line in text.lines() {
            let [package, version, image] = line.split(' ').collect::<Vec<_>>()[..] else {
                anyhow::bail!("`{}` has an odd line `{line}`", list.display());
            };
            let folder = roots
                .iter()
                .map(|root| root.join(package).join(version))
                .find(|folder| folder.is_dir());
            // An image whose directory is elsewhere is not found when a scenario asks for it.
            if let Some(folder) = folder {
                images.insert(image.to_owned(), folder);
            }
        }
        Ok(Self(images))
    }
}

/// Reads bundles, each once.
pub(super) struct Corpus<'a> {
    images: &'a Images,
    read: BTreeMap<String, Result<Bundle, String>>,
}

impl<'a> Corpus<'a> {
    pub(super) fn new(images: &'a Images) -> Self {
        Self {
            images,
            read: BTreeMap::new(),
        }
    }

    /// The bundle of an image, or the text of the error that there is none.
    pub(super) fn bundle(&mut self, image: &str) -> Result<Bundle, String> {
        let Some(folder) = self.images.0.get(image) else {
            return Err(format!("image `{image}` not found"));
        };
        let read = || {
            let files = BundleFiles {
                manifests: files(&folder.join("manifests")),
                metadata: files(&folder.join("metadata")),
            };
            Bundle::read(&files, image).map_err(|error| error.to_string())
        };
        self.read
            .entry(image.to_owned())
            .or_insert_with(read)
            .clone()
    }
}

/// The files right in a directory; nothing if there is no such directory.
fn files(folder: &Path) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).ok()? {
        let path = entry.ok()?.path();
        if path.is_file() {
            let name = path.file_name()?.to_string_lossy().into_owned();
            files.insert(name, std::fs::read(&path).ok()?);
        }
    }
    Some(files)
}
