//! Caches in the layers of an image, which are files that hold other files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog::Profile;
use catalog::cache::{
    self, CacheDelta, CacheError, Extent, Integrity, Options, PackageChange, StoredCache,
};
use catalog::fbc::{Catalog, Output};
use catalog::json;

use crate::pogreb::replay;

/// A catalog that changes from step to step, with its cache: in a directory as a server sees it, and in layers.
pub(crate) struct World {
    dir: tempfile::TempDir,
    profile: Profile,
    pub(crate) packages: BTreeMap<String, Catalog>,
    pub(crate) stored: StoredCache,
}

impl World {
    pub(crate) fn new(profile: Profile) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("catalog")).unwrap();
        Self {
            dir,
            profile,
            packages: BTreeMap::new(),
            stored: StoredCache::default(),
        }
    }

    pub(crate) fn catalog(&self) -> PathBuf {
        self.dir.path().join("catalog")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    /// Changes a package of the catalog; its file has its blobs in their normal form.
    pub(crate) fn set(&mut self, name: &str, mut package: Catalog) {
        // Profile B makes names of keys of these, and the slash is not for them.
        package.others.retain(|other| !other.schema.contains('/'));
        let mut written = Vec::new();
        package.write(Output::Json, &mut written).unwrap();
        let mut text = String::new();
        for blob in json::raw::values(&written).unwrap() {
            text += &json::to_plain_text(&json::parse(blob).unwrap());
            text.push('\n');
        }
        fs::write(self.catalog().join(format!("{name}.json")), text).unwrap();
        self.packages.insert(name.to_owned(), package);
    }

    fn options(&self) -> Options {
        Options {
            profile: self.profile,
            ..Options::default()
        }
    }

    /// Writes the cache into the first layer.
    pub(crate) fn begin(&mut self) {
        cache::write(&self.catalog(), &self.cache(), self.options()).unwrap();
        self.stored = StoredCache::default();
        layer(&mut self.stored, files(&self.dir.path().join("cache")));
    }

    /// The normal form of all blobs in the order of the walk.
    pub(crate) fn blobs(&self) -> Vec<Extent> {
        let files = catalog::fbc::files(&self.catalog()).unwrap();
        let extent = |path: PathBuf| {
            let file = File::open(path).unwrap();
            let size = file.metadata().unwrap().len();
            let file = Arc::new(file);
            Extent {
                file,
                offset: 0,
                size,
            }
        };
        files.into_iter().map(extent).collect()
    }

    /// What makes the cache belong to the catalog, in which these packages have changed.
    pub(crate) fn delta(&self, changed: &[&str]) -> Result<CacheDelta, CacheError> {
        self.delta_of(&self.stored, changed)
    }

    /// The same for another stored cache.
    pub(crate) fn delta_of(
        &self,
        stored: &StoredCache,
        changed: &[&str],
    ) -> Result<CacheDelta, CacheError> {
        let change = |name: &&str| {
            let change = match self.packages.get(*name) {
                Some(catalog) if *catalog != Catalog::default() => PackageChange::Set(catalog),
                _ => PackageChange::Gone,
            };
            ((*name).to_owned(), change)
        };
        let named = changed.iter().map(change).collect();
        cache::delta(stored, &named, self.blobs(), self.profile)
    }

    /// Lays a delta over the cache.
    pub(crate) fn lay_over(&mut self, changed: &[&str]) -> Result<CacheDelta, CacheError> {
        let delta = self.delta(changed)?;
        let mut layer = BTreeMap::new();
        for file in &delta.files {
            assert_eq!(file.mode, 0o660);
            fs::write(self.cache().join(&file.path), &file.content).unwrap();
            layer.insert(file.path.clone(), file.content.clone());
        }
        self::layer(&mut self.stored, layer);
        Ok(delta)
    }

    /// A copy of the cache's directory.
    pub(crate) fn twin(&self) -> tempfile::TempDir {
        let twin = tempfile::tempdir().unwrap();
        fs::create_dir_all(twin.path().join("pogreb.v1/db")).unwrap();
        for (path, content) in files(&self.cache()) {
            fs::write(twin.path().join(path), content).unwrap();
        }
        twin
    }

    pub(crate) fn segments(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = files(&self.cache());
        files.retain(|path, _| is_segment(path));
        files
    }

    /// Compares the cache with one that is written anew.
    pub(crate) fn assert_is_as_new(&self) {
        let fresh = tempfile::tempdir().unwrap();
        let report = cache::write(&self.catalog(), fresh.path(), self.options()).unwrap();
        let current = Integrity::Current {
            digest: report.digest,
        };
        let found = cache::check(&self.catalog(), &self.cache()).unwrap();
        assert_eq!(found, current);
        let expected = replay(&fresh.path().join("pogreb.v1/db"));
        let mut indexed = BTreeMap::new();
        let take = |key: &[u8], value: &[u8]| {
            indexed.insert(key.to_vec(), value.to_vec());
        };
        cache::records(&self.cache(), take).unwrap();
        assert!(indexed == expected, "what the index leads to");
        let recovered = replay(&self.cache().join("pogreb.v1/db"));
        assert!(recovered == expected, "what a server recovers");
    }
}

/// Adds a layer that holds these files.
pub(crate) fn layer(stored: &mut StoredCache, files: BTreeMap<String, Vec<u8>>) {
    let mut layer = Vec::new();
    let mut places = Vec::new();
    for (path, content) in files {
        layer.extend_from_slice(b"something between two files");
        let (offset, size) = (layer.len() as u64, content.len() as u64);
        places.push((path, offset, size));
        layer.extend_from_slice(&content);
    }
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&layer).unwrap();
    let file = Arc::new(file);
    for (path, offset, size) in places {
        let file = Arc::clone(&file);
        let extent = Extent { file, offset, size };
        stored.files.insert(path, extent);
    }
}

/// The part of a catalog that belongs to a package.
pub(crate) fn of_package(catalog: &Catalog, name: &str) -> Catalog {
    let mut part = catalog.clone();
    part.packages.retain(|blob| blob.name == name);
    part.channels.retain(|blob| blob.package == name);
    part.bundles.retain(|blob| blob.package == name);
    part.deprecations.retain(|blob| blob.package == name);
    part.others.retain(|blob| blob.package == name);
    part
}

/// All files of a cache by their path.
pub(crate) fn files(cache: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["pogreb.v1", "pogreb.v1/db"] {
        for entry in fs::read_dir(cache.join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let name = entry.file_name().into_string().unwrap();
                let content = fs::read(entry.path()).unwrap();
                found.insert(format!("{folder}/{name}"), content);
            }
        }
    }
    found
}

pub(crate) fn is_segment(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|end| end == "psg")
}
