//! Tasks and processes at once, and those that end in the middle.

use std::fs;
use std::time::Duration;

use futures::future::join_all;
use http::{Method, StatusCode};
use oci::{Error, Limits};
use registry::{Fault, Rule};

use crate::archives::Entry::File;
use crate::archives::{gzip, tar};
use crate::registries::bytes;
use crate::support::{ROOMY, World, names, read};

/// A layer that takes many reads.
async fn large_layer(world: &World) -> oci::Descriptor {
    let content: &'static str = hex::encode(bytes(400_000)).leak();
    world.push(gzip(&tar(&[File("a", content)]))).await
}

fn slow() -> Rule {
    let chunk_bytes = 16 * 1024;
    let delay = Duration::from_millis(5);
    Rule::new("/blobs/", Fault::Slow { chunk_bytes, delay }).method(Method::GET)
}

#[tokio::test]
async fn tasks_that_want_the_same_layer_fetch_it_once() {
    let world = World::start().await;
    let layer = large_layer(&world).await;
    world.requests();
    let cache = world.cache().await;
    let opened = join_all((0..8).map(|_| world.open(&cache, &layer))).await;
    assert_eq!(world.requests(), 1);
    for opened in opened {
        assert_eq!(read(&opened.unwrap(), "a").len(), 800_000);
    }
}

