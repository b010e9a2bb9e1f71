//! Bundle images that are made to do harm: each is refused with the bundle and the reason named, at a bounded cost.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use oci::{Digest, PullSpec};
use samples::Bundle;
use support::World;
use support::raw::{directory, entry, file, gzip, hardlink, symlink};
use tar::EntryType;

/// Much more than any of these needs, and nothing to what an unbounded one would.
const PATIENCE: Duration = Duration::from_mins(2);

const MIB: usize = 1 << 20;

/// The files of a good bundle, which a hostile part makes bad.
fn good() -> Vec<u8> {
    let bundle = Bundle::simple("good", "1.0.0", "stable", None);
    let files = bundle.files.iter();
    files
        .flat_map(|(path, text)| file(path, text.as_bytes()))
        .collect()
}

fn annotations() -> Vec<u8> {
    let bundle = Bundle::simple("good", "1.0.0", "stable", None);
    let (path, text) = &bundle.files[1];
    file(path, text.as_bytes())
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 1).unwrap()
}

/// A layer whose archive begins with `start` and goes on with `part` as often as `times` says; both compressed by themselves,
/// so that gigabytes need neither memory nor disk.
fn repeated(pack: fn(&[u8]) -> Vec<u8>, start: &[u8], part: &[u8], times: usize) -> Vec<u8> {
    let mut layer = pack(start);
    layer.extend(pack(part).repeat(times));
    layer
}

impl World {
    /// Why a bundle is refused.
    async fn refusal(&self, bundle: &PullSpec) -> String {
        let start = Instant::now();
        let read = self
            .builder
            .read_bundles(std::slice::from_ref(bundle))
            .await;
        assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
        let error = read.unwrap_err();
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        assert!(text.contains(&bundle.to_string()), "{text}");
        assert!(text.len() < 10_000, "{} bytes of error", text.len());
        // As text, to be changed, it is read by others, who bound it as well.
        let start = Instant::now();
        let request = self.regenerate(bundle, "hostile");
        let anew = self.builder.preview_regenerated(&request).await;
        assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
        match anew {
            // Not every limit of an index is one of a text.
            Ok(changes) => assert_eq!(changes.files, BTreeMap::new()),
            Err(error) => {
                let text = error.report();
                assert!(text.contains(&bundle.to_string()), "{text}");
                assert!(text.len() < 10_000, "{} bytes of error", text.len());
            }
        }
        text
    }

    /// Fails unless each layer is refused for its reason.
    async fn assert_refused(&self, cases: Vec<(&str, Vec<u8>, &str)>) {
        for (what, layer, reason) in cases {
            let bundle = self.hostile(&[layer]).await;
            let text = self.refusal(&bundle).await;
            assert!(
                text.contains(reason),
                "{what}: `{reason}` is not in: {text}"
            );
        }
    }

