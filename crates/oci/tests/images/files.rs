//! What a container would see is what is read out of an image.

use std::collections::BTreeMap;

use crate::support::Entry::{Dir, Fifo, File, HardLink, Symlink};
use crate::support::{Entry, Image, gzip, header, tar};
use oci::{Error, ImageFilesError, Limits, read_trees};
use tar::EntryType;

/// Reads `/m` and checks its files; extracting all and each of them has to agree.
async fn check(layers: &[&[Entry]], expected: Option<&[(&str, &str)]>) {
    let image = Image::of(layers).await;
    let expected: Option<BTreeMap<String, String>> = expected.map(|files| {
        let owned = |(path, content): &(&str, &str)| ((*path).to_owned(), (*content).to_owned());
        files.iter().map(owned).collect()
    });
    assert_eq!(image.read("/m").await.unwrap(), expected);
    let mut tree = image.extract_tree("/m", &Limits::index()).await.unwrap();
    if let Some(files) = &mut tree {
        files.retain(|_, content| content != "-> .");
    }
    assert_eq!(tree, expected, "extracting the directory");
    for (path, content) in expected.into_iter().flatten() {
        let extracted = image.extract(&format!("/m/{path}")).await.unwrap();
        assert_eq!(extracted, Some(content), "extracting `{path}`");
    }
}

#[tokio::test]
async fn files_of_a_directory_are_read_with_their_subdirectories() {
    let layer = &[
        File("./m/a", "1"),
        File("/m/sub/deep/b", "2"),
        Dir("m/empty/"),
        File("mother/c", "not below m"),
        Fifo("m/pipe"),
    ];
    check(&[layer], Some(&[("a", "1"), ("sub/deep/b", "2")])).await;
}

#[tokio::test]
async fn an_absent_directory_is_none_and_an_empty_one_is_empty() {
    check(&[&[File("x", "1")]], None).await;
    check(&[&[Dir("m/")]], Some(&[])).await;
    check(&[&[File("m", "a file")]], None).await;
    check(&[], None).await;
}

#[tokio::test]
async fn upper_files_replace_lower_ones_and_directories_merge() {
    let lower = &[File("m/a", "old"), File("m/b", "kept")];
    let upper = &[File("m/a", "new"), File("m/c", "added")];
    check(
        &[lower, upper],
        Some(&[("a", "new"), ("b", "kept"), ("c", "added")]),
    )
    .await;
}

#[tokio::test]
async fn whiteouts_delete_files_and_directories_of_lower_layers_only() {
    let lower = &[File("m/a", "1"), File("m/d/x", "2"), File("m/d/y", "3")];
    check(
        &[lower, &[File("m/.wh.a", "")]],
        Some(&[("d/x", "2"), ("d/y", "3")]),
    )
    .await;
    check(&[lower, &[File("m/.wh.d", "")]], Some(&[("a", "1")])).await;
    check(&[lower, &[File(".wh.m", "")]], None).await;
    let again = &[File("m/d/new", "4"), File("m/.wh.d", "")];
    check(&[lower, again], Some(&[("a", "1"), ("d/new", "4")])).await;
    check(
        &[lower, &[File("m/.wh.a", "")], &[File("m/a", "back")]],
        Some(&[("a", "back"), ("d/x", "2"), ("d/y", "3")]),
    )
    .await;
}

#[tokio::test]
async fn an_opaque_directory_hides_what_is_below_and_keeps_its_own() {
    let lower = &[File("m/a", "1"), File("m/d/x", "2")];
    // The marker counts wherever it stands among the layer's entries.
    let upper = &[File("m/d/new", "3"), File("m/d/.wh..wh..opq", "")];
    check(&[lower, upper], Some(&[("a", "1"), ("d/new", "3")])).await;
    check(&[lower, &[File("m/.wh..wh..opq", "")]], Some(&[])).await;
    check(
        &[lower, &[Dir("m/"), File("m/.wh..wh..opq", "")]],
        Some(&[]),
    )
    .await;
    check(&[lower, &[Dir("m/"), File(".wh..wh..opq", "")]], Some(&[])).await;
}

