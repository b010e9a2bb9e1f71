//! A running registry and what the tests ask of it.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use oci::{
    BlobSource, Client, ClientConfig, Descriptor, Digest, Format, ImageManifest, MediaType,
    RawManifest, Reference, RemoteRepository, RetryPolicy,
};
use registry::{Config, Running, Server};
use tempfile::TempDir;

/// A registry of its own for one test.
pub(crate) struct Fixture {
    pub(crate) registry: Running,
    _root: TempDir,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut config = Config::new(([127, 0, 0, 1], 0).into(), root.path());
        config.fsync = false;
        config.shutdown_grace = Duration::from_millis(10);
        change(&mut config);
        Self {
            registry: Server::start(config).await.unwrap(),
            _root: root,
        }
    }

    /// The address as it stands in pull specs.
    pub(crate) fn host(&self) -> String {
        self.registry.addr().to_string()
    }

    pub(crate) fn repository(&self, client: &Client, path: &str) -> RemoteRepository {
        client.repository(&format!("{}/{path}", self.host()).parse().unwrap())
    }

    /// How many requests of `method` came whose path contains `path`.
    pub(crate) fn count(&self, method: &Method, path: &str) -> usize {
        let entries = self.registry.log().entries();
        let fits = |entry: &&registry::Entry| entry.method == method && entry.path.contains(path);
        entries.iter().filter(fits).count()
    }
}

/// Settings with delays that suit tests.
pub(crate) fn config() -> ClientConfig {
    ClientConfig {
        retry: RetryPolicy {
            base: Duration::from_millis(2),
            ceiling: Duration::from_millis(5),
            max_retry_after: Duration::from_millis(60),
            ..RetryPolicy::default()
        },
        chunk_bytes: NonZeroUsize::new(64 * 1024).unwrap(),
        ..ClientConfig::default()
    }
}

pub(crate) fn client() -> Client {
    Client::new(config()).unwrap()
}

/// A client that tries `attempts` times and gives a silent registry 100 ms.
pub(crate) fn impatient_client(attempts: u32) -> Client {
    let mut config = config();
    config.retry.attempts = NonZeroU32::new(attempts).unwrap();
    config.idle_timeout = Duration::from_millis(100);
    Client::new(config).unwrap()
}

/// Bytes that repeat nowhere near, so that a piece in the wrong place is noticed.
pub(crate) fn bytes(length: usize) -> Bytes {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

pub(crate) fn descriptor(bytes: &Bytes) -> Descriptor {
    let size = u64::try_from(bytes.len()).unwrap();
    Descriptor::new(MediaType::OciLayerGzip, size, Digest::of(bytes))
}

pub(crate) async fn put(repository: &RemoteRepository, bytes: &Bytes) -> Descriptor {
    let descriptor = descriptor(bytes);
    repository
        .put_blob(&descriptor, &BlobSource::Bytes(bytes.clone()))
        .await
        .unwrap();
    descriptor
}

pub(crate) async fn get(
    repository: &RemoteRepository,
    blob: &Descriptor,
) -> Result<Bytes, oci::Error> {
    repository.blob_bytes(blob, u64::MAX).await
}

/// Puts a whole image of one layer under `tag`.
pub(crate) async fn put_image(repository: &RemoteRepository, tag: &str) -> RawManifest {
    let config = put(repository, &Bytes::from_static(b"{}")).await;
    let layer = put(repository, &bytes(100)).await;
    let manifest = ImageManifest::new(Format::Oci, config, vec![layer]).to_raw();
    repository
        .put_manifest(&self::tag(tag), &manifest)
        .await
        .unwrap();
    manifest
}

pub(crate) fn tag(text: &str) -> Reference {
    Reference::Tag(text.parse().unwrap())
}