    async fn assert_read(&self, what: &str, layers: &[Vec<u8>]) {
        let bundle = self.hostile(layers).await;
        let read = self.builder.read_bundles(&[bundle]).await;
        let read = read.unwrap_or_else(|error| panic!("{what}: {}", error.report()));
        assert_eq!(read[0].name(), "good.v1.0.0", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_do_not_lead_out_of_the_image() {
    let world = World::open().await;
    let csv = "manifests/csv.yaml";
    let broken = "is a link to a file that does not exist";
    let with = |part: Vec<u8>| [annotations(), part].concat();
    world
        .assert_refused(vec![
            (
                "a climbing path",
                with(file("manifests/../../csv.yaml", b"a")),
                "cannot be placed within",
            ),
            (
                "a climbing path from the root",
                with(file("/../manifests/csv.yaml", b"a")),
                "cannot be placed within",
            ),
            (
                "a link to a file of the host",
                with(symlink(csv, "/etc/passwd")),
                broken,
            ),
            (
                "a climbing link",
                with(symlink(csv, "../../../../../../etc/passwd")),
                broken,
            ),
            (
                "a link to itself",
                with(symlink(csv, "csv.yaml")),
                "in a circle",
            ),
            (
                "links in a circle",
                with([symlink("a", "b"), symlink("b", "a"), file("a/x", b"")].concat()),
                "cannot be placed within",
            ),
            (
                "another name of a file of the host",
                with(hardlink(csv, "/etc/passwd")),
                broken,
            ),
            (
                "a climbing other name",
                with(hardlink(csv, "../../etc/passwd")),
                "cannot be placed within",
            ),
            (
                "a folder of the host",
                with([symlink("manifests", "/etc"), file("x", b"")].concat()),
                "no folder `/manifests`",
            ),
            (
                "a folder through a link",
                with(
                    [
                        symlink("manifests", "/proc/self"),
                        file("manifests/csv.yaml", b"kind: Secret\n"),
                    ]
                    .concat(),
                ),
                "ClusterServiceVersion",
            ),
        ])
        .await;
    // Within the image all of this is allowed.
    let bundle = Bundle::simple("good", "1.0.0", "stable", None);
    let text = bundle.files[0].1.as_bytes();
    world
        .assert_read(
            "an absolute path",
            &[with(file("/manifests/csv.yaml", text))],
        )
        .await;
    let layer = [
        directory("manifests"),
        symlink("m", "manifests"),
        file("m/csv.yaml", text),
    ];
    world
        .assert_read("a path through a link", &[with(layer.concat())])
        .await;
    let layer = [file("x", text), symlink(csv, "../../../x")];
    world
        .assert_read("a link that climbs to the root", &[with(layer.concat())])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_is_not_read() {
    let world = World::open().await;
    let with = |part: Vec<u8>| [annotations(), part].concat();
    let special = |kind| with(entry(kind, "manifests/csv.yaml", "", 0));
    world
        .assert_refused(vec![
            (
                "a device",
                special(EntryType::Char),
                "no file in `/manifests`",
            ),
            (
                "a disk",
                special(EntryType::Block),
                "no file in `/manifests`",
            ),
            (
                "a pipe",
                special(EntryType::Fifo),
                "no file in `/manifests`",
            ),
            (
                "a folder",
                special(EntryType::Directory),
                "no file in `/manifests`",
            ),
            (
                "a file instead of the folder",
                with(file("manifests", b"x")),
                "no folder `/manifests`",
            ),
            (
                "folders that are links to each other",
                with([symlink("manifests", "m"), symlink("m", "manifests")].concat()),
                "in a circle",
            ),
        ])
        .await;
    for (what, part) in [
        ("a deleted folder", file(".wh.manifests", b"")),
        ("a deleted root", file(".wh..wh..opq", b"")),
        ("a file over the folder", file("manifests", b"x")),
    ] {
        let bundle = world.hostile(&[good(), part]).await;
        let text = world.refusal(&bundle).await;
        assert!(text.contains("no folder `/manifests`"), "{what}: {text}");
    }
    let twice = [file("manifests/csv.yaml", b"kind: Secret\n"), good()].concat();
    world
        .assert_read("a file twice, of which the last counts", &[twice])
        .await;
    let bundle = world
        .hostile(&[[good(), file("manifests/csv.yaml", b"kind: Secret\n")].concat()])
        .await;
    assert!(
        world
            .refusal(&bundle)
            .await
            .contains("no file in `/manifests`")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_are_bounded() {
    let world = World::open().await;
    let zeros = vec![0; 64 * MIB];
    let promised = |path| entry(EntryType::Regular, path, "", 8 * 1024 * 1024 * 1024 - 512);
    let manifests = [annotations(), promised("manifests/csv.yaml")].concat();
    let entries = entry(EntryType::Regular, "manifests/a", "", 0).repeat(1_000);
    let attributes = entry(EntryType::XHeader, "x", "", 2 << 20);
    let name = entry(EntryType::GNULongName, "x", "", u64::from(u32::MAX));
    let many = (0..3).flat_map(|number| file(&format!("manifests/{number}"), &zeros[..30 * MIB]));
    world
        .assert_refused(vec![
            (
                "10 GB of zeros as a manifest",
                repeated(gzip, &manifests, &zeros, 160),
                "bytes for one file",
            ),
            (
                "10 GB of zeros elsewhere",
                repeated(gzip, &promised("x/zeros"), &zeros, 160),
                "exceeds the limit of 8589934592",
            ),
            (
                "10 GB of zeros in zstd",
                repeated(zstd, &manifests, &zeros, 160),
                "bytes for one file",
            ),
            (
                "more manifests than fit",
                gzip(&many.collect::<Vec<u8>>()),
                "exceeds the limit of 67108864",
            ),
            (
                "half a million names",
                repeated(gzip, &annotations(), &entries, 501),
                "exceeds the limit of 500000",
            ),
            (
                "attributes without end",
                repeated(gzip, &attributes, &zeros, 1),
                "longer than 1 MiB",
            ),
            (
                "a name without end",
                repeated(gzip, &name, &zeros, 1),
                "longer than 1 MiB",
            ),
            (
                "a size that no file has",
                entry(EntryType::Regular, "x", "", u64::MAX >> 1),
                "not a readable tar archive",
            ),
            (
                "a size that lies",
                entry(EntryType::Regular, "manifests/csv.yaml", "", 1 << 20),
                "not a readable tar archive",
            ),
            (
                "half an archive",
                gzip(&good())[..300].to_vec(),
                "not a readable tar archive",
            ),
        ])
        .await;
    let bundle = world.hostile(&vec![good(); 129]).await;
    assert!(world.refusal(&bundle).await.contains("129 layers"));
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_bounded() {
    let world = World::open().await;
    let csv = Bundle::simple("good", "1.0.0", "stable", None).files[0]
        .1
        .clone();
    let with = |text: &str| [annotations(), file("manifests/csv.yaml", text.as_bytes())].concat();
    let mut laughs = format!("{csv}a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    let annotated = |length| {
        csv.replace(
            "metadata:\n",
            &format!("metadata:\n  annotations: {{a: {}}}\n", "x".repeat(length)),
        )
    };
    world
        .assert_refused(vec![
            ("aliases of aliases", with(&laughs), "aliases"),
            (
                "lists in lists",
                with(&format!("{csv}x: {}", "[".repeat(MIB))),
                "manifests/csv.yaml",
            ),
            (
                "objects in objects",
                with(&format!(
                    "{{\"kind\":\"ClusterServiceVersion\",\"x\":{}",
                    "{\"a\":".repeat(MIB)
                )),
                "manifests/csv.yaml",
            ),
            (
                "an annotation larger than a file may be",
                gzip(&with(&annotated(33 * MIB))),
                "bytes for one file",
            ),
            (
                "a name of a megabyte",
                with(&csv.replace("good.v1.0.0", &"x".repeat(MIB))),
                "name",
            ),
            (
                "no text",
                [annotations(), file("manifests/csv.yaml", &[0xff; 100])].concat(),
                "manifests/csv.yaml",
            ),
            (
                "zeros",
                [annotations(), file("manifests/csv.yaml", &[0; 100])].concat(),
                "no file in `/manifests`",
            ),
        ])
        .await;
    world
        .assert_read("a large annotation", &[gzip(&with(&annotated(8 * MIB)))])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptors_must_not_lie() {
    let world = World::open().await;
    let layer = gzip(&good());
    for (what, change) in [
        ("smaller", -1_i64),
        ("larger", 1),
        ("nothing", -i64::try_from(layer.len()).unwrap()),
        ("huge", 1 << 50),
    ] {
        let bundle = world
            .changed(std::slice::from_ref(&layer), |manifest| {
                let size = &mut manifest.layers[0].size;
                *size = size.checked_add_signed(change).unwrap();
            })
            .await;
        let text = world.refusal(&bundle).await;
        assert!(
            text.contains("bytes") || text.contains("size"),
            "{what}: {text}"
        );
    }
    // A layer changed where it is stored.
    let bundle = world.hostile(std::slice::from_ref(&layer)).await;
    let blob = Digest::of(&layer);
    let stored = world
        .dir
        .path()
        .join("registry/blobs/sha256")
        .join(blob.hex());
    let mut other = layer.clone();
    other[4] ^= 1;
    std::fs::write(stored, other).unwrap();
    let text = world.refusal(&bundle).await;
    assert!(text.contains(blob.hex()), "{text}");
}
