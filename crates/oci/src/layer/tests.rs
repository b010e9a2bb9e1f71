use std::collections::BTreeMap;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use proptest::prelude::*;

use super::*;
use crate::digest::Digest;

fn bytes(text: &str) -> BlobSource {
    BlobSource::Bytes(Bytes::copy_from_slice(text.as_bytes()))
}

/// Content that compress neither well nor not at all.
fn noise(megabytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..megabytes * 1024 * 1024)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            u8::try_from(state >> 28).unwrap()
        })
        .collect()
}

fn sample(reverse: bool) -> LayerBuilder {
    let mut builder = LayerBuilder::new(1_700_000_000);
    let mut files = vec![
        ("/configs/a/catalog.json", 0o644, bytes("{}")),
        ("configs/b-c", 0o600, bytes("b")),
        (
            "/database/index.db",
            0o644,
            BlobSource::Bytes(noise(5).into()),
        ),
    ];
    if reverse {
        files.reverse();
    }
    for (path, mode, content) in files {
        builder.file(path, Owner::ROOT, mode, content).unwrap();
    }
    let cache = Owner { uid: 1001, gid: 0 };
    builder.directory("/tmp/cache", cache, 0o775).unwrap();
    builder
}

fn write(builder: LayerBuilder) -> (Layer, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("layer");
    let layer = builder.write(&file, Format::Docker).unwrap();
    (layer, std::fs::read(file).unwrap())
}

type Entries = Vec<(String, u64, u64, u32, u64, Vec<u8>)>;

fn read_back(compressed: &[u8]) -> Entries {
    let mut archive = tar::Archive::new(MultiGzDecoder::new(compressed));
    let mut entries = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        entries.push((
            String::from_utf8(entry.path_bytes().to_vec()).unwrap(),
            header.uid().unwrap(),
            header.gid().unwrap(),
            header.mode().unwrap(),
            header.mtime().unwrap(),
            content,
        ));
    }
    entries
}

/// Everything a layer of ours may hold, in several members: text like a catalog's, content that compresses badly, well, or not
/// at all, files of no bytes and of one member exactly, many small ones, long and foreign paths, a file from the disk.
fn varied(reverse: bool, folder: &Path) -> LayerBuilder {
    let text: Vec<String> = (0..20_000_u32)
        .map(|n| {
            let version = format!("{}.{}.{}", n / 400, n / 20 % 20, n % 20);
            format!(
                "{{\"schema\":\"olm.bundle\",\"name\":\"p{}.v{version}\",\"image\":\"r.test/p@{:08x}\",\"n\":{n}}}\n",
                n / 400,
                n.wrapping_mul(2_654_435_761)
            )
        })
        .collect();
    let text = text.concat();
    let on_disk = folder.join("content");
    std::fs::write(&on_disk, noise(3)).unwrap();
    let hashes: Vec<u8> = (0..40_000_u32)
        .flat_map(|n| hex::decode(Digest::of(n.to_le_bytes()).hex()).unwrap())
        .collect();
    let mut files = vec![
        ("configs/p/catalog.json".to_owned(), bytes(&text)),
        (
            "configs/h/hashes".to_owned(),
            BlobSource::Bytes(hashes.into()),
        ),
        ("database/index.db".to_owned(), BlobSource::File(on_disk)),
        (
            "tmp/cache/zeros".to_owned(),
            BlobSource::Bytes(vec![0; 1 << 20].into()),
        ),
        ("tmp/cache/empty".to_owned(), bytes("")),
        (
            format!("configs/{}/{}.json", "d".repeat(120), "f".repeat(150)),
            bytes("{}"),
        ),
        ("configs/größe/каталог.json".to_owned(), bytes("{}")),
    ];
    files.extend((0..300).map(|n| (format!("configs/s{n}/catalog.json"), bytes(&text[..n * 7]))));
    if reverse {
        files.reverse();
    }
    let mut builder = LayerBuilder::new(1_700_000_000);
    for (path, content) in files {
        builder.file(&path, Owner::ROOT, 0o644, content).unwrap();
    }
    let cache = Owner { uid: 1001, gid: 0 };
    builder.directory("tmp/cache", cache, 0o775).unwrap();
    builder
}

#[test]
fn the_bytes_depend_neither_on_threads_nor_on_the_order_of_adding() {
    let folder = tempfile::tempdir().unwrap();
    let with_threads = |threads, reverse| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(|| write(varied(reverse, folder.path())))
    };
    let (layer, once) = with_threads(1, false);
    for (threads, reverse) in [(2, false), (7, false), (2, true), (7, true)] {
        let (other, bytes) = with_threads(threads, reverse);
        let how = format!("{threads} threads, in reverse: {reverse}");
        assert!(bytes == once, "other bytes with {how}");
        assert_eq!(other.descriptor, layer.descriptor, "{how}");
        assert_eq!(other.diff_id, layer.diff_id, "{how}");
    }
}

#[test]
fn digests_and_size_are_those_of_the_bytes() {
    let (layer, stored) = write(sample(false));
    assert_eq!(layer.descriptor.digest, Digest::of(&stored));
    assert_eq!(layer.descriptor.size, stored.len() as u64);
    assert_eq!(layer.descriptor.media_type, Format::Docker.layer());
    let mut archive = Vec::new();
    MultiGzDecoder::new(&*stored)
        .read_to_end(&mut archive)
        .unwrap();
    assert_eq!(layer.diff_id.digest(), &Digest::of(archive));
}

