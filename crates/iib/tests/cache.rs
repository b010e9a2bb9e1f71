//! `iib cache ls` and `iib cache prune`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use oci::{
    BlobCache, BlobSource, CacheConfig, Digest, Format, ImageManifest, ImageRepository,
    LayerBuilder, Owner, Reference,
};
use serde_json::Value;
use support::disk::SmallDisk;
use support::{World, assert_names};

async fn open(dir: &Path) -> BlobCache {
    let config = CacheConfig {
        dir: dir.to_owned(),
        limit_bytes: 1 << 30,
    };
    BlobCache::open(config).await.unwrap()
}

/// Puts a blob and, used an hour earlier, a layer into the cache in `dir`.
async fn fill(world: &World, dir: &Path) -> (Digest, Digest) {
    let cache = open(dir).await;
    let mut builder = LayerBuilder::new(0);
    let content = BlobSource::Bytes(Bytes::from_static(b"{}"));
    builder.file("a", Owner::ROOT, 0o644, content).unwrap();
    let layer = builder
        .write(&world.dir.path().join("layer"), Format::Docker)
        .unwrap();
    cache.adopt_layer(&layer).await.unwrap();
    let layer = layer.descriptor.digest;
    let archive = dir.join("layers").join(layer.hex()).join("archive");
    let archive = fs::File::open(archive).unwrap();
    let now = archive.metadata().unwrap().modified().unwrap();
    archive.set_modified(now - Duration::from_hours(1)).unwrap();

    let remote = world.client.repository(&world.repository("app"));
    let config = Bytes::from_static(b"{}");
    let config = oci::Descriptor::new(oci::MediaType::OciConfig, 2, Digest::of(&config));
    let content = BlobSource::Bytes(Bytes::from_static(b"{}"));
    remote.put_blob(&config, &content).await.unwrap();
    let image = ImageManifest::new(Format::Oci, config, Vec::new()).to_raw();
    let named = Reference::Digest(image.digest.clone());
    remote.put_manifest(&named, &image).await.unwrap();
    let repository = ImageRepository::Remote(remote);
    cache.manifest(&repository, &image.digest).await.unwrap();
    (image.digest, layer)
}

fn default_dir(world: &World) -> PathBuf {
    world.dir.path().join(".cache/iib")
}

#[tokio::test]
async fn what_is_in_the_cache_is_listed_and_pruned() {
    let world = World::start().await;
    let dir = default_dir(&world);
    let (blob, layer) = fill(&world, &dir).await;

    let text = world.iib(&["cache", "ls"]).await.ok();
    let lines: Vec<&str> = text.lines().collect();
    assert_names(lines[0], &["blob", &blob.to_string(), "4.0 KiB", "Z"]);
    assert_names(lines[1], &["layer", &layer.to_string(), "8.0 KiB", "Z"]);
    let place = dir.to_str().unwrap();
    assert_names(lines[2], &["2 item(s)", "12.0 KiB of 10.0 GiB", place]);

    let listed = world.iib(&["cache", "ls", "--output", "json"]).await.ok();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["directory"], place);
    assert_eq!(listed["bytes"], 3 * 4096);
    assert_eq!(listed["limit_bytes"], 10_u64 << 30);
    assert_eq!(listed["items"][1]["kind"], "layer");
    assert_eq!(listed["items"][1]["digest"], layer.to_string());
    assert_eq!(listed["items"][1]["bytes"], 2 * 4096);
    let used: jiff::Timestamp = listed["items"][0]["last_used"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(used.as_second() > 0);

    let text = world.iib(&["cache", "prune"]).await.ok();
    assert_names(
        &text,
        &["removed 0 item(s)", "2 item(s), 12.0 KiB are left"],
    );
    let text = world.iib(&["cache", "prune", "--to", "4KiB"]).await.ok();
    assert_names(
        &text,
        &["removed 1 item(s), 8.0 KiB", "1 item(s), 4.0 KiB are left"],
    );
    let args = ["cache", "prune", "--to", "0", "-o", "json"];
    let pruned: Value = serde_json::from_str(&world.iib(&args).await.ok()).unwrap();
    assert_eq!(
        (&pruned["removed"], &pruned["kept"]),
        (&1.into(), &0.into())
    );
    assert_eq!(pruned["removed_bytes"], 4096);
    let text = world.iib(&["cache", "ls"]).await.ok();
    assert_names(&text, &["0 item(s), 0 B"]);
}

