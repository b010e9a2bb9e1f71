//! The bundles that scenarios name, by the pull specs the reference tool saw.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Context as _;
use bundle::{Bundle, BundleFiles};

/// The registry in all recorded pull specs.
pub const PLACEHOLDER: &str = "registry.test:5000";
/// How far below a corpus bundles are looked for.
const MAX_DEPTH: usize = 6;

/// Where a replay gets bundles from.
pub trait Bundles: Sync {
    /// The bundle in an image.
    ///
    /// # Errors
    /// Why there is none, with all causes in one line.
    fn bundle(&self, image: &str) -> Result<Bundle, String>;
}

/// Refuses what is no image in the registry that holds all bundles: a replay must not depend on what else is out there.
///
/// # Errors
/// The refusal.
pub fn check_pull_spec(image: &str) -> Result<(), String> {
    let path = image.strip_prefix(PLACEHOLDER);
    if path.is_some_and(|path| path.starts_with('/')) {
        return Ok(());
    }
    Err(format!(
        "`{image}` is no pull spec of an image in `{PLACEHOLDER}`, which holds all bundles"
    ))
}

/// Directories of bundles, and the list that says which image was made of which.
#[derive(Debug)]
pub struct Corpus {
    folders: Vec<Folder>,
    /// Package and version, by pull spec.
    listed: BTreeMap<String, (String, String)>,
}

/// The directory of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The name of the directory above it.
    pub package: String,
    /// Its name.
    pub version: String,
    /// Where it is.
    pub path: PathBuf,
}

impl Corpus {
    /// Finds all bundles below some directories, and reads the list of images if there is one: `<package> <version> <pull
    /// spec>` a line.
    ///
    /// # Errors
    /// If a directory cannot be listed, or the list has a line of another form.
    pub fn read(list: &Path, roots: &[PathBuf]) -> anyhow::Result<Self> {
        let mut folders = Vec::new();
        for root in roots {
            find(root, MAX_DEPTH, &mut folders)
                .with_context(|| format!("the corpus `{}` cannot be read", root.display()))?;
        }
        let text = match std::fs::read_to_string(list) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read.with_context(|| format!("`{}` cannot be read", list.display()))?,
        };
        let mut listed = BTreeMap::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let [package, version, image] = line.split_whitespace().collect::<Vec<_>>()[..] else {
                anyhow::bail!("`{}` has an odd line `{line}`", list.display());
            };
            listed.insert(image.to_owned(), (package.to_owned(), version.to_owned()));
        }
        Ok(Self { folders, listed })
    }

    /// All bundles found, in the order of the directories and of names in them.
    pub fn folders(&self) -> &[Folder] {
        &self.folders
    }

    /// The package and version that the list gives for an image.
    pub fn listed(&self, image: &str) -> Option<(&str, &str)> {
        let (package, version) = self.listed.get(image)?;
        Some((package, version))
    }

    /// The directories of a version of a package; more than one if several corpora have it.
    pub fn of(&self, package: &str, version: &str) -> impl Iterator<Item = &Folder> {
        self.folders
            .iter()
            .filter(move |folder| folder.package == package && folder.version == version)
    }
}

/// Collects the directories of bundles below `path`: those with manifests or metadata.
fn find(path: &Path, depth: usize, found: &mut Vec<Folder>) -> std::io::Result<()> {
    if ["manifests", "metadata"]
        .iter()
        .any(|name| path.join(name).is_dir())
    {
        let name = |path: Option<&Path>| {
            let name = path.and_then(Path::file_name).unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        found.push(Folder {
            package: name(path.parent()),
            version: name(Some(path)),
            path: path.to_owned(),
        });
        return Ok(());
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Ok(());
    };
    let mut below = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() {
            below.push(path);
        }
    }
    below.sort();
    below.iter().try_for_each(|path| find(path, depth, found))
}

/// Reads bundles right out of their directories, each once; images must be listed.
#[derive(Debug)]
pub struct Folders {
    corpus: Corpus,
    read: ReadOnce,
}

/// Bundles by their images, each read once, however many ask for it at once.
#[derive(Debug, Default)]
pub struct ReadOnce(Mutex<BTreeMap<String, Read>>);

/// What reading gave, once it is done.
type Read = Arc<OnceLock<Result<Bundle, String>>>;

impl ReadOnce {
    /// The bundle in an image; `read` is called if nobody asked for it before.
    ///
    /// # Errors
    /// What `read` returned.
    pub fn get(
        &self,
        image: &str,
        read: impl FnOnce() -> Result<Bundle, String>,
    ) -> Result<Bundle, String> {
        let bundle = Arc::clone(
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(image.to_owned())
                .or_default(),
        );
        bundle.get_or_init(read).clone()
    }
}

impl Folders {
    /// Reads the bundles of a corpus.
    pub fn new(corpus: Corpus) -> Self {
        Self {
            corpus,
            read: ReadOnce::default(),
        }
    }

    fn read(&self, image: &str) -> Result<Bundle, String> {
        check_pull_spec(image)?;
        let folder = self
            .corpus
            .listed(image)
            .and_then(|(package, version)| self.corpus.of(package, version).next())
            .ok_or_else(|| format!("the image `{image}` does not exist"))?;
        let files = |name| {
            let path = folder.path.join(name);
            path.is_dir().then(|| children(&path)).transpose()
        };
        let read = || {
            Ok::<_, std::io::Error>(BundleFiles {
                manifests: files("manifests")?,
                metadata: files("metadata")?,
            })
        };
        let files = read().map_err(|error| crate::with_causes(&error))?;
        Bundle::read(&files, image).map_err(|error| crate::with_causes(&error))
    }
}

impl Bundles for Folders {
    fn bundle(&self, image: &str) -> Result<Bundle, String> {
        self.read.get(image, || self.read(image))
    }
}

/// The files right in a directory, by name.
pub(crate) fn children(folder: &Path) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.insert(name, std::fs::read(entry.path())?);
        }
    }
    Ok(files)
}