#[tokio::test]
async fn a_file_replaced_by_a_directory_and_back_is_what_it_was_last() {
    let file: &[Entry] = &[File("m/x", "file")];
    let directory: &[Entry] = &[File("m/x/inside", "2")];
    check(&[file, directory], Some(&[("x/inside", "2")])).await;
    check(&[directory, file], Some(&[("x", "file")])).await;
    check(
        &[file, directory, &[File("m/x", "again")]],
        Some(&[("x", "again")]),
    )
    .await;
    check(
        &[directory, &[File("m/x", "f")], &[File("m/x/new", "3")]],
        Some(&[("x/new", "3")]),
    )
    .await;
}

#[tokio::test]
async fn the_directory_asked_for_may_be_reached_through_links() {
    let real = &[File("data/v1/a", "1")];
    for link in [
        &[Symlink("m", "data/v1")] as &[Entry],
        &[Symlink("m", "/data/v1")],
        &[Symlink("m", "../../data/./v1")],
        &[Symlink("m", "n"), Symlink("n", "data/v1/")],
        &[Symlink("d", "data"), Symlink("m", "d/v1")],
    ] {
        check(&[real, link], Some(&[("a", "1")])).await;
        check(&[link, real], Some(&[("a", "1")])).await;
    }
}

#[tokio::test]
async fn links_to_files_give_the_files_content_wherever_it_is() {
    let layer = &[
        File("elsewhere/a", "1"),
        File("m/b", "2"),
        Symlink("m/absolute", "/elsewhere/a"),
        Symlink("m/relative", "../elsewhere/a"),
        Symlink("m/beside", "b"),
        Symlink("m/chain", "absolute"),
        Symlink("m/directory", "../elsewhere"),
        HardLink("m/hard", "elsewhere/a"),
    ];
    let expected = [
        ("absolute", "1"),
        ("b", "2"),
        ("beside", "2"),
        ("chain", "1"),
        ("hard", "1"),
        ("relative", "1"),
    ];
    check(&[layer], Some(&expected)).await;
}

#[tokio::test]
async fn hard_links_reach_into_lower_layers() {
    let lower = &[File("elsewhere/a", "1")];
    check(
        &[lower, &[HardLink("m/a", "/elsewhere/a")]],
        Some(&[("a", "1")]),
    )
    .await;
    let middle = &[HardLink("elsewhere/b", "elsewhere/a")];
    check(
        &[lower, middle, &[HardLink("m/a", "elsewhere/b")]],
        Some(&[("a", "1")]),
    )
    .await;
}

#[tokio::test]
async fn a_hard_link_keeps_the_content_it_was_made_for() {
    let layer = &[File("m/a", "1"), HardLink("m/b", "m/a"), File("m/a", "2")];
    check(&[layer], Some(&[("a", "2"), ("b", "1")])).await;
}

#[tokio::test]
async fn entries_pass_through_links_of_their_own_layer_only() {
    check(
        &[&[Symlink("m", "real"), File("m/a", "1")]],
        Some(&[("a", "1")]),
    )
    .await;
    // As on an overlay file system: the upper layer's directory takes the link's place.
    let layers: [&[Entry]; 2] = [
        &[File("real/b", "0"), Symlink("m", "real")],
        &[File("m/a", "1")],
    ];
    check(&layers, Some(&[("a", "1")])).await;
}

#[tokio::test]
async fn links_in_a_circle_and_broken_links_are_told() {
    let image = Image::of(&[&[Symlink("m/a", "b"), Symlink("m/b", "a")]]).await;
    let error = image.read("m").await.unwrap_err();
    assert!(
        matches!(&error, Error::ImageFiles(ImageFilesError::LinkLoop { path, .. }) if path == "m/a"),
        "{error}"
    );
    let error = image.extract("m/b").await.unwrap_err();
    assert!(
        matches!(error, Error::ImageFiles(ImageFilesError::LinkLoop { .. })),
        "{error}"
    );

    for broken in [
        Symlink("m/a", "nowhere"),
        HardLink("m/a", "nowhere"),
        Symlink("m/a", "../../etc/x"),
    ] {
        let image = Image::of(&[&[broken]]).await;
        let error = image.read("m").await.unwrap_err();
        assert!(
            matches!(&error, Error::ImageFiles(ImageFilesError::BrokenLink { path, .. }) if path == "m/a"),
            "{error}"
        );
        assert_eq!(image.extract("m/a").await.unwrap(), None);
    }
}

