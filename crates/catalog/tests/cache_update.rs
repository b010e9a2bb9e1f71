//! Serve caches that are brought up to date: whatever happened before, the result is a cache written anew.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod pogreb;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use catalog::cache::{self, CacheError, Change, Format, Integrity, Options, Report};
use pogreb::replay;
use proptest::prelude::*;

/// What a catalog says of one package; with no bundles it is not there.
#[derive(Debug, Clone, Copy)]
struct Package {
    bundles: u8,
    channels: u8,
    /// Makes records long, and different.
    text: u8,
}

/// A catalog that changes from step to step, with its cache.
struct World {
    dir: tempfile::TempDir,
    packages: BTreeMap<u8, Package>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("catalog")).unwrap();
        Self {
            dir,
            packages: BTreeMap::new(),
        }
    }

    fn catalog(&self) -> PathBuf {
        self.dir.path().join("catalog")
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    fn database(&self) -> PathBuf {
        self.cache().join("pogreb.v1/db")
    }

    fn set(&mut self, number: u8, package: Package) {
        self.packages.insert(number, package);
        let path = self.catalog().join(format!("p{number}.json"));
        fs::write(path, blobs(number, package)).unwrap();
    }

    fn update(&self) -> Report {
        cache::update(&self.catalog(), &self.cache(), Options::default()).unwrap()
    }

    /// Compares the cache with one that is written anew.
    fn assert_is_as_new(&self) {
        let fresh = tempfile::tempdir().unwrap();
        let report = cache::write(&self.catalog(), fresh.path(), Options::default()).unwrap();
        let current = Integrity::Current {
            digest: report.digest,
        };
        let found = cache::check(&self.catalog(), &self.cache()).unwrap();
        assert_eq!(found, current);
        let expected = replay(&fresh.path().join("pogreb.v1/db"));
        let mut indexed = BTreeMap::new();
        let take = |key: &[u8], value: &[u8]| {
            indexed.insert(key.to_vec(), value.to_vec());
        };
        cache::records(&self.cache(), take).unwrap();
        assert!(indexed == expected, "what the index leads to");
        assert!(
            replay(&self.database()) == expected,
            "what a server recovers"
        );
    }
}

/// The blobs of a package. Channel n has the bundles from the nth on.
fn blobs(number: u8, package: Package) -> String {
    let mut text = String::new();
    if package.bundles == 0 {
        return text;
    }
    let name = format!("p{number}");
    writeln!(
        text,
        r#"{{"schema":"olm.package","name":"{name}","defaultChannel":"c0"}}"#
    )
    .unwrap();
    for channel in 0..=package.channels.min(package.bundles - 1) {
        let entries: Vec<String> = (channel..package.bundles)
            .map(|bundle| match bundle.checked_sub(1) {
                Some(before) if bundle > channel => {
                    format!(r#"{{"name":"{name}.v{bundle}","replaces":"{name}.v{before}"}}"#)
                }
                _ => format!(r#"{{"name":"{name}.v{bundle}"}}"#),
            })
            .collect();
        let entries = entries.join(",");
        writeln!(
            text,
            r#"{{"schema":"olm.channel","name":"c{channel}","package":"{name}","entries":[{entries}]}}"#
        )
        .unwrap();
    }
    for bundle in 0..package.bundles {
        let filler = format!("{:x}", package.text).repeat(usize::from(package.text) * 8);
        writeln!(
            text,
            r#"{{"schema":"olm.bundle","name":"{name}.v{bundle}","package":"{name}","image":"r/{name}:{bundle}","properties":[
               {{"type":"olm.package","value":{{"packageName":"{name}","version":"{bundle}.0.0"}}}},
               {{"type":"x","value":"{filler}"}}]}}"#
        )
        .unwrap();
    }
    text
}

fn segments(database: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(database)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "psg"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect()
}