#[tokio::test]
async fn the_directory_comes_from_the_option_the_environment_or_the_home() {
    let world = World::start().await;
    let place = |name: &str| world.dir.path().join(name).to_str().unwrap().to_owned();
    let (option, variable, xdg) = (place("option"), place("variable"), place("xdg"));
    let all = [("IIB_CACHE_DIR", &*variable), ("XDG_CACHE_HOME", &*xdg)];
    let with_option = ["cache", "ls", "--cache-dir", &option];
    let xdg_cache = place("xdg/iib");
    let home = default_dir(&world);
    for (args, env, expected) in [
        (&with_option[..], &all[..], &*option),
        (&with_option[..2], &all[..], &variable),
        (&with_option[..2], &all[1..], &xdg_cache),
        (
            &with_option[..2],
            &[("XDG_CACHE_HOME", "relative")],
            home.to_str().unwrap(),
        ),
    ] {
        let text = world.iib_with(args, env).await.ok();
        assert_names(&text, &["0 item(s)", &format!("`{expected}`")]);
        assert!(!Path::new(expected).exists(), "looking makes nothing");
    }
    let limit = [("IIB_CACHE_LIMIT", "3MiB"), ("HOME", "")];
    let text = world.iib_with(&with_option, &limit).await.ok();
    assert_names(&text, &["of 3.0 MiB"]);
    let text = world.iib_with(&["cache", "prune"], &limit).await.failed();
    assert_names(&text, &["HOME", "`--cache-dir`"]);
}

#[tokio::test]
async fn what_another_process_prunes_goes_on_being_read() {
    let world = World::start().await;
    let dir = default_dir(&world);
    let cache = open(&dir).await;
    let mut builder = LayerBuilder::new(0);
    let content = BlobSource::Bytes(Bytes::from_static(b"{}"));
    builder.file("a", Owner::ROOT, 0o644, content).unwrap();
    let to = world.dir.path().join("layer");
    let layer = builder.write(&to, Format::Docker).unwrap();
    let opened = cache.adopt_layer(&layer).await.unwrap();

    let pruned = world.iib(&["cache", "prune", "--to", "0"]).await.ok();
    assert_names(&pruned, &["removed 1 item(s)"]);
    assert_eq!(opened.read(&opened.entries()[0]).unwrap(), "{}");
    let fact = BlobSource::Bytes(Bytes::from_static(b"fact"));
    let note = cache.put_note(opened.digest(), "facts", fact).await;
    assert_eq!(note.unwrap().size_bytes(), 4);

    drop(opened);
    cache.adopt_layer(&layer).await.unwrap();
    let listed = world.iib(&["cache", "ls"]).await.ok();
    assert_names(
        &listed,
        &["1 item(s)", &layer.descriptor.digest.to_string()],
    );
}

#[tokio::test]
async fn what_is_no_cache_and_what_is_no_size_is_refused() {
    let world = World::start().await;
    let dir = world.dir.path().join("documents");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("thesis"), "x").unwrap();
    let place = dir.to_str().unwrap();
    for verb in ["ls", "prune"] {
        let error = world.iib(&["cache", verb, "--cache-dir", place]).await;
        let error = error.failed();
        assert_names(&error, &[place, "holds other files", "another directory"]);
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);

    let ran = world.iib(&["cache", "prune", "--to", "10GB"]).await;
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_names(&ran.stderr, &["`10GB` is not a size", "`500MiB`"]);
}

#[tokio::test]
async fn a_full_disk_costs_the_cache_and_not_the_work() {
    let world = World::start().await;
    let Some(disk) = SmallDisk::mount(&world.dir.path().join("small")) else {
        return;
    };
    let dir = disk.path().join("cache");
    let cache = open(&dir).await;
    // Takes what is left, and then fails.
    let ballast = fs::write(disk.path().join("ballast"), vec![0; 64 << 10]);
    assert!(ballast.is_err(), "the disk is full");
    let content = Bytes::from(vec![b'x'; 40 << 10]);
    let size = content.len().try_into().unwrap();
    let blob = oci::Descriptor::new(oci::MediaType::OciConfig, size, Digest::of(&content));
    let remote = world.client.repository(&world.repository("app"));
    let source = BlobSource::Bytes(content.clone());
    remote.put_blob(&blob, &source).await.unwrap();
    let repository = ImageRepository::Remote(remote);
    for _ in 0..2 {
        let read = cache.blob_bytes(&repository, &blob, size).await;
        assert_eq!(read.unwrap(), content);
    }
    let error = cache
        .open_layer(&repository, &blob, &oci::Limits::index())
        .await;
    let error = error.unwrap_err().to_string();
    assert_names(&error, &["small/cache/layers", "free space"]);
    // What is there can be pruned all the same.
    let place = dir.to_str().unwrap();
    let args = ["cache", "prune", "--to", "0", "--cache-dir", place];
    world.iib(&args).await.ok();
}
