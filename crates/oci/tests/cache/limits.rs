//! Layers beyond the limits are refused, whether they are cached or not; memory does not follow their size.

use oci::{BlobSource, Error, Format, ImageFilesError, LayerBuilder, LimitKind, Limits, Owner};

use crate::archives::Entry::{Dir, File};
use crate::support::World;

#[tokio::test]
async fn limits_hold_cold_and_warm() {
    let world = World::start().await;
    let layer = world.layer(&[Dir("d/"), File("d/a", "0123456789")]).await;
    let index = Limits::index();
    // Each beside the least that is enough: two entries, ten bytes of content, and two headers, a block of content
    // and the end of the archive.
    let enough = Limits {
        max_file_bytes: 10,
        max_total_bytes: 5 * 512,
        max_entries: 2,
        ..index
    };
    let beyond = [
        (
            LimitKind::File,
            Limits {
                max_file_bytes: 9,
                ..index
            },
        ),
        (
            LimitKind::Total,
            Limits {
                max_total_bytes: 5 * 512 - 1,
                ..index
            },
        ),
        (
            LimitKind::Entries,
            Limits {
                max_entries: 1,
                ..index
            },
        ),
    ];
    let repository = world.repository();
    for is_warm in [false, true] {
        for (expected, limits) in &beyond {
            let cache = world.cache().await;
            if is_warm {
                cache
                    .open_layer(&repository, &layer, &enough)
                    .await
                    .unwrap();
                world.requests();
            }
            let error = cache
                .open_layer(&repository, &layer, limits)
                .await
                .unwrap_err();
            assert!(
                matches!(&error, Error::ImageFiles(ImageFilesError::LimitExceeded { kind, .. }) if kind == expected),
                "{error}"
            );
            if is_warm {
                assert_eq!(world.requests(), 0);
            } else {
                assert!(cache.list().await.unwrap().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn a_path_out_of_the_image_is_refused() {
    let world = World::start().await;
    let layer = world.layer(&[File("../a", "1")]).await;
    let error = world.open(&world.cache().await, &layer).await.unwrap_err();
    assert!(
        matches!(error, Error::ImageFiles(ImageFilesError::Escapes { .. })),
        "{error}"
    );
}

/// The most memory this process has had, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_large_layer_is_opened_in_little_memory() {
    const MIB: u64 = 1024 * 1024;
    let world = World::start().await;
    let zeros = world.dir.path().join("zeros");
    std::fs::File::create(&zeros)
        .unwrap()
        .set_len(160 * MIB)
        .unwrap();
    let mut builder = LayerBuilder::new(0);
    let content = BlobSource::File(zeros);
    builder.file("large", Owner::ROOT, 0o644, content).unwrap();
    let file = world.dir.path().join("layer");
    let layer = builder.write(&file, Format::Docker).unwrap();
    let pushed = world.push(std::fs::read(&file).unwrap()).await;
    assert_eq!(pushed.digest, layer.descriptor.digest);

    let before = peak_kib();
    let opened = world.open(&world.cache().await, &pushed).await.unwrap();
    let grown = peak_kib() - before;
    assert_eq!(*opened.diff_id(), layer.diff_id);
    // Other tests run beside this one.
    assert!(grown < 64 * 1024, "{grown} KiB for a layer of 160 MiB");
}
