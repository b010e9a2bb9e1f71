//! Blobs and opened layers on disk, for the next one who asks.
//!
//! | path in the directory | content |
//! | --- | --- |
//! | `oci-layout`, `index.json`, `blobs/<algorithm>/<hex>` | manifests and other small blobs, as an OCI image layout has them |
//! | `media-types/<hex>` | the media type of a manifest that does not say it itself |
//! | `layers/<hex>/archive` | the uncompressed archive of a layer, by the digest of its compressed blob |
//! | `layers/<hex>/index` | where each file is in it, by a version of its own |
//! | `layers/<hex>/note.<name>` | what somebody noted beside the layer |
//!
//! Everything appears under its name when it is whole, and goes in one step, so processes may share the directory and
//! end at any moment. Nothing is believed that is not what its digest says. Compressed layers are not kept: everything
//! is read from the opened ones, and who publishes a layer refers to it by its digest.
//!
//! Credentials never enter the cache. What is in it is given to everybody who uses the cache and knows its digest,
//! whoever was allowed to fetch it.

mod error;
mod in_flight;
mod inventory;
mod layer_index;
mod layers;
mod leftovers;
mod notes;
mod open_layer;
mod origin;
mod places;
mod small_blobs;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::blocking;
use crate::client::BlobSource;
use crate::digest::Digest;
use crate::error::Error;
use crate::image_files::Limits;
use crate::image_repository::ImageRepository;
use crate::layer::Layer;
use crate::manifest::{Descriptor, RawManifest};
use crate::media_type::MediaType;
use crate::reference::Reference;

use in_flight::InFlight;
use notes::NoteName;
use open_layer::WeakLayer;
use origin::Origin;
use places::Places;

pub use error::CacheError;
pub use inventory::{CachedItem, CachedKind, Pruned};
pub use notes::Note;
pub use open_layer::OpenLayer;

/// Where the cache is and how large it may become.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// The directory; made when it does not exist. Processes may share it.
    pub dir: PathBuf,
    /// What the items of the cache may take on the disk together, in bytes. What is being written, and layers that are
    /// in use, may come on top.
    pub limit_bytes: u64,
}

/// Blobs and opened layers on disk, shared by processes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BlobCache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    places: Places,
    limit_bytes: u64,
    in_flight: InFlight,
    in_use: Mutex<HashMap<Digest, WeakLayer>>,
    /// What was written since the cache was last held against its limit.
    unchecked_bytes: AtomicU64,
    /// One check at a time.
    checking: Mutex<()>,
    has_warned: AtomicBool,
}

impl BlobCache {
    /// Opens the cache, or makes one in a directory that is empty or does not exist. What processes left that ended
    /// while they wrote is removed after an hour.
    ///
    /// # Errors
    /// [`CacheError::NotACache`] when the directory holds something else, [`CacheError::Io`] and [`CacheError::Layout`]
    /// when it cannot be used.
    pub async fn open(config: CacheConfig) -> Result<Self, CacheError> {
        let CacheConfig { dir, limit_bytes } = config;
        let places = blocking::run(move || {
            let places = Places::open(dir)?;
            leftovers::clear(&places);
            Ok::<_, CacheError>(places)
        })
        .await?;
        Ok(Self {
            inner: Arc::new(Inner {
                places,
                limit_bytes,
                in_flight: InFlight::default(),
                in_use: Mutex::default(),
                // Nothing is known of it: the first write looks.
                unchecked_bytes: AtomicU64::new(limit_bytes),
                checking: Mutex::default(),
                has_warned: AtomicBool::new(false),
            }),
        })
    }

    /// A manifest by digest: from the cache, where it is verified, else from `from`, and then it is kept.
    ///
    /// A cache that cannot be read or written is no error here.
    ///
    /// # Errors
    /// Those of [`ImageRepository::manifest`].
    pub async fn manifest(
        &self,
        from: &ImageRepository,
        digest: &Digest,
    ) -> Result<RawManifest, Error> {
        let wanted = digest.clone();
        let found = self
            .blocking(move |inner| {
                Ok::<_, Error>(small_blobs::find_manifest(&inner.places, &wanted))
            })
            .await?;
        if let Some(manifest) = found {
            return Ok(manifest);
        }
        let manifest = from.manifest(&Reference::Digest(digest.clone())).await?;
        // What the digest of a signed schema 1 manifest is about are not its bytes, so nothing could verify it here.
        if manifest.media_type != MediaType::DockerSchema1Signed {
            let kept = manifest.clone();
            self.keep(move |places| small_blobs::keep_manifest(places, &kept))
                .await?;
        }
        Ok(manifest)
    }

