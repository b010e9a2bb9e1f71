//! What was read once is not asked for again.

use bytes::Bytes;
use http::Method;
use oci::{
    BlobSource, CacheError, Digest, Format, ImageManifest, LayerBuilder, Limits, MediaType, Owner,
    RawManifest, Reference,
};

use crate::archives::Entry::File;
use crate::registries::{bytes, descriptor, put};
use crate::support::{World, names, read};

#[tokio::test]
async fn a_warm_cache_asks_the_registry_nothing() {
    let world = World::start().await;
    let repository = world.repository();
    let config = put(&world.remote(), &Bytes::from_static(b"{}")).await;
    let layer = world.layer(&[File("configs/a/catalog.json", "{}")]).await;
    let image = ImageManifest::new(Format::Docker, config.clone(), vec![layer.clone()]).to_raw();
    let named = Reference::Digest(image.digest.clone());
    world.remote().put_manifest(&named, &image).await.unwrap();
    world.requests();

    let mut seen = Vec::new();
    for expected_requests in [3, 0] {
        // Opened anew each time: as another process finds it.
        let cache = world.cache().await;
        let manifest = cache.manifest(&repository, &image.digest).await.unwrap();
        let small = cache.blob_bytes(&repository, &config, 100).await.unwrap();
        let opened = world.open(&cache, &layer).await.unwrap();
        assert_eq!(read(&opened, "configs/a/catalog.json"), "{}");
        assert_eq!(world.requests(), expected_requests);
        seen.push((manifest, small, opened.diff_id().clone()));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].0, image);
    assert!(
        world.root().join("oci-layout").exists(),
        "it is a layout for other tools"
    );
}

#[tokio::test]
async fn a_manifest_comes_back_with_the_type_the_registry_gave() {
    let world = World::start().await;
    let body = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"x","size":0,"digest":"{}"}},"layers":[]}}"#,
        Digest::of("")
    );
    // Says nothing of its type, and looks like OCI.
    let manifest = RawManifest::new(MediaType::DockerManifest, Bytes::from(body));
    put(&world.remote(), &Bytes::new()).await;
    let named = Reference::Digest(manifest.digest.clone());
    world
        .remote()
        .put_manifest(&named, &manifest)
        .await
        .unwrap();
    for _ in 0..2 {
        let cache = world.cache().await;
        let found = cache.manifest(&world.repository(), &manifest.digest).await;
        assert_eq!(found.unwrap(), manifest);
    }
    assert_eq!(world.fixture.count(&Method::GET, "/manifests/"), 1);
}

#[tokio::test]
async fn a_blob_beyond_the_callers_limit_is_refused_cold_and_warm() {
    let world = World::start().await;
    let blob = put(&world.remote(), &bytes(1000)).await;
    let cache = world.cache().await;
    let repository = world.repository();
    for (limit, accepted) in [(999, false), (1000, true), (999, false)] {
        let result = cache.blob_bytes(&repository, &blob, limit).await;
        assert_eq!(result.is_ok(), accepted, "{result:?}");
    }
}

