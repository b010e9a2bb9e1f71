//! What is damaged is not believed, and fetched anew.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use oci::{CacheError, Error, Format, ImageManifest, Reference};

use crate::archives::Entry::File;
use crate::registries::{bytes, put};
use crate::support::{World, damage, entry, read};

#[tokio::test]
async fn a_damaged_manifest_or_blob_is_fetched_anew() {
    let world = World::start().await;
    let config = put(&world.remote(), &bytes(100)).await;
    let image = ImageManifest::new(Format::Oci, config.clone(), Vec::new()).to_raw();
    let named = Reference::Digest(image.digest.clone());
    world.remote().put_manifest(&named, &image).await.unwrap();
    let cut = |path: &Path| fs::write(path, "x").unwrap();
    let grow = |path: &Path| {
        let mut content = fs::read(path).unwrap();
        content.push(b' ');
        fs::write(path, content).unwrap();
    };
    let ways: [&dyn Fn(&Path); 3] = [&damage, &cut, &grow];
    for way in ways {
        let cache = world.cache().await;
        let repository = world.repository();
        for expected_requests in [None, Some(2), Some(0)] {
            let found = cache.manifest(&repository, &image.digest).await;
            assert_eq!(found.unwrap(), image);
            let found = cache.blob_bytes(&repository, &config, 100).await;
            assert_eq!(found.unwrap(), bytes(100));
            let requests = world.requests();
            match expected_requests {
                None => {
                    way(&world.blob_file(&image.digest));
                    way(&world.blob_file(&config.digest));
                }
                Some(expected) => assert_eq!(requests, expected),
            }
        }
    }
}

#[tokio::test]
async fn a_layer_that_is_not_whole_is_fetched_anew() {
    let world = World::start().await;
    let layer = world.layer(&[File("a", "1"), File("b", "2")]).await;
    let home = world.home(&layer);
    let index = home.join("index");
    let archive = home.join("archive");
    let other_version = || {
        let text = fs::read_to_string(&index).unwrap();
        let other = text.replacen("oci-layer-index 1 ", "oci-layer-index 999 ", 1);
        assert_ne!(text, other);
        fs::write(&index, other).unwrap();
    };
    let ways: [&dyn Fn(); 9] = [
        &|| damage(&index),
        &|| fs::write(&index, "").unwrap(),
        &|| fs::write(&index, "oci-layer-index 1\n{}").unwrap(),
        &|| fs::write(&index, [0xff, b'\n']).unwrap(),
        &|| fs::remove_file(&index).unwrap(),
        &other_version,
        &|| fs::remove_file(&archive).unwrap(),
        &|| fs::write(&archive, "short").unwrap(),
        &|| {
            fs::remove_dir_all(&home).unwrap();
            fs::create_dir(&home).unwrap();
        },
    ];
    world.open(&world.cache().await, &layer).await.unwrap();
    for way in ways {
        way();
        for expected_requests in [1, 0] {
            world.requests();
            let opened = world.open(&world.cache().await, &layer).await.unwrap();
            assert_eq!(read(&opened, "b"), "2");
            assert_eq!(world.requests(), expected_requests);
        }
    }
}

#[tokio::test]
async fn a_damaged_file_is_told_and_its_layer_goes() {
    let world = World::start().await;
    let content: &'static str = "x".repeat(4000).leak();
    let layer = world.layer(&[File("a", content), File("b", "2")]).await;
    let cache = world.cache().await;
    let opened = world.open(&cache, &layer).await.unwrap();
    damage(&world.home(&layer).join("archive"));

    let error = opened.read(entry(&opened, "a")).unwrap_err();
    assert!(
        matches!(error, Error::Cache(CacheError::Damaged { .. })),
        "{error}"
    );
    assert!(error.is_transient(), "trying again helps");
    assert!(error.to_string().contains("`/a`"), "{error}");
    // Although `opened` is still there.
    let again = world.open(&cache, &layer).await.unwrap();
    assert_eq!(read(&again, "a"), content);
    // A sound one that took its place stays when the old one is found damaged again.
    assert!(opened.read(entry(&opened, "a")).is_err());
    assert!(world.home(&layer).exists());
    assert_eq!(read(&again, "a"), content);
}

#[tokio::test]
async fn what_the_registry_sends_damaged_is_not_kept() {
    let world = World::start().await;
    let layer = world.layer(&[File("a", "1")]).await;
    let small = put(&world.remote(), &Bytes::from_static(b"{}")).await;
    let cache = world.cache().await;
    let faults = world.fixture.registry.faults();
    faults.add(registry::Rule::new("/blobs/", registry::Fault::WrongDigest));
    assert!(world.open(&cache, &layer).await.is_err());
    let found = cache.blob_bytes(&world.repository(), &small, 10).await;
    assert!(found.is_err());
    assert!(cache.list().await.unwrap().is_empty());
    faults.clear();
    world.open(&cache, &layer).await.unwrap();
}

#[tokio::test]
async fn a_layer_that_is_no_archive_is_not_kept() {
    let world = World::start().await;
    let layer = world.push(bytes(5000).to_vec()).await;
    let cache = world.cache().await;
    let error = world.open(&cache, &layer).await.unwrap_err();
    assert!(matches!(error, Error::ImageFiles(_)), "{error}");
    assert!(error.to_string().contains(&layer.digest.to_string()));
    assert!(cache.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_is_fetched_and_stays() {
    let world = World::start().await;
    let layer = world.layer(&[File("a", "1")]).await;
    let body = Bytes::from_static(br#"{"schemaVersion":2}"#);
    let manifest = oci::RawManifest::new(oci::MediaType::OciManifest, body);
    let named = Reference::Digest(manifest.digest.clone());
    let remote = world.remote();
    remote.put_manifest(&named, &manifest).await.unwrap();
    let cache = world.cache().await;
    let repository = world.repository();
    cache.manifest(&repository, &manifest.digest).await.unwrap();
    world.open(&cache, &layer).await.unwrap();
    // Directories where files should be cannot be read, nor written to.
    let index = world.home(&layer).join("index");
    fs::remove_file(&index).unwrap();
    let media_type = world.root().join("media-types").join(manifest.digest.hex());
    for path in [&index, &media_type] {
        fs::create_dir(path).unwrap();
    }

    world.requests();
    let opened = world.open(&cache, &layer).await.unwrap();
    assert_eq!(read(&opened, "a"), "1");
    let found = cache.manifest(&repository, &manifest.digest).await;
    assert_eq!(found.unwrap(), manifest);
    assert_eq!(world.requests(), 2);
    assert!(index.is_dir(), "what may pass is no reason to remove it");
}