    /// A small blob, such as an image config, if it has at most `limit` bytes: from the cache, where it is verified,
    /// else from `from`, and then it is kept.
    ///
    /// A cache that cannot be read or written is no error here.
    ///
    /// # Errors
    /// Those of [`ImageRepository::blob_bytes`].
    pub async fn blob_bytes(
        &self,
        from: &ImageRepository,
        descriptor: &Descriptor,
        limit: u64,
    ) -> Result<Bytes, Error> {
        if descriptor.size > limit {
            // To be refused as it is without a cache.
            return from.blob_bytes(descriptor, limit).await;
        }
        let wanted = descriptor.clone();
        let found = self
            .blocking(move |inner| {
                let found = small_blobs::find(&inner.places, &wanted.digest, wanted.size);
                Ok::<_, Error>(found)
            })
            .await?;
        // One that is shorter than the descriptor says is for the source to judge.
        if let Some(bytes) = found
            && crate::size::of(bytes.len()) == descriptor.size
        {
            return Ok(bytes);
        }
        let bytes = from.blob_bytes(descriptor, limit).await?;
        let (descriptor, kept) = (descriptor.clone(), bytes.clone());
        self.keep(move |places| small_blobs::keep(places, &descriptor, &kept))
            .await?;
        Ok(bytes)
    }

    /// The layer, opened: from the cache, else streamed once from `from` in bounded memory, within `limits`. Of these,
    /// the ones that are about one layer are heeded, whether it is cached or not.
    ///
    /// Tasks that want the same layer wait for one of them. When that one is dropped, another goes on with its work;
    /// when it fails, the others try themselves.
    ///
    /// # Errors
    /// Those of [`ImageRepository::blob`], [`ImageFilesError`](crate::ImageFilesError) when the layer is malformed or
    /// exceeds a limit, [`CacheError`] when it cannot be written.
    pub async fn open_layer(
        &self,
        from: &ImageRepository,
        layer: &Descriptor,
        limits: &Limits,
    ) -> Result<OpenLayer, Error> {
        let opened = self
            .open_from(Origin::Repository(from.clone()), layer, limits)
            .await?;
        opened.check(layer, limits, &from.display_name())?;
        Ok(opened)
    }

    /// Takes over a layer that was just written here, so that the next one who opens it finds it.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`] and [`Error::SizeMismatch`] when its bytes are not what it says,
    /// [`CacheError`] when it cannot be written.
    pub async fn adopt_layer(&self, layer: &Layer) -> Result<OpenLayer, Error> {
        let origin = Origin::Here(layer.source.clone());
        let opened = self
            .open_from(origin, &layer.descriptor, &Limits::index())
            .await?;
        if *opened.diff_id() != layer.diff_id {
            return Err(Error::DigestMismatch {
                what: format!("keeping the layer `{}`", layer.descriptor.digest),
                expected: layer.diff_id.digest().clone(),
                actual: opened.diff_id().digest().clone(),
            });
        }
        Ok(opened)
    }

    /// Takes over a manifest that was just written here. A cache that cannot be written is no error.
    ///
    /// # Errors
    /// Only when the runtime shuts down.
    pub async fn adopt_manifest(&self, manifest: &RawManifest) -> Result<(), Error> {
        let kept = manifest.clone();
        self.keep(move |places| small_blobs::keep_manifest(places, &kept))
            .await
    }

    /// Takes over a small blob that was just written here. A cache that cannot be written is no error.
    ///
    /// # Errors
    /// Only when the runtime shuts down.
    pub async fn adopt_blob(&self, descriptor: &Descriptor, bytes: &Bytes) -> Result<(), Error> {
        let (descriptor, kept) = (descriptor.clone(), bytes.clone());
        self.keep(move |places| small_blobs::keep(places, &descriptor, &kept))
            .await
    }

    /// What somebody noted beside the layer under `name`: 1 to 200 of `a` to `z`, `0` to `9`, `.` and `-`. Nothing when
    /// there is no such note, or no such layer.
    ///
    /// # Errors
    /// [`CacheError::NoteName`], and [`CacheError::Io`] when it cannot be read.
    pub async fn note(&self, layer: &Digest, name: &str) -> Result<Option<Note>, CacheError> {
        let name = NoteName::parse(name)?;
        let layer = layer.clone();
        self.blocking(move |inner| notes::find(&inner.places, &layer, &name))
            .await
    }

    /// Notes `content` beside the layer, in place of what was noted under that name; it goes when the layer is evicted.
    /// If that has happened already, the note is not kept, but what is returned can be used.
    ///
    /// # Errors
    /// [`CacheError::NoteName`], and [`CacheError::Io`] when it cannot be written.
    pub async fn put_note(
        &self,
        layer: &Digest,
        name: &str,
        content: BlobSource,
    ) -> Result<Note, CacheError> {
        let name = NoteName::parse(name)?;
        let layer = layer.clone();
        self.blocking(move |inner| {
            let note = notes::put(&inner.places, &layer, &name, &content)?;
            inner.wrote(note.size_bytes());
            Ok(note)
        })
        .await
    }

