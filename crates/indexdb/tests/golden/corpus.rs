//! The bundles the recordings were made with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bundle::{Bundle, BundleFiles};

pub(crate) struct Corpus {
    shared: PathBuf,
    images: BTreeMap<String, PathBuf>,
    read: BTreeMap<String, Result<Bundle, String>>,
}

impl Corpus {
    /// Finds the recordings; says so and gives nothing if they are missing, and fails if they must be there.
    pub(crate) fn find() -> Option<Self> {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        let list = shared.join("conformance/opm/images.txt");
        let Ok(list) = std::fs::read_to_string(&list) else {
            #[expect(
                clippy::disallowed_methods,
                reason = "whether a skipped test is an error is up to the caller"
            )]
            let required = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(
                !required,
                "the recordings are missing: {} cannot be read",
                list.display()
            );
            eprintln!(
                "SKIPPED: the recordings are missing ({} cannot be read)",
                list.display()
            );
            return None;
        };
        let mut images = BTreeMap::new();
        for line in list.lines() {
            let [package, version, image] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("odd line {line:?}")
            };
            let folder = ["bundles", "synthetic"]
                .map(|kind| shared.join("corpus").join(kind).join(package).join(version))
                .into_iter()
                .find(|folder| folder.is_dir())
                .unwrap_or_else(|| panic!("no folder for {line:?}"));
            images.insert(image.to_owned(), folder);
        }
        Some(Self {
            shared,
            images,
            read: BTreeMap::new(),
        })
    }

    pub(crate) fn recordings(&self) -> PathBuf {
        self.shared.join("conformance/opm")
    }

    /// The bundle of an image, or why there is none.
    pub(crate) fn bundle(&mut self, image: &str) -> Result<Bundle, String> {
        let folder = self
            .images
            .get(image)
            .ok_or_else(|| format!("image `{image}` not found"))?;
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

fn files(folder: &Path) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).ok()? {
        let path = entry.unwrap().path();
        if path.is_file() {
            files.insert(
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                std::fs::read(&path).unwrap(),
            );
        }
    }
    Some(files)
}
