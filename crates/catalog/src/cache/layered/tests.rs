use std::fmt::Write as _;
use std::fs::{self, File};
use std::ops::Range;
use std::sync::Arc;

use super::super::extent::log;
use super::super::{Options, write};
use super::*;

/// The blobs of a package with three bundles.
fn package(name: &str, text: &str) -> String {
    let mut blobs = format!(
        r#"{{"schema":"olm.package","name":"{name}","defaultChannel":"c"}}
           {{"schema":"olm.channel","name":"c","package":"{name}","entries":[
               {{"name":"{name}.v0"}},{{"name":"{name}.v1","replaces":"{name}.v0"}},{{"name":"{name}.v2","replaces":"{name}.v1"}}]}}"#
    );
    for number in 0..3 {
        write!(
            blobs,
            r#"{{"schema":"olm.bundle","name":"{name}.v{number}","package":"{name}","image":"r/{name}:{number}","properties":[
               {{"type":"olm.package","value":{{"packageName":"{name}","version":"{number}.0.0"}}}},
               {{"type":"x","value":"{number}{text}"}}]}}"#
        )
        .unwrap();
    }
    blobs
}

/// A cache with its catalog in a directory, and one of its packages as it is to be.
struct World {
    stored: StoredCache,
    changed: Catalog,
    blobs: Extent,
    _dir: tempfile::TempDir,
}

impl World {
    /// A catalog of some packages, of which the second changes; records have about so many bytes.
    fn new(packages: usize, bytes: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (catalog, cache) = (dir.path().join("catalog"), dir.path().join("cache"));
        fs::create_dir(&catalog).unwrap();
        for number in 0..packages {
            let name = format!("p{number}");
            let blobs = package(&name, &"x".repeat(bytes));
            fs::write(catalog.join(name), blobs).unwrap();
        }
        write(&catalog, &cache, Options::default()).unwrap();
        let mut stored = StoredCache::default();
        for folder in ["pogreb.v1", "pogreb.v1/db"] {
            for entry in fs::read_dir(cache.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    let name = path.strip_prefix(&cache).unwrap().to_str().unwrap();
                    let extent = Extent::whole(File::open(&path).unwrap()).unwrap();
                    stored.files.insert(name.to_owned(), extent);
                }
            }
        }
        // One bundle is as it was.
        let changed = package("p1", "new").replace("0new", &format!("0{}", "x".repeat(bytes)));
        fs::write(catalog.join("p1"), changed).unwrap();
        let normal: String = crate::fbc::files(&catalog)
            .unwrap()
            .iter()
            .map(|path| crate::fbc::read_normal(&fs::read(path).unwrap()).unwrap().1)
            .collect();
        fs::write(dir.path().join("blobs"), normal).unwrap();
        let changed = fs::read(catalog.join("p1")).unwrap();
        Self {
            stored,
            changed: crate::fbc::read(&changed).unwrap(),
            blobs: Extent::whole(File::open(dir.path().join("blobs")).unwrap()).unwrap(),
            _dir: dir,
        }
    }

    fn delta(&self) -> CacheDelta {
        let change = PackageChange::Set(&self.changed);
        let changes = BTreeMap::from([("p1".to_owned(), change)]);
        // In pieces that are no blobs.
        let blobs = [(0, 7), (7, 5000), (5007, u64::MAX)];
        let blobs = blobs.map(|(at, size)| self.blobs.part(at, size));
        delta(&self.stored, &changes, blobs, Profile::A).unwrap()
    }

    fn segment(&self) -> &Extent {
        &self.stored.files["pogreb.v1/db/00000-1.psg"]
    }
}

/// How often each byte of a file was read.
fn times(file: &Arc<File>, size: u64) -> Vec<u8> {
    let mut times = vec![0; usize::try_from(size).unwrap()];
    for Range { start, end } in log::take(file) {
        let range = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
        times[range].iter_mut().for_each(|times| *times += 1);
    }
    times
}

#[test]
fn what_does_not_change_is_read_once() {
    let world = World::new(3, 20_000);
    log::take(&world.segment().file);
    log::take(&world.blobs.file);
    let delta = world.delta();
    // The package index says nothing of what has changed.
    let counts = (delta.kept, delta.written, delta.deleted);
    assert_eq!(counts, (7 + 1, 2, 0));
    let bytes = world.segment().read().unwrap();
    let mut read = times(&world.segment().file, world.segment().size);
    // The copy that was just made.
    for times in &mut read {
        *times -= 1;
    }

    for package in ["p0", "p1", "p2"] {
        for number in 0..3 {
            let key = format!("bundles/{package}/c/{package}.v{number}");
            let mut places = bytes.windows(key.len());
            let at = places.position(|window| window == key.as_bytes());
            // The value begins behind the key.
            let value = &read[at.unwrap() + key.len()..][..20_000];
            let expected = match (package, number) {
                // Compared first, and then hashed like all that stay.
                ("p1", 0) => 2,
                // Its length tells that it is another one.
                ("p1", _) => 0,
                _ => 1,
            };
            assert!(value.iter().all(|times| *times == expected), "{key}");
        }
    }
    let read = times(&world.blobs.file, world.blobs.size);
    assert!(read.iter().all(|times| *times == 1));
}

#[test]
fn what_is_written_does_not_follow_the_size_of_other_packages() {
    let written = |packages, bytes| {
        let files = World::new(packages, bytes).delta().files;
        files
            .into_iter()
            .map(|file| (file.path, file.content.len()))
            .collect::<Vec<_>>()
    };
    let (small, large) = (written(3, 10), written(3, 30_000));
    assert_eq!(small, large);
    // Of more packages, the indexes know more.
    let more = written(300, 10);
    let names = |files: &[(String, usize)]| {
        files
            .iter()
            .map(|(path, _)| path.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&small), names(&more));
}