    /// What is there, last used first.
    ///
    /// # Errors
    /// [`CacheError::Io`] when the directory cannot be read.
    pub async fn list(&self) -> Result<Vec<CachedItem>, CacheError> {
        self.blocking(|inner| inventory::take_stock(&inner.places))
            .await
    }

    /// Removes what was not used for longest until at most `limit_bytes` are left; never a layer that is in use in this
    /// process.
    ///
    /// # Errors
    /// [`CacheError::Io`] when the directory cannot be read.
    pub async fn prune(&self, limit_bytes: u64) -> Result<Pruned, CacheError> {
        self.blocking(move |inner| {
            leftovers::clear(&inner.places);
            inner.evict(limit_bytes)
        })
        .await
    }

    /// Gives what `keep` keeps to the cache. If that fails, there is one warning: whoever asked has what they need.
    async fn keep(
        &self,
        keep: impl FnOnce(&Places) -> Result<u64, Error> + Send + 'static,
    ) -> Result<(), Error> {
        self.blocking(move |inner| {
            match keep(&inner.places) {
                Ok(bytes) => inner.wrote(bytes),
                Err(error) => inner.warn_once(&error),
            }
            Ok(())
        })
        .await
    }

    async fn open_from(
        &self,
        origin: Origin,
        layer: &Descriptor,
        limits: &Limits,
    ) -> Result<OpenLayer, Error> {
        if let Some(layer) = self.inner.in_use(&layer.digest) {
            return self
                .blocking(move |inner| {
                    inner.places.touch(layer.archive());
                    Ok(layer)
                })
                .await;
        }
        let open = || {
            self.clone()
                .find_or_fetch(origin.clone(), layer.clone(), *limits)
        };
        self.inner.in_flight.run(&layer.digest, open).await
    }

    async fn find_or_fetch(
        self,
        origin: Origin,
        layer: Descriptor,
        limits: Limits,
    ) -> Result<OpenLayer, Error> {
        let wanted = layer.digest.clone();
        let found = self
            .blocking(move |inner| {
                let found = layers::find(&inner.places, &wanted);
                if let Some(layer) = &found {
                    inner.use_layer(layer);
                }
                Ok::<_, Error>(found)
            })
            .await?;
        if let Some(layer) = found {
            return Ok(layer);
        }
        let image = origin.name();
        let stream = origin.stream(&layer).await?;
        let inner = self.inner;
        blocking::read_stream(stream, move |compressed| {
            let received = layers::receive(&inner.places, compressed, &layer, &limits, &image)?;
            inner.use_layer(&received.layer);
            inner.wrote(received.bytes);
            Ok(received.layer)
        })
        .await
    }

    async fn blocking<T: Send + 'static, E: From<blocking::Stopped> + Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let inner = Arc::clone(&self.inner);
        blocking::run(move || work(&inner)).await
    }
}

impl Inner {
    /// The layer, if somebody in this process has it.
    fn in_use(&self, layer: &Digest) -> Option<OpenLayer> {
        let layer = self.lock_in_use().get(layer)?.upgrade()?;
        Some(layer)
    }

    fn use_layer(&self, layer: &OpenLayer) {
        let mut in_use = self.lock_in_use();
        in_use.retain(|_, layer| layer.upgrade().is_some());
        in_use.insert(layer.digest().clone(), layer.downgrade());
    }

    fn lock_in_use(&self) -> MutexGuard<'_, HashMap<Digest, WeakLayer>> {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes into account that a file of so many bytes was written. Each time a hundredth of the limit has come
    /// together, the cache is held against its limit less that hundredth, so that it does not exceed it in between.
    fn wrote(&self, bytes: u64) {
        let slack = self.limit_bytes / 100;
        let bytes = inventory::on_disk(bytes);
        let before = self.unchecked_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= slack {
            return;
        }
        if let Err(error) = self.evict(self.limit_bytes - slack) {
            tracing::warn!(%error, "the blob cache could not be held against its limit");
        }
    }

    fn evict(&self, limit_bytes: u64) -> Result<Pruned, CacheError> {
        let _checking = self.checking.lock().unwrap_or_else(PoisonError::into_inner);
        self.unchecked_bytes.store(0, Ordering::Relaxed);
        inventory::evict(&self.places, limit_bytes, |layer| {
            self.in_use(layer).is_some()
        })
    }

    fn warn_once(&self, error: &Error) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            let error = error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "the blob cache cannot be written; work goes on without keeping what is read"
            );
        }
    }
}