fn package() -> impl Strategy<Value = Package> {
    (0_u8..5, 0_u8..3, 0_u8..24).prop_map(|(bundles, channels, text)| Package {
        bundles,
        channels,
        text,
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 6,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_number_of_updates_ends_as_a_cache_written_anew(
        steps in prop::collection::vec((0_u8..6, package()), 20..30)
    ) {
        let mut world = World::new();
        let mut updated = 0;
        for number in 0..6 {
            world.set(number, Package { bundles: 4, channels: 1, text: 20 });
        }
        world.update();
        for (number, package) in steps {
            world.set(number, package);
            let before = segments(&world.database());
            let report = world.update();
            if report.change == Change::Updated {
                updated += 1;
                let after = segments(&world.database());
                for (name, bytes) in &before {
                    prop_assert!(after.get(name) == Some(bytes), "{name} is not as it was");
                }
                prop_assert_eq!(after.len(), before.len() + 1);
            }
            world.assert_is_as_new();
        }
        prop_assert!(updated > 0);
    }
}

/// Four packages with their cache.
fn world() -> World {
    let mut world = World::new();
    for number in 0..4 {
        let package = Package {
            bundles: 3,
            channels: 1,
            text: 30,
        };
        world.set(number, package);
    }
    assert_eq!(world.update().change, Change::Rewritten);
    world
}

const CHANGED: Package = Package {
    bundles: 3,
    channels: 0,
    text: 31,
};

#[test]
fn a_cache_that_belongs_to_its_catalog_is_left_alone() {
    let world = world();
    let before = segments(&world.database());
    let digest = world.cache().join("pogreb.v1/digest");
    let written = fs::metadata(&digest).unwrap().modified().unwrap();
    let report = world.update();
    assert_eq!((report.change, report.bytes), (Change::Unchanged, 0));
    assert!(segments(&world.database()) == before);
    assert_eq!(fs::metadata(&digest).unwrap().modified().unwrap(), written);
}

#[test]
fn an_update_tells_what_it_did() {
    let mut world = world();
    let total = replay(&world.database()).len();
    world.set(2, CHANGED);
    let report = world.update();
    assert_eq!(report.change, Change::Updated);
    // Three bundles in one channel are new, and so is the index of packages; two were in a second channel.
    let counts = (report.kept, report.written, report.deleted);
    assert_eq!(counts, (total - 1 - 5, 3 + 1, 2));
    let new = fs::metadata(world.database().join("00001-2.psg")).unwrap();
    assert!(new.len() < report.bytes && report.bytes < new.len() + 8192);
}

#[test]
fn a_cache_that_would_be_mostly_dead_is_written_anew() {
    let mut world = world();
    for number in 0..3 {
        world.set(number, CHANGED);
    }
    assert_eq!(world.update().change, Change::Rewritten);
    assert_eq!(segments(&world.database()).len(), 1);
    world.assert_is_as_new();
}

#[test]
fn the_order_of_segments_is_that_of_their_sequence_numbers() {
    let mut world = world();
    world.set(0, CHANGED);
    world.update();
    // A server that compacted has freed the first number.
    let database = world.database();
    fs::rename(database.join("00000-1.psg"), database.join("00007-1.psg")).unwrap();
    world.set(
        0,
        Package {
            text: 32,
            ..CHANGED
        },
    );
    assert_eq!(world.update().change, Change::Updated);
    let names: Vec<String> = segments(&database).into_keys().collect();
    assert_eq!(names, ["00000-3.psg", "00001-2.psg", "00007-1.psg"]);
    world.assert_is_as_new();
}

/// Does to the database of a cache what `harm` does, and checks what comes of it.
fn harmed(harm: impl Fn(&Path), expected: Change) {
    let mut world = world();
    world.set(0, CHANGED);
    harm(&world.database());
    assert_eq!(world.update().change, expected);
    world.assert_is_as_new();
    assert!(!world.database().join("lock").exists());
}

#[test]
fn harmed_databases_are_brought_into_order() {
    let cut = |path: PathBuf, by: u64| {
        let file = File::options().write(true).open(path).unwrap();
        let size = file.metadata().unwrap().len();
        file.set_len(size - by).unwrap();
    };
    let flip = |path: PathBuf| {
        let mut bytes = fs::read(&path).unwrap();
        bytes[700] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    // The index is made of the records.
    harmed(
        |db| fs::remove_file(db.join("index.pmt")).unwrap(),
        Change::Updated,
    );
    harmed(|db| cut(db.join("main.pix"), 700), Change::Updated);
    harmed(|db| flip(db.join("main.pix")), Change::Updated);
    harmed(
        |db| fs::write(db.join("lock"), "").unwrap(),
        Change::Updated,
    );
    harmed(
        |db| fs::write(db.join("stray"), "").unwrap(),
        Change::Updated,
    );
    harmed(
        |db| fs::create_dir(db.join("strange.bac")).unwrap(),
        Change::Updated,
    );
    // Where a record is harmed nothing is built upon it.
    harmed(|db| flip(db.join("00000-1.psg")), Change::Rewritten);
    harmed(|db| cut(db.join("00000-1.psg"), 1), Change::Rewritten);
    harmed(
        |db| fs::write(db.join("00003-9.psg"), "pogreb").unwrap(),
        Change::Rewritten,
    );
    harmed(
        |db| fs::write(db.join("00000-9.psg"), "").unwrap(),
        Change::Rewritten,
    );
    harmed(
        |db| fs::create_dir(db.join("00001-2.psg")).unwrap(),
        Change::Rewritten,
    );
    harmed(|db| fs::remove_dir_all(db).unwrap(), Change::Rewritten);
}

#[test]
fn lengths_that_are_made_up_reserve_nothing() {
    for bytes in [
        &b"\xff\xff\xff\xff\xff\x7f"[..],
        b"\x01\0\x01\0\0\x80kv\0\0\0\0",
        b"\x01\0",
    ] {
        harmed(
            |db| {
                let path = db.join("00000-1.psg");
                let segment = [&fs::read(&path).unwrap(), bytes].concat();
                fs::write(path, segment).unwrap();
            },
            Change::Rewritten,
        );
    }
}

/// Whether a file has not got its name yet.
fn is_new(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "new")
}

#[test]
fn what_cannot_be_written_leaves_the_old_cache() {
    for name in [
        "00001-2.psg.new",
        "00000-1.psg.pmt.new",
        "main.pix.new",
        "db.pmt.new",
    ] {
        let mut world = world();
        let old = fs::read(world.catalog().join("p0.json")).unwrap();
        world.set(0, CHANGED);
        let in_the_way = world.database().join(name);
        fs::create_dir(&in_the_way).unwrap();
        let updated = cache::update(&world.catalog(), &world.cache(), Options::default());
        let error = updated.unwrap_err();
        assert!(
            matches!(&error, CacheError::Io { path, .. } if *path == in_the_way),
            "{error}"
        );
        fs::write(world.catalog().join("p0.json"), old).unwrap();
        let found = cache::check(&world.catalog(), &world.cache()).unwrap();
        assert!(
            matches!(found, Integrity::Current { .. }),
            "{name}: {found:?}"
        );
        let files = fs::read_dir(world.database()).unwrap();
        let left = files.filter(|entry| is_new(&entry.as_ref().unwrap().path()));
        assert_eq!(left.count(), 1, "only what was in the way");
    }
}

#[test]
fn errors_name_what_is_in_the_way() {
    let mut world = world();
    world.set(0, CHANGED);
    let file = world.dir.path().join("file");
    fs::write(&file, "").unwrap();
    let below = cache::write(&world.catalog(), &file.join("cache"), Options::default());
    assert!(matches!(below, Err(CacheError::Io { path, .. }) if path.starts_with(&file)));

    let strange = world.dir.path().join("strange");
    fs::create_dir_all(strange.join("cache")).unwrap();
    fs::write(strange.join("readme"), "").unwrap();
    for change in [cache::update, cache::write] {
        let error = change(&world.catalog(), &strange, Options::default()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("unexpected contents: cache,readme"),
            "{error}"
        );
    }

    let digest = world.cache().join("pogreb.v1/digest");
    fs::remove_file(&digest).unwrap();
    fs::create_dir(&digest).unwrap();
    let error = cache::check(&world.catalog(), &world.cache()).unwrap_err();
    assert!(matches!(error, CacheError::Io { path, .. } if path == digest));
}

#[test]
fn many_segments_are_made_one() {
    let mut world = world();
    // Empty segments are as good as others to count.
    let header = fs::read(world.database().join("00000-1.psg")).unwrap()[..512].to_vec();
    for number in 1..100 {
        let name = format!("{number:05}-{}.psg", number + 1);
        fs::write(world.database().join(name), &header).unwrap();
    }
    world.set(0, CHANGED);
    assert_eq!(world.update().change, Change::Rewritten);
    assert_eq!(segments(&world.database()).len(), 1);
}

/// The states that a killed update can leave, in their order.
#[test]
fn interrupted_updates_leave_the_old_cache_or_none() {
    let mut world = world();
    let old = tempfile::tempdir().unwrap();
    copy(&world.cache(), old.path());
    let old_catalog = fs::read(world.catalog().join("p0.json")).unwrap();
    world.set(0, CHANGED);
    world.update();
    let new_catalog = fs::read(world.catalog().join("p0.json")).unwrap();
    let new = tempfile::tempdir().unwrap();
    copy(&world.cache(), new.path());

    let (database, digest) = (world.database(), world.cache().join("pogreb.v1/digest"));
    let restore = || {
        fs::remove_dir_all(world.cache()).unwrap();
        copy(old.path(), &world.cache());
    };
    let take = |name: &str, as_name: &str| {
        let from = new.path().join("pogreb.v1/db").join(name);
        fs::copy(from, database.join(as_name)).unwrap();
    };
    let check_with = |catalog: &[u8]| {
        fs::write(world.catalog().join("p0.json"), catalog).unwrap();
        cache::check(&world.catalog(), &world.cache()).unwrap()
    };
    let index = ["main.pix", "overflow.pix", "index.pmt", "db.pmt"];
    for stopped in 0_usize..6 {
        restore();
        // A segment under way, which no server looks at.
        take("00001-2.psg", "00001-2.psg.new");
        if stopped == 0 {
            assert!(matches!(
                check_with(&old_catalog),
                Integrity::Current { .. }
            ));
            assert!(matches!(check_with(&new_catalog), Integrity::Stale { .. }));
        } else {
            fs::remove_file(&digest).unwrap();
        }
        if stopped >= 2 {
            fs::remove_file(database.join("00001-2.psg.new")).unwrap();
            take("00001-2.psg", "00001-2.psg");
        }
        for name in &index[..(stopped * 2).saturating_sub(4).min(4)] {
            take(name, name);
        }
        if stopped >= 1 {
            for catalog in [&old_catalog, &new_catalog] {
                assert_eq!(
                    check_with(catalog),
                    Integrity::Absent,
                    "stopped at {stopped}"
                );
            }
        }
        let report = world.update();
        assert_eq!(report.change, Change::Updated, "stopped at {stopped}");
        world.assert_is_as_new();
        assert!(!database.join("00001-2.psg.new").exists());
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_cache_that_a_server_has_open_is_not_touched() {
    let mut world = world();
    world.set(0, CHANGED);
    let path = world.database().join("lock");
    let lock = File::create(&path).unwrap();
    lock.lock().unwrap();
    for change in [cache::update, cache::write] {
        let before = segments(&world.database());
        let error = change(&world.catalog(), &world.cache(), Options::default()).unwrap_err();
        assert!(
            matches!(&error, CacheError::InUse { path: found } if *found == path),
            "{error}"
        );
        assert!(segments(&world.database()) == before);
        assert!(world.cache().join("pogreb.v1/digest").exists());
    }
    drop(lock);
    assert_eq!(world.update().change, Change::Updated);
}

#[test]
fn a_catalog_that_is_not_valid_leaves_the_cache_alone() {
    for format in [Format::Pogreb, Format::Json] {
        let mut world = World::new();
        world.set(0, CHANGED);
        let options = Options {
            format: Some(format),
            ..Options::default()
        };
        cache::write(&world.catalog(), &world.cache(), options).unwrap();
        let good = fs::read(world.catalog().join("p0.json")).unwrap();
        let bad = String::from_utf8(good.clone())
            .unwrap()
            .replace("p0.v0", "p0.v1");
        fs::write(world.catalog().join("p0.json"), bad).unwrap();
        let error = cache::update(&world.catalog(), &world.cache(), options).unwrap_err();
        assert!(matches!(error, CacheError::Invalid(_)), "{error}");
        fs::write(world.catalog().join("p0.json"), good).unwrap();
        let report = cache::update(&world.catalog(), &world.cache(), options).unwrap();
        assert_eq!(report.change, Change::Unchanged, "{format}");
    }
}

#[test]
fn json_caches_are_kept_or_written_anew() {
    let mut world = World::new();
    let options = Options {
        format: Some(Format::Json),
        ..Options::default()
    };
    let update = |world: &World| cache::update(&world.catalog(), &world.cache(), options).unwrap();
    world.set(0, CHANGED);
    for expected in [Change::Rewritten, Change::Unchanged] {
        assert_eq!(update(&world).change, expected);
    }
    world.set(1, CHANGED);
    let report = update(&world);
    assert_eq!(report.change, Change::Rewritten);
    let fresh = tempfile::tempdir().unwrap();
    let again = cache::write(&world.catalog(), fresh.path(), options).unwrap();
    assert_eq!(report, again);
    fs::write(world.cache().join("cache/stray.json"), "{}").unwrap();
    assert_eq!(update(&world), again);
}