#[tokio::test]
async fn another_task_goes_on_with_the_work_of_one_that_is_dropped() {
    let world = World::start().await;
    let layer = large_layer(&world).await;
    let log = world.fixture.registry.log();
    log.clear();
    world.fixture.registry.faults().add(slow());
    let cache = world.cache().await;
    let mut first = Box::pin(world.open(&cache, &layer));
    let mut second = Box::pin(world.open(&cache, &layer));
    // Until bytes flow, which both wait for.
    while log.totals().bytes_out == 0 {
        tokio::select! {
            biased;
            _ = &mut first => panic!("the registry is slow"),
            _ = &mut second => panic!("the registry is slow"),
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
    drop(first);
    assert_eq!(read(&second.await.unwrap(), "a").len(), 800_000);
    assert_eq!(world.requests(), 1);
}

#[tokio::test]
async fn what_one_task_may_not_read_another_tries_itself() {
    let world = World::start().await;
    let layer = large_layer(&world).await;
    let gone = Fault::Status {
        code: StatusCode::NOT_FOUND,
        retry_after: None,
    };
    world
        .fixture
        .registry
        .faults()
        .add(Rule::new("/blobs/", gone).times(1));
    let cache = world.cache().await;
    let results = join_all((0..4).map(|_| world.open(&cache, &layer))).await;
    let failed = |result: &&Result<_, Error>| result.is_err();
    assert_eq!(results.iter().filter(failed).count(), 1);
    assert!(matches!(results[0], Err(Error::BlobUnknown { .. })));
}

#[tokio::test]
async fn each_task_is_held_to_its_own_limits() {
    let world = World::start().await;
    let layer = large_layer(&world).await;
    let cache = world.cache().await;
    let repository = world.repository();
    let small = Limits {
        max_file_bytes: 1,
        ..Limits::index()
    };
    let large = Limits::index();
    let (refused, opened) = tokio::join!(
        cache.open_layer(&repository, &layer, &small),
        cache.open_layer(&repository, &layer, &large),
    );
    assert!(matches!(refused, Err(Error::ImageFiles(_))), "{refused:?}");
    opened.unwrap();
}

#[tokio::test]
async fn processes_that_want_the_same_layer_all_get_it() {
    let world = World::start().await;
    let layer = large_layer(&world).await;
    world.requests();
    let caches = join_all((0..3).map(|_| world.cache())).await;
    let opened = join_all(caches.iter().map(|cache| world.open(cache, &layer))).await;
    assert!(world.requests() <= 3);
    for opened in opened {
        assert_eq!(read(&opened.unwrap(), "a").len(), 800_000);
    }
    assert_eq!(names(&world.root().join("layers")), [layer.digest.hex()]);
}

#[tokio::test]
async fn readers_and_writers_agree_while_everything_is_evicted() {
    let world = World::start().await;
    let mut layers = Vec::new();
    for content in ["1", "2", "3"] {
        layers.push(world.layer(&[File("a", content)]).await);
    }
    // Each of them is its own process, with room for hardly one layer.
    let work = |seed: usize| {
        let (world, layers) = (&world, &layers);
        async move {
            let cache = world.cache_of(3 * 4096).await;
            for round in 0..20 {
                let number = (round + seed) % layers.len();
                let layer = &layers[number];
                let opened = world.open(&cache, layer).await.unwrap();
                assert_eq!(read(&opened, "a"), (number + 1).to_string());
                let text = bytes::Bytes::from(number.to_string());
                let put = cache.put_note(&layer.digest, "n", text.into());
                assert_eq!(put.await.unwrap().size_bytes(), 1);
                if let Some(note) = cache.note(&layer.digest, "n").await.unwrap() {
                    assert_eq!(note.size_bytes(), 1);
                }
                cache.prune(0).await.unwrap();
            }
        }
    };
    join_all((0..4).map(work)).await;
    let left = names(&world.root().join("layers"));
    assert!(left.iter().all(|name| name.len() == 64), "{left:?}");
}

#[tokio::test]
async fn a_fetch_that_is_dropped_leaves_nothing() {
    let world = World::start().await;
    let layer = large_layer(&world).await;
    let log = world.fixture.registry.log();
    log.clear();
    let faults = world.fixture.registry.faults();
    faults.add(slow());
    let cache = world.cache().await;
    let layers = world.root().join("layers");
    let mut fetch = Box::pin(world.open(&cache, &layer));
    while names(&layers).is_empty() {
        tokio::select! {
            biased;
            _ = &mut fetch => panic!("the registry is slow"),
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
    assert!(names(&layers)[0].starts_with(".incoming-"));
    drop(fetch);
    // The writer ends off the runtime, at its next piece of input.
    while !names(&layers).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    faults.clear();
    let opened = world.open(&cache, &layer).await.unwrap();
    assert_eq!(read(&opened, "a").len(), 800_000);
}

#[tokio::test]
async fn what_a_crash_left_is_removed_when_it_is_old_and_nobody_writes_it() {
    let world = World::start().await;
    world.cache().await;
    let root = world.root();
    let layers = root.join("layers");
    let hours_ago = |path: &std::path::Path| {
        let file = fs::File::open(path).unwrap();
        let now = file.metadata().unwrap().modified().unwrap();
        file.set_modified(now - Duration::from_hours(2)).unwrap();
    };
    for name in ["old", "new", "written"] {
        let file = root.join(format!(".incoming-{name}"));
        fs::write(&file, "x").unwrap();
        let layer = layers.join(format!(".incoming-{name}"));
        fs::create_dir(&layer).unwrap();
        fs::write(layer.join("archive"), "x").unwrap();
        if name != "new" {
            hours_ago(&file);
            hours_ago(&layer.join("archive"));
        }
    }
    let empty = layers.join(".incoming-empty");
    fs::create_dir(&empty).unwrap();
    hours_ago(&empty);
    fs::create_dir(layers.join(".outgoing-1")).unwrap();
    let media_type = root.join("media-types").join("0".repeat(64));
    fs::write(&media_type, "x").unwrap();
    hours_ago(&media_type);
    let written = [
        fs::File::open(root.join(".incoming-written")).unwrap(),
        fs::File::open(layers.join(".incoming-written/archive")).unwrap(),
    ];
    for file in &written {
        file.lock().unwrap();
    }

    let cache = world.cache_of(ROOMY).await;
    let incoming = |directory| {
        let mut names = names(directory);
        names.retain(|name| name.contains("coming") || name.contains("going"));
        names
    };
    assert_eq!(incoming(&root), [".incoming-new", ".incoming-written"]);
    assert_eq!(incoming(&layers), [".incoming-new", ".incoming-written"]);
    assert!(!media_type.exists());
    drop(written);
    cache.prune(ROOMY).await.unwrap();
    assert_eq!(incoming(&root), [".incoming-new"]);
    assert_eq!(incoming(&layers), [".incoming-new"]);
}
