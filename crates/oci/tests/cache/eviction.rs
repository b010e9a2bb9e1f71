//! The cache stays within its limit, and forgets what was not used for longest.

use std::fs::File as Handle;
use std::time::Duration;

use bytes::Bytes;
use oci::{CachedKind, Descriptor, Digest};

use crate::archives::Entry::File;
use crate::registries::{bytes, put};
use crate::support::{World, read};

const BLOCK: u64 = 4096;

/// Lets a file of the cache have been used so many minutes earlier.
fn age(path: &std::path::Path, minutes: u64) {
    let file = Handle::open(path).unwrap();
    let used = file.metadata().unwrap().modified().unwrap();
    let earlier = used - Duration::from_mins(minutes);
    file.set_modified(earlier).unwrap();
}

/// Reads blobs of a block each, every one a minute younger than the one before.
async fn fill(world: &World, count: usize, limit_bytes: u64) -> Vec<Descriptor> {
    let cache = world.cache_of(limit_bytes).await;
    let mut blobs = Vec::new();
    for number in 0..count {
        let blob = put(&world.remote(), &bytes(1000 + number)).await;
        let repository = world.repository();
        cache.blob_bytes(&repository, &blob, BLOCK).await.unwrap();
        let minutes = u64::try_from(10 * (count - number)).unwrap();
        age(&world.blob_file(&blob.digest), minutes);
        blobs.push(blob);
    }
    blobs
}

async fn cached(world: &World) -> Vec<Digest> {
    let items = world.cache().await.list().await.unwrap();
    items.into_iter().map(|item| item.digest).collect()
}

fn digests(blobs: &[Descriptor]) -> Vec<Digest> {
    let digests = blobs.iter().map(|blob| blob.digest.clone());
    digests.rev().collect()
}

#[tokio::test]
async fn what_is_written_displaces_what_was_not_used_for_longest() {
    let world = World::start().await;
    // A hundredth is kept free, so that the cache needs not be counted at every write.
    let blobs = fill(&world, 8, 5 * BLOCK).await;
    assert_eq!(cached(&world).await, digests(&blobs[4..]));
}

#[tokio::test]
async fn use_keeps_what_is_old() {
    let world = World::start().await;
    let blobs = fill(&world, 4, 100 * BLOCK).await;
    let cache = world.cache().await;
    world.requests();
    let oldest = &blobs[0];
    let repository = world.repository();
    cache.blob_bytes(&repository, oldest, BLOCK).await.unwrap();
    assert_eq!(world.requests(), 0);
    let pruned = cache.prune(2 * BLOCK).await.unwrap();
    assert_eq!((pruned.removed, pruned.removed_bytes), (2, 2 * BLOCK));
    assert_eq!((pruned.kept, pruned.kept_bytes), (2, 2 * BLOCK));
    let left = cached(&world).await;
    assert_eq!(left, [blobs[0].digest.clone(), blobs[3].digest.clone()]);
}

#[tokio::test]
async fn a_use_is_noted_once_a_minute_at_most() {
    let world = World::start().await;
    let blobs = fill(&world, 1, 100 * BLOCK).await;
    let file = world.blob_file(&blobs[0].digest);
    let used = || file.metadata().unwrap().modified().unwrap();
    let cache = world.cache().await;
    let mut seen = vec![used()];
    for _ in 0..2 {
        let repository = world.repository();
        cache
            .blob_bytes(&repository, &blobs[0], BLOCK)
            .await
            .unwrap();
        seen.push(used());
    }
    assert!(seen[0] < seen[1], "{seen:?}");
    assert_eq!(seen[1], seen[2]);
}

#[tokio::test]
async fn a_layer_that_is_opened_again_while_it_is_in_use_is_used() {
    let world = World::start().await;
    let layer = world.layer(&[File("a", "1")]).await;
    let cache = world.cache().await;
    let opened = world.open(&cache, &layer).await.unwrap();
    let archive = world.home(&layer).join("archive");
    let used = || archive.metadata().unwrap().modified().unwrap();
    age(&archive, 10);
    let before = used();
    world.open(&cache, &layer).await.unwrap();
    assert!(before < used());
    drop(opened);
}

#[tokio::test]
async fn a_layer_in_use_stays_and_one_that_others_evict_can_be_read() {
    let world = World::start().await;
    let layer = world.layer(&[File("a", "1")]).await;
    let cache = world.cache().await;
    let opened = world.open(&cache, &layer).await.unwrap();
    let pruned = cache.prune(0).await.unwrap();
    assert_eq!((pruned.removed, pruned.kept), (0, 1));
    assert!(pruned.kept_bytes > 0);

    // Another process knows nothing of the use.
    world.cache().await.prune(0).await.unwrap();
    assert!(!world.home(&layer).exists());
    assert_eq!(read(&opened, "a"), "1");

    world.requests();
    let opened = world.open(&cache, &layer).await.unwrap();
    assert_eq!(world.requests(), 0, "it is still at hand");
    drop(opened);
}

#[tokio::test]
async fn a_layer_that_nobody_uses_goes_with_all_it_has() {
    let world = World::start().await;
    let layer = world.layer(&[File("a", "1")]).await;
    let cache = world.cache().await;
    let opened = world.open(&cache, &layer).await.unwrap();
    let note = Bytes::from(vec![b'n'; 5000]);
    let put = cache.put_note(&layer.digest, "facts", note.into());
    put.await.unwrap();

    let items = cache.list().await.unwrap();
    let [item] = &*items else { panic!("{items:?}") };
    assert_eq!(
        (item.kind, &item.digest),
        (CachedKind::Layer, &layer.digest)
    );
    assert_eq!(
        item.bytes,
        4 * BLOCK,
        "archive, index and two blocks of note"
    );
    drop(opened);
    let pruned = cache.prune(item.bytes - 1).await.unwrap();
    assert_eq!((pruned.removed, pruned.removed_bytes), (1, 4 * BLOCK));
    assert!(cache.list().await.unwrap().is_empty());
    assert!(!world.home(&layer).exists());
}

#[tokio::test]
async fn a_layer_beyond_the_whole_limit_is_opened_all_the_same() {
    let world = World::start().await;
    let layer = world.layer(&[File("a", "1")]).await;
    let cache = world.cache_of(1).await;
    let opened = world.open(&cache, &layer).await.unwrap();
    assert_eq!(read(&opened, "a"), "1");
    drop(opened);
    let blob = put(&world.remote(), &bytes(1000)).await;
    let repository = world.repository();
    let read = cache.blob_bytes(&repository, &blob, BLOCK).await;
    assert_eq!(read.unwrap(), bytes(1000));
    assert!(cache.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn files_that_are_not_the_caches_stay() {
    let world = World::start().await;
    let cache = world.cache().await;
    let foreign = world.root().join("blobs/sha256/README");
    std::fs::write(&foreign, "x").unwrap();
    assert!(cache.list().await.unwrap().is_empty());
    cache.prune(0).await.unwrap();
    assert!(foreign.exists());
}
