//! A registry, and a cache before it.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use oci::{
    BlobCache, CacheConfig, Client, Descriptor, EntryKind, Error, ImageRepository, LayerEntry,
    Limits, OpenLayer, RemoteRepository,
};
use tempfile::TempDir;

use crate::archives::{Entry, gzip, tar};
use crate::registries::{Fixture, client, put};

/// More than any test writes.
pub(crate) const ROOMY: u64 = 1 << 30;

/// A registry's repository and a directory for a cache.
pub(crate) struct World {
    pub(crate) fixture: Fixture,
    pub(crate) dir: TempDir,
    pub(crate) client: Client,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self {
            fixture: Fixture::start().await,
            dir: tempfile::tempdir().unwrap(),
            client: client(),
        }
    }

    pub(crate) fn remote(&self) -> RemoteRepository {
        self.fixture.repository(&self.client, "ns/app")
    }

    pub(crate) fn repository(&self) -> ImageRepository {
        ImageRepository::Remote(self.remote())
    }

    /// The cache's directory.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    /// The cache, as another process sees it: nothing is shared but the directory.
    pub(crate) async fn cache(&self) -> BlobCache {
        self.cache_of(ROOMY).await
    }

    pub(crate) async fn cache_of(&self, limit_bytes: u64) -> BlobCache {
        let dir = self.root();
        BlobCache::open(CacheConfig { dir, limit_bytes })
            .await
            .unwrap()
    }

    /// Pushes a layer as it is.
    pub(crate) async fn push(&self, blob: Vec<u8>) -> Descriptor {
        put(&self.remote(), &Bytes::from(blob)).await
    }

    /// Pushes a layer of `entries`.
    pub(crate) async fn layer(&self, entries: &[Entry]) -> Descriptor {
        self.push(gzip(&tar(entries))).await
    }

    pub(crate) async fn open(
        &self,
        cache: &BlobCache,
        layer: &Descriptor,
    ) -> Result<OpenLayer, Error> {
        let limits = Limits::index();
        cache.open_layer(&self.repository(), layer, &limits).await
    }

    /// The directory of an opened layer.
    pub(crate) fn home(&self, layer: &Descriptor) -> PathBuf {
        self.root().join("layers").join(layer.digest.hex())
    }

    /// The file of a small blob.
    pub(crate) fn blob_file(&self, digest: &oci::Digest) -> PathBuf {
        self.root().join("blobs/sha256").join(digest.hex())
    }

    /// How many requests the registry has got since this was asked last.
    pub(crate) fn requests(&self) -> u64 {
        let requests = self.fixture.registry.log().totals().requests;
        self.fixture.registry.log().clear();
        requests
    }
}

/// The entry of `path` that is no deletion.
pub(crate) fn entry<'a>(layer: &'a OpenLayer, path: &str) -> &'a LayerEntry {
    let is_deletion =
        |entry: &LayerEntry| matches!(entry.kind, EntryKind::Whiteout | EntryKind::OpaqueDirectory);
    layer
        .entries()
        .iter()
        .find(|entry| entry.path == path && !is_deletion(entry))
        .unwrap_or_else(|| panic!("`{path}` is not in {:?}", layer.entries()))
}

/// The content of the file `path`, as text.
pub(crate) fn read(layer: &OpenLayer, path: &str) -> String {
    let bytes = layer.read(entry(layer, path)).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The names in a directory, sorted.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().into_string().unwrap()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// Flips a bit in the middle of a file.
pub(crate) fn damage(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}
