//! What an opened layer says of the archive.

use std::os::unix::fs::FileExt as _;

use oci::{CacheError, EntryKind, Error, LayerEntry, OpenLayer, Owner};
use tar::{EntryType, Header};

use crate::archives::Entry::{Dir, Fifo, File, HardLink, Symlink};
use crate::archives::{Entry, gzip, tar};
use crate::support::{World, entry, read};

/// The paths with what they are, and of files the content.
fn describe(layer: &OpenLayer) -> Vec<(String, String)> {
    let what = |entry: &LayerEntry| match &entry.kind {
        EntryKind::File { .. } => {
            let content = layer.read(entry).unwrap();
            format!("={}", String::from_utf8(content.to_vec()).unwrap())
        }
        EntryKind::Directory => "dir".to_owned(),
        EntryKind::Symlink { target } => format!("-> {target}"),
        EntryKind::HardLink { target } => format!("link {target}"),
        EntryKind::Whiteout => "deleted".to_owned(),
        EntryKind::OpaqueDirectory => "emptied".to_owned(),
        EntryKind::Other => "other".to_owned(),
    };
    let entries = layer.entries().iter();
    entries
        .map(|entry| (entry.path.clone(), what(entry)))
        .collect()
}

async fn check(entries: &[Entry], expected: &[(&str, &str)]) {
    let world = World::start().await;
    let layer = world.layer(entries).await;
    let expected: Vec<(String, String)> = expected
        .iter()
        .map(|(path, what)| ((*path).to_owned(), (*what).to_owned()))
        .collect();
    for _ in 0..2 {
        let opened = world.open(&world.cache().await, &layer).await.unwrap();
        assert_eq!(describe(&opened), expected);
    }
}

#[tokio::test]
async fn everything_has_a_normal_path_and_the_last_of_a_path_counts() {
    check(
        &[
            Dir("./"),
            Dir("./m/"),
            File("/m/b", "old"),
            File("m//a", ""),
            Fifo("m/pipe"),
            Symlink("m/link", "../elsewhere"),
            File("m-c", "between `m` and what is in it, by its bytes"),
            File("./m/b", "new"),
        ],
        &[
            ("m", "dir"),
            ("m-c", "=between `m` and what is in it, by its bytes"),
            ("m/a", "="),
            ("m/b", "=new"),
            ("m/link", "-> ../elsewhere"),
            ("m/pipe", "other"),
        ],
    )
    .await;
}

#[tokio::test]
async fn hard_links_are_files_or_lead_below() {
    check(
        &[
            File("a", "1"),
            HardLink("b", "/a"),
            HardLink("c", "./b"),
            File("a", "2"),
            HardLink("d", "below/x"),
        ],
        &[("a", "=2"), ("b", "=1"), ("c", "=1"), ("d", "link below/x")],
    )
    .await;
}

#[tokio::test]
async fn deletions_name_what_they_delete() {
    check(
        &[
            File("m/.wh.gone", ""),
            Dir("again/"),
            File(".wh.again", ""),
            File("again/new", "1"),
            Dir("opaque/"),
            File("opaque/.wh..wh..opq", ""),
            File(".wh..wh.plnk", ""),
            File(".wh..wh..opq", ""),
        ],
        &[
            ("", "emptied"),
            ("again", "deleted"),
            ("again", "dir"),
            ("again/new", "=1"),
            ("m/gone", "deleted"),
            ("opaque", "emptied"),
            ("opaque", "dir"),
        ],
    )
    .await;
}

#[tokio::test]
async fn links_in_parents_are_followed_as_unpacking_does() {
    check(
        &[Symlink("link", "real"), File("link/a", "1")],
        &[("link", "-> real"), ("real/a", "=1")],
    )
    .await;
}

