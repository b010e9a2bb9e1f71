//! Serve caches: a good cache with any changes made to its files is judged or refused, and never taken for current when a
//! server would find it changed.
#![no_main]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use catalog::cache::{self, Format, Integrity, Options};
use libfuzzer_sys::fuzz_target;

/// One change to one file of the cache.
#[derive(Arbitrary, Debug)]
enum Change {
    Set {
        file: u8,
        at: u16,
        bytes: Vec<u8>,
    },
    Cut {
        file: u8,
        at: u16,
    },
    Append {
        file: u8,
        bytes: Vec<u8>,
    },
    Replace {
        file: u8,
        bytes: Vec<u8>,
    },
    Remove {
        file: u8,
    },
    /// Another file beside one that is there.
    Add {
        name: String,
        bytes: Vec<u8>,
    },
}

#[derive(Arbitrary, Debug)]
struct Input {
    json: bool,
    changes: Vec<Change>,
}

/// A catalog, and the caches of it: the contents of all files by their paths.
struct Good {
    catalog: tempfile::TempDir,
    pogreb: BTreeMap<PathBuf, Vec<u8>>,
    json: BTreeMap<PathBuf, Vec<u8>>,
}

static GOOD: LazyLock<Good> = LazyLock::new(|| {
    let catalog = fuzz::scratch();
    let text = include_bytes!("../seeds/catalog_json/small.json");
    fs::write(catalog.path().join("catalog.json"), text).expect("a file can be written");
    let made = |format| {
        let folder = fuzz::scratch();
        let options = Options {
            format: Some(format),
            ..Options::default()
        };
        cache::write(catalog.path(), folder.path(), options).expect("the catalog is valid");
        let mut files = BTreeMap::new();
        collect(folder.path(), Path::new(""), &mut files);
        files
    };
    let (pogreb, json) = (made(Format::Pogreb), made(Format::Json));
    Good {
        catalog,
        pogreb,
        json,
    }
});

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(root.join(folder)).expect("a folder is read") {
        let path = folder.join(entry.expect("a folder is read").file_name());
        if root.join(&path).is_dir() {
            collect(root, &path, files);
        } else {
            let bytes = fs::read(root.join(&path)).expect("a file is read");
            files.insert(path, bytes);
        }
    }
}

fuzz_target!(|input: Input| {
    let good = if input.json { &GOOD.json } else { &GOOD.pogreb };
    let mut files = good.clone();
    let paths: Vec<PathBuf> = files.keys().cloned().collect();
    let path = |file: u8| &paths[usize::from(file) % paths.len()];
    for change in input.changes {
        match change {
            Change::Set { file, at, bytes } => {
                let content = files.entry(path(file).clone()).or_default();
                let at = usize::from(at) % (content.len() + 1);
                let end = content.len().min(at + bytes.len());
                content.splice(at..end, bytes);
            }
            Change::Cut { file, at } => {
                let content = files.entry(path(file).clone()).or_default();
                content.truncate(usize::from(at) % (content.len() + 1));
            }
            Change::Append { file, bytes } => {
                files.entry(path(file).clone()).or_default().extend(bytes);
            }
            Change::Replace { file, bytes } => drop(files.insert(path(file).clone(), bytes)),
            Change::Remove { file } => drop(files.remove(path(file))),
            Change::Add { name, bytes } => {
                let beside = path(u8::try_from(bytes.len() % 256).unwrap_or(0));
                if !name.is_empty() && name.len() < 100 && !name.contains(['/', '\0', '.']) {
                    files.insert(beside.with_file_name(name), bytes);
                }
            }
        }
    }
    let folder = fuzz::scratch();
    for (path, content) in &files {
        let path = folder.path().join(path);
        let parent = path.parent().expect("files lie in folders");
        fs::create_dir_all(parent).expect("a folder can be made");
        fs::write(&path, content).expect("a file can be written");
    }
    let judged = cache::check(GOOD.catalog.path(), folder.path());
    // The digest of a JSON cache covers the modes of files too, which are not copied here.
    if files == *good && !input.json {
        assert!(
            matches!(judged, Ok(Integrity::Current { .. })),
            "{judged:?}"
        );
    }
    if let Ok(Integrity::Current { digest }) = judged {
        let digest_file = if input.json {
            "digest"
        } else {
            "pogreb.v1/digest"
        };
        let recorded = String::from_utf8_lossy(&good[Path::new(digest_file)]);
        assert_eq!(
            digest,
            recorded.trim(),
            "another content with a digest of its own"
        );
    }
    // Whatever it was, a cache that was brought up to date belongs to its catalog.
    if cache::update(GOOD.catalog.path(), folder.path(), Options::default()).is_ok() {
        let judged = cache::check(GOOD.catalog.path(), folder.path());
        assert!(
            matches!(judged, Ok(Integrity::Current { .. })),
            "{judged:?}"
        );
    }
});
