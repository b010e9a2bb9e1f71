//! Notes beside layers.

use std::io::Read as _;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use oci::{BlobSource, CacheError, Digest};

use crate::archives::Entry::File;
use crate::support::World;

fn bytes(text: &'static str) -> BlobSource {
    BlobSource::Bytes(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn a_note_is_found_by_other_processes_until_its_layer_goes() {
    let world = World::start().await;
    let layer = world.layer(&[File("a", "1")]).await;
    let (one, other) = (world.cache().await, world.cache().await);
    world.open(&one, &layer).await.unwrap();
    let found = other.note(&layer.digest, "facts.v1").await.unwrap();
    assert!(found.is_none(), "nothing was noted yet");

    let first = one.put_note(&layer.digest, "facts.v1", bytes("0123456789"));
    assert_eq!(first.await.unwrap().size_bytes(), 10);
    let note = other
        .note(&layer.digest, "facts.v1")
        .await
        .unwrap()
        .unwrap();
    let mut part = [0; 3];
    note.file().read_exact_at(&mut part, 4).unwrap();
    assert_eq!((&part, note.size_bytes()), (b"456", 10));

    // A note that is replaced is replaced whole; who reads the old one goes on with it.
    let file = world.dir.path().join("note");
    std::fs::write(&file, "other").unwrap();
    let source = BlobSource::File(file);
    one.put_note(&layer.digest, "facts.v1", source)
        .await
        .unwrap();
    note.file().read_exact_at(&mut part, 7).unwrap();
    assert_eq!(&part, b"789");
    let note = other
        .note(&layer.digest, "facts.v1")
        .await
        .unwrap()
        .unwrap();
    let mut text = String::new();
    (&**note.file()).read_to_string(&mut text).unwrap();
    assert_eq!(text, "other");

    other.prune(0).await.unwrap();
    assert!(!world.home(&layer).exists());
    assert!(one.note(&layer.digest, "facts.v1").await.unwrap().is_none());
}

#[tokio::test]
async fn a_note_for_a_layer_that_is_gone_can_be_used_but_is_not_kept() {
    let world = World::start().await;
    let cache = world.cache().await;
    let layer = Digest::of("evicted");
    let note = cache.put_note(&layer, "facts", bytes("abc")).await.unwrap();
    let mut all = [0; 3];
    note.file().read_exact_at(&mut all, 0).unwrap();
    assert_eq!(&all, b"abc");
    assert!(cache.note(&layer, "facts").await.unwrap().is_none());
    assert!(cache.list().await.unwrap().is_empty());
    let left = crate::support::names(&world.root());
    assert!(
        left.iter().all(|name| !name.starts_with(".incoming")),
        "{left:?}"
    );
}

#[tokio::test]
async fn names_that_could_be_other_files_are_refused() {
    let world = World::start().await;
    let cache = world.cache().await;
    let layer = Digest::of("layer");
    let long = "a".repeat(201);
    for name in ["", "a/b", "A", "ä", "a b", "a\0", &long] {
        let error = cache.put_note(&layer, name, bytes("")).await.unwrap_err();
        assert!(matches!(error, CacheError::NoteName { .. }), "{error}");
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
        assert!(cache.note(&layer, name).await.is_err());
    }
    cache.put_note(&layer, "..", bytes("")).await.unwrap();
    assert!(world.root().join("layers").is_dir(), "dots lead nowhere");
}

#[tokio::test]
async fn a_note_from_a_file_that_does_not_exist_names_it() {
    let world = World::start().await;
    let cache = world.cache().await;
    let source = BlobSource::File(world.dir.path().join("nowhere"));
    let error = cache.put_note(&Digest::of("layer"), "facts", source).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("nowhere"), "{error}");
}