#[tokio::test]
async fn layers_may_be_plain_or_zstd_or_gzip_of_many_members() {
    let archive = tar(&[File("m/a", "1"), File("m/b", "2")]);
    let cut = archive.len() / 2;
    let zstd = |bytes: &[u8]| zstd::stream::encode_all(bytes, 3).unwrap();
    let skippable = [
        &[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9][..],
        &zstd(&archive),
    ]
    .concat();
    for blob in [
        archive.clone(),
        gzip(&archive),
        [gzip(&archive[..cut]), gzip(&archive[cut..])].concat(),
        zstd(&archive),
        [zstd(&archive[..cut]), zstd(&archive[cut..])].concat(),
        skippable,
    ] {
        let image = Image::of_blobs(vec![blob]).await;
        assert_eq!(image.read("m").await.unwrap().unwrap().len(), 2);
        assert_eq!(image.extract("m/b").await.unwrap().unwrap(), "2");
    }
}

#[tokio::test]
async fn long_names_of_both_kinds_are_read() {
    let long = format!("m/{}/{}", "d".repeat(150), "é".repeat(70));
    let mut gnu = tar::Builder::new(Vec::new());
    gnu.append_data(&mut header(EntryType::Regular, "", 1), &long, &b"1"[..])
        .unwrap();
    let mut pax = tar::Builder::new(Vec::new());
    // A binary attribute with a newline, as file capabilities may have.
    let records = [("SCHILY.xattr.x", &b"a\nb"[..]), ("path", long.as_bytes())];
    pax.append_pax_extensions(records).unwrap();
    pax.append(&header(EntryType::Regular, "short", 1), &b"1"[..])
        .unwrap();
    for archive in [gnu, pax] {
        let image = Image::of_blobs(vec![archive.into_inner().unwrap()]).await;
        let files = image.read("/").await.unwrap().unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), [&long]);
    }
}

#[tokio::test]
async fn extracting_reads_no_layer_below_the_one_that_decides() {
    let lower: &[Entry] = &[File("m/a", "lower")];
    let deciders: [(&[Entry], Option<&str>); 7] = [
        (&[File("m/a", "upper")], Some("upper")),
        (&[File("m/.wh.a", "")], None),
        (&[File(".wh.m", "")], None),
        (&[File("m/.wh..wh..opq", "")], None),
        (&[File("m", "a file")], None),
        (
            &[File("x/b", "2"), Symlink("m", "x"), Symlink("x/a", "b")],
            Some("2"),
        ),
        (&[File("x/a", "3"), HardLink("m/a", "x/a")], Some("3")),
    ];
    for (upper, expected) in deciders {
        let image = Image::of(&[lower, upper, &[File("unrelated", "")]]).await;
        std::fs::remove_file(image.blob_file(0)).unwrap();
        assert_eq!(image.extract("/m/a").await.unwrap().as_deref(), expected);
    }
    let silent = Image::of(&[lower, &[Dir("m/"), File("m/b", "")]]).await;
    assert_eq!(silent.extract("/m/a").await.unwrap().unwrap(), "lower");
    std::fs::remove_file(silent.blob_file(0)).unwrap();
    assert!(silent.extract("/m/a").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn extracting_something_else_than_a_file_says_what_it_is() {
    let image = Image::of(&[&[File("m/a", "1"), Fifo("pipe")]]).await;
    for (path, what) in [
        ("m", "a directory"),
        ("/", "a directory"),
        ("pipe", "a device or pipe"),
    ] {
        let error = image.extract(path).await.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[tokio::test]
async fn several_directories_are_read_in_one_pass() {
    let image = Image::of(&[&[File("m/a", "1")], &[File("n/b", "2")]]).await;
    let limits = Limits::bundle();
    let wanted = ["/m", "/n/", "/absent", "../m"];
    let trees = read_trees(&image.repository, &image.manifest, &wanted, &limits)
        .await
        .unwrap();
    let found: Vec<_> = trees
        .iter()
        .map(|(name, tree)| {
            (
                name.as_str(),
                tree.as_ref().map_or(0, |tree| tree.files.len()),
            )
        })
        .collect();
    assert_eq!(found, [("../m", 1), ("/absent", 0), ("/m", 1), ("/n/", 1)]);
}