#[tokio::test]
async fn a_descriptor_with_a_wrong_size_is_refused_cold_and_warm() {
    let world = World::start().await;
    let blob = put(&world.remote(), &bytes(1000)).await;
    let layer = world.layer(&[File("a", "1")]).await;
    let cache = world.cache().await;
    let repository = world.repository();
    for is_warm in [false, true] {
        if is_warm {
            cache.blob_bytes(&repository, &blob, 2000).await.unwrap();
            world.open(&cache, &layer).await.unwrap();
        }
        for wrong in [999, 1001] {
            let mut blob = blob.clone();
            blob.size = wrong;
            let error = cache.blob_bytes(&repository, &blob, 2000).await;
            assert!(
                matches!(error, Err(oci::Error::SizeMismatch { .. })),
                "{error:?}"
            );
        }
        let mut layer = layer.clone();
        layer.size += 1;
        let error = world.open(&cache, &layer).await;
        assert!(
            matches!(error, Err(oci::Error::SizeMismatch { .. })),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_layer_that_was_written_here_is_warm() {
    let world = World::start().await;
    let cache = world.cache().await;
    let mut builder = LayerBuilder::new(0);
    let content = BlobSource::Bytes(Bytes::from_static(b"{}"));
    let owner = Owner { uid: 1001, gid: 0 };
    builder
        .file("configs/a.json", owner, 0o640, content)
        .unwrap();
    let file = world.dir.path().join("layer");
    let layer = builder.write(&file, Format::Docker).unwrap();
    cache.adopt_layer(&layer).await.unwrap();

    // The registry does not have it.
    let opened = world.open(&cache, &layer.descriptor).await.unwrap();
    assert_eq!(read(&opened, "configs/a.json"), "{}");
    assert_eq!(*opened.diff_id(), layer.diff_id);
    assert_eq!(world.requests(), 0);
}

#[tokio::test]
async fn a_layer_that_is_not_what_it_says_is_not_adopted() {
    let world = World::start().await;
    let cache = world.cache().await;
    let mut builder = LayerBuilder::new(0);
    let content = BlobSource::Bytes(Bytes::from_static(b"{}"));
    builder.file("a", Owner::ROOT, 0o644, content).unwrap();
    let file = world.dir.path().join("layer");
    let layer = builder.write(&file, Format::Docker).unwrap();

    let mut other = layer.clone();
    other.descriptor = descriptor(&bytes(10));
    assert!(cache.adopt_layer(&other).await.is_err());
    let mut other = layer.clone();
    let in_memory = std::fs::read(&file).unwrap();
    other.source = BlobSource::Bytes(in_memory[..in_memory.len() - 1].to_vec().into());
    let error = cache.adopt_layer(&other).await;
    assert!(
        matches!(error, Err(oci::Error::SizeMismatch { .. })),
        "{error:?}"
    );
    let mut other = layer.clone();
    other.source = BlobSource::File(world.dir.path().join("nowhere"));
    let error = cache.adopt_layer(&other).await.unwrap_err().to_string();
    assert!(error.contains("nowhere"), "{error}");
    assert_eq!(names(&world.root().join("layers")), Vec::<String>::new());

    let mut other = layer.clone();
    other.diff_id = oci::DiffId::new(Digest::of("other"));
    let error = cache.adopt_layer(&other).await;
    assert!(
        matches!(error, Err(oci::Error::DigestMismatch { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_directory_of_something_else_is_left_alone() {
    let world = World::start().await;
    let layout = world.dir.path().join("images");
    oci::Layout::create_or_open(&layout).await.unwrap();
    let config = oci::CacheConfig {
        dir: layout.clone(),
        limit_bytes: 0,
    };
    let before = names(&layout);
    let error = oci::BlobCache::open(config).await.unwrap_err();
    assert!(matches!(error, CacheError::NotACache { .. }), "{error}");
    assert!(error.is_user_error() && error.to_string().contains("images"));
    assert_eq!(names(&layout), before);

    let file = world.dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let config = oci::CacheConfig {
        dir: file,
        limit_bytes: 0,
    };
    let error = oci::BlobCache::open(config).await.unwrap_err();
    assert!(matches!(error, CacheError::Io { .. }), "{error}");
}

#[tokio::test]
async fn work_goes_on_when_the_cache_cannot_be_used() {
    let world = World::start().await;
    let config = put(&world.remote(), &Bytes::from_static(b"{}")).await;
    let image = ImageManifest::new(Format::Oci, config.clone(), Vec::new()).to_raw();
    let named = Reference::Digest(image.digest.clone());
    world.remote().put_manifest(&named, &image).await.unwrap();
    let layer = world.layer(&[File("a", "1")]).await;
    let cache = world.cache().await;
    // Files where directories should be stop everybody, the administrator too.
    for directory in ["blobs/sha256", "layers"] {
        let directory = world.root().join(directory);
        std::fs::remove_dir_all(&directory).unwrap();
        std::fs::write(&directory, "").unwrap();
    }

    let repository = world.repository();
    for _ in 0..2 {
        let found = cache.manifest(&repository, &image.digest).await;
        assert_eq!(found.unwrap(), image);
        let found = cache.blob_bytes(&repository, &config, 10).await;
        assert_eq!(found.unwrap(), "{}");
    }
    let limits = Limits::index();
    let error = cache.open_layer(&repository, &layer, &limits).await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, oci::Error::Cache(CacheError::Io { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("layers"), "{error}");
}