#[tokio::test]
async fn the_same_archive_is_read_however_it_is_compressed() {
    let world = World::start().await;
    let cache = world.cache().await;
    let plain = tar(&[File("m/a", "content"), File("m/empty", "")]);
    let frames = [
        plain.clone(),
        gzip(&plain),
        zstd::encode_all(&*plain, 3).unwrap(),
    ];
    let mut diff_ids = Vec::new();
    for blob in frames {
        let layer = world.push(blob).await;
        let opened = world.open(&cache, &layer).await.unwrap();
        assert_eq!(*opened.digest(), layer.digest);
        assert_eq!(read(&opened, "m/a"), "content");
        assert_eq!(read(&opened, "m/empty"), "");
        let length = opened.archive().metadata().unwrap().len();
        assert_eq!(length, u64::try_from(plain.len()).unwrap());
        diff_ids.push(opened.diff_id().clone());
    }
    let expected = oci::DiffId::new(oci::Digest::of(&plain));
    assert!(diff_ids.iter().all(|diff_id| *diff_id == expected));
}

#[tokio::test]
async fn long_names_owners_and_modes_are_read_and_offsets_are_right() {
    let world = World::start().await;
    let mut archive = tar::Builder::new(Vec::new());
    let long = "long/".repeat(60) + "name";
    let mut header = Header::new_gnu();
    header.set_mode(0o4755);
    header.set_uid(1001);
    header.set_gid(70_000_000);
    header.set_size(4);
    archive
        .append_data(&mut header, &long, &b"gnu!"[..])
        .unwrap();
    let pax = format!("pax/{}", "x".repeat(200));
    let owners = [
        ("path", pax.as_bytes()),
        ("uid", b"123"),
        ("gid", b"4000000000"),
    ];
    archive.append_pax_extensions(owners).unwrap();
    let mut header = Header::new_ustar();
    header.set_path("short").unwrap();
    header.set_mode(0o600);
    header.set_uid(7);
    header.set_gid(7);
    header.set_size(600);
    header.set_cksum();
    archive.append(&header, &[b'p'; 600][..]).unwrap();
    // Some write nothing where a number belongs.
    let mut header = Header::new_ustar();
    header.set_path("blank").unwrap();
    header.set_entry_type(EntryType::Directory);
    header.set_size(0);
    header.as_old_mut().uid = [0; 8];
    header.as_old_mut().gid = [b' '; 8];
    header.as_old_mut().mode = [0; 8];
    header.set_cksum();
    archive.append(&header, &[][..]).unwrap();
    let layer = world.push(archive.into_inner().unwrap()).await;

    let opened = world.open(&world.cache().await, &layer).await.unwrap();
    let owner = |uid, gid| Owner { uid, gid };
    for (path, expected_owner, mode, content) in [
        (&*long, owner(1001, 70_000_000), 0o4755, b"gnu!".to_vec()),
        (&*pax, owner(123, 4_000_000_000), 0o600, vec![b'p'; 600]),
    ] {
        let found = entry(&opened, path);
        assert_eq!((found.owner, found.mode), (expected_owner, mode));
        let EntryKind::File { offset, size, .. } = found.kind else {
            panic!("{found:?}")
        };
        let mut bytes = vec![0; size.try_into().unwrap()];
        opened.archive().read_exact_at(&mut bytes, offset).unwrap();
        assert_eq!(bytes, content);
    }
    let blank = entry(&opened, "blank");
    assert_eq!((blank.owner, blank.mode), (Owner::ROOT, 0));
}

#[tokio::test]
async fn only_the_layers_own_files_are_read() {
    let world = World::start().await;
    let cache = world.cache().await;
    let layer = world.layer(&[Dir("d/"), File("a", "1")]).await;
    let other = world.layer(&[File("a", "22")]).await;
    let opened = world.open(&cache, &layer).await.unwrap();
    let other = world.open(&cache, &other).await.unwrap();
    for foreign in [entry(&opened, "d"), entry(&other, "a")] {
        let error = opened.read(foreign).unwrap_err();
        assert!(
            matches!(error, Error::Cache(CacheError::NotAFile { .. })),
            "{error}"
        );
        assert!(error.to_string().contains(&foreign.path), "{error}");
    }
    assert!(world.home(&layer).exists(), "nothing is damaged");
}
