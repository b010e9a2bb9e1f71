//! Where everything is in the cache's directory. Blocking.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::CacheError;
use crate::digest::{Algorithm, Digest};
use crate::layout;

/// Tells a cache from other directories, whose files are nobody's to delete.
const MARKER: &str = ".blob-cache";
/// Written to learn the time.
const CLOCK: &str = ".clock";
const MEDIA_TYPES: &str = "media-types";
const LAYERS: &str = "layers";

/// A use that is less than this after the last one is not noted.
const USE_INTERVAL: Duration = Duration::from_mins(1);

/// The cache's directory.
#[derive(Clone, Debug)]
pub(super) struct Places {
    root: PathBuf,
}

impl Places {
    /// Opens the cache in the directory `root`, or makes one if there is nothing.
    pub(super) fn open(root: PathBuf) -> Result<Self, CacheError> {
        let unusable = |source| CacheError::Io {
            path: root.clone(),
            source,
        };
        // What is in here may come from places that not everybody may read.
        let mut directories = DirBuilder::new();
        directories.recursive(true).mode(0o700);
        directories.create(&root).map_err(unusable)?;
        let marker = root.join(MARKER);
        if !marker.exists() {
            if fs::read_dir(&root).map_err(unusable)?.next().is_some() && !marker.exists() {
                return Err(CacheError::NotACache { path: root });
            }
            // Comes first: a process that opens the cache meanwhile sees an empty directory or the marker.
            File::create(&marker).map_err(unusable)?;
        }
        layout::index::create(&root)?;
        let places = Self { root };
        for directory in [places.layers(), places.media_types()] {
            directories.create(&directory).map_err(at(&directory))?;
        }
        Ok(places)
    }

    /// The directory, which is an OCI image layout too.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// A small blob.
    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        layout::blobs::path(&self.root, digest)
    }

    /// The directory of all small blobs of one algorithm.
    pub(super) fn blobs(&self, algorithm: Algorithm) -> PathBuf {
        self.root.join("blobs").join(algorithm.as_str())
    }

    /// The media type of a manifest that does not say it itself.
    pub(super) fn media_type(&self, digest: &Digest) -> PathBuf {
        self.media_types().join(digest.hex())
    }

    /// The directory of all media types.
    pub(super) fn media_types(&self) -> PathBuf {
        self.root.join(MEDIA_TYPES)
    }

    /// The directory of all opened layers.
    pub(super) fn layers(&self) -> PathBuf {
        self.root.join(LAYERS)
    }

    /// The directory of an opened layer. The length of the name tells the digest's algorithm.
    pub(super) fn layer(&self, digest: &Digest) -> PathBuf {
        self.layers().join(digest.hex())
    }

    /// The time, as the file system of the cache tells it: all times here are compared with each other alone.
    pub(super) fn now(&self) -> io::Result<SystemTime> {
        use std::os::unix::fs::FileExt as _;
        let clock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.root.join(CLOCK))?;
        clock.write_all_at(&[0], 0)?;
        clock.metadata()?.modified()
    }

    /// Notes on `file` that it was used just now, unless it was noted lately.
    pub(super) fn touch(&self, file: &File) {
        let noted = || {
            let now = self.now()?;
            let last = file.metadata()?.modified()?;
            if now
                .duration_since(last)
                .is_ok_and(|past| past < USE_INTERVAL)
            {
                return Ok(());
            }
            file.set_modified(now)
        };
        let noted: io::Result<()> = noted();
        if let Err(error) = noted {
            // In a cache that belongs to somebody else, say. It is evicted too early at worst.
            tracing::debug!(%error, "a use of the blob cache was not noted");
        }
    }
}

/// The archive of an opened layer in its directory.
pub(super) fn archive_of(layer: &Path) -> PathBuf {
    layer.join("archive")
}

/// The index of an opened layer in its directory.
pub(super) fn index_of(layer: &Path) -> PathBuf {
    layer.join("index")
}

/// The digest that a file's name stands for.
pub(super) fn digest_of(name: &str) -> Option<Digest> {
    let algorithm = match name.len() {
        64 => Algorithm::Sha256,
        128 => Algorithm::Sha512,
        _ => return None,
    };
    format!("{}:{name}", algorithm.as_str()).parse().ok()
}

/// The error for a failure at `path`.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> CacheError + use<> {
    let path = path.to_owned();
    move |source| CacheError::Io { path, source }
}