#[test]
fn known_content_has_the_known_digest() {
    let folder = tempfile::tempdir().unwrap();
    for (content, (layer, _), expected) in [
        (
            "sample",
            write(sample(false)),
            [
                "c6da53529057d6db97a06aea88203fe05fd62bb84da8aa106ddb6d724d30f628",
                "7dc01b672fce3cd41fd41d25042c2fa9ad1bbe847c33b56b95e17e652bb372ec",
            ],
        ),
        (
            "varied",
            write(varied(false, folder.path())),
            [
                "685177812807abdf81799405a557bd3a815e42e9569ed59851b72f78a8c2713a",
                "65e9bc6a2282ae2e91348fba3febcfadac1ac6d5be76ce73a580ae72308d658b",
            ],
        ),
    ] {
        assert_eq!(
            [layer.diff_id.digest().hex(), layer.descriptor.digest.hex()],
            expected,
            "`{content}`: tar (the first digest) or the compressor (the second) writes other bytes than the version before. Every \
             published layer gets another digest once, and caches of them miss once. If that is meant, put the new digests \
             here and a line in CHANGELOG.md"
        );
    }
}

#[test]
fn parents_are_present_with_their_usual_owner_and_mode() {
    let (_, stored) = write(sample(false));
    let seen: Vec<_> = read_back(&stored)
        .into_iter()
        .map(|(path, uid, gid, mode, mtime, _)| {
            assert_eq!(mtime, 1_700_000_000);
            format!("{path} {uid}:{gid} {mode:o}")
        })
        .collect();
    assert_eq!(
        seen,
        [
            "configs/ 0:0 755",
            "configs/a/ 0:0 755",
            "configs/a/catalog.json 0:0 644",
            "configs/b-c 0:0 600",
            "database/ 0:0 755",
            "database/index.db 0:0 644",
            "tmp/ 0:0 1777",
            "tmp/cache/ 1001:0 775",
        ]
    );
}

#[test]
fn paths_that_cannot_be_in_a_layer_are_refused() {
    let mut builder = LayerBuilder::new(0);
    for (path, problem) in [
        ("", LayerPathProblem::Root),
        ("/./", LayerPathProblem::Root),
        ("a/../b", LayerPathProblem::Climbs),
        ("a/.wh.b", LayerPathProblem::Whiteout),
        ("a\0b", LayerPathProblem::Nul),
    ] {
        match builder.directory(path, Owner::ROOT, 0o755) {
            Err(LayerError::InvalidPath { problem: found, .. }) => assert_eq!(found, problem),
            other => panic!("`{path}`: {other:?}"),
        }
    }
}

#[test]
fn one_path_written_twice_is_refused_however_it_is_spelt() {
    let mut builder = LayerBuilder::new(0);
    builder.file("a/b", Owner::ROOT, 0o644, bytes("")).unwrap();
    assert!(matches!(
        builder.directory("/a//b/", Owner::ROOT, 0o755),
        Err(LayerError::Duplicate { path }) if path == "a/b"
    ));
}

#[test]
fn a_file_cannot_be_a_parent() {
    let mut builder = LayerBuilder::new(0);
    builder.file("a", Owner::ROOT, 0o644, bytes("")).unwrap();
    builder
        .file("a/b/c", Owner::ROOT, 0o644, bytes(""))
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = builder
        .write(&folder.path().join("layer"), Format::Oci)
        .unwrap_err();
    assert!(matches!(error, LayerError::ParentIsFile { .. }), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_missing_content_file_is_named_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no such file");
    let mut builder = LayerBuilder::new(0);
    builder
        .file("a", Owner::ROOT, 0o644, BlobSource::File(missing))
        .unwrap();
    let error = builder
        .write(&folder.path().join("layer"), Format::Oci)
        .unwrap_err();
    assert!(error.to_string().contains("no such file"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_tree_we_write_reads_back(
        files in proptest::collection::btree_map("[a-zé-]{1,60}(/[a-z.]{1,60}x){0,3}", proptest::collection::vec(any::<u8>(), 0..2000), 0..12),
        mode in 0_u32..0o10000,
        uid in any::<u32>(),
    ) {
        let mut builder = LayerBuilder::new(7);
        let owner = Owner { uid, gid: 5 };
        let mut expected = BTreeMap::new();
        for (path, content) in &files {
            // Whiteouts are refused, and a file cannot lie below a file.
            if path.contains("/.wh.") {
                continue;
            }
            if files.keys().any(|other| other.starts_with(&format!("{path}/"))) {
                continue;
            }
            let content = content.clone();
            builder.file(path, owner, mode, BlobSource::Bytes(content.clone().into())).unwrap();
            expected.insert(path.clone(), content);
        }
        let entries = read_back(&write(builder).1);
        let mut found = BTreeMap::new();
        for (path, entry_uid, _, entry_mode, _, content) in entries {
            if !path.ends_with('/') {
                prop_assert_eq!((entry_uid, entry_mode), (u64::from(uid), mode));
                found.insert(path, content);
            }
        }
        prop_assert_eq!(found, expected);
    }
}
