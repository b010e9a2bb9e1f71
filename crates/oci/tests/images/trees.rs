//! Whole directories of images, extracted.

use crate::support::Entry::{Dir, Fifo, File, Symlink};
use crate::support::{Entry, Image, gzip, header};
use oci::{Error, ImageFilesError, LimitKind, Limits};
use tar::EntryType;

async fn extract(layers: &[&[Entry]]) -> Vec<(String, String)> {
    let image = Image::of(layers).await;
    let tree = image.extract_tree("/m", &Limits::index()).await.unwrap();
    tree.unwrap().into_iter().collect()
}

fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    files.iter().map(own).collect()
}

#[tokio::test]
async fn links_that_are_no_files_stay_links_and_lead_nowhere_outside() {
    let outside = &[File("etc/passwd", "the image's"), Dir("d/"), Fifo("m/pipe")];
    let links = &[
        Symlink("m/file", "/etc/passwd"),
        Symlink("m/folder", "../d"),
        Symlink("m/gone", "/nowhere/at/all"),
        Symlink("m/loop", "loop2"),
        Symlink("m/loop2", "loop"),
        Symlink("m/out", "../../../../etc/passwd"),
    ];
    let expected = owned(&[
        ("file", "the image's"),
        ("folder", "-> ."),
        ("gone", "-> gone"),
        ("loop", "-> loop"),
        ("loop2", "-> loop2"),
        ("out", "the image's"),
    ]);
    assert_eq!(extract(&[outside, links]).await, expected);
    assert_eq!(extract(&[links, outside]).await, expected);
}

#[tokio::test]
async fn layers_below_one_that_hides_them_are_not_fetched() {
    let hidden = &[File("m/a", "old"), File("x", "linked to")];
    let opaque: &[Entry] = &[File("m/.wh..wh..opq", ""), File("m/b", "new")];
    let deleted: &[Entry] = &[File(".wh.m", ""), File("m/b", "new")];
    for upper in [opaque, deleted] {
        let image = Image::of(&[hidden, upper]).await;
        std::fs::remove_file(image.blob_file(0)).unwrap();
        let tree = image.extract_tree("/m", &Limits::index()).await.unwrap();
        assert_eq!(
            tree.unwrap().into_iter().collect::<Vec<_>>(),
            owned(&[("b", "new")])
        );
    }
    let linking = &[File("m/.wh..wh..opq", ""), Symlink("m/c", "../x")];
    assert_eq!(
        extract(&[hidden, linking]).await,
        owned(&[("c", "linked to")])
    );
}

#[tokio::test]
async fn content_counts_for_every_name_it_has() {
    let image = Image::of(&[&[
        File("m/a", "12345"),
        Symlink("m/b", "a"),
        Symlink("m/c", "a"),
    ]])
    .await;
    let mut limits = Limits::index();
    for (max_content_bytes, fits) in [(15, true), (14, false), (4, false)] {
        limits.max_content_bytes = max_content_bytes;
        match image.extract_tree("m", &limits).await {
            Ok(tree) => assert!(fits && tree.unwrap().len() == 3),
            Err(Error::ImageFiles(error)) => {
                assert!(!fits, "{error}");
                assert!(matches!(
                    error,
                    ImageFilesError::LimitExceeded {
                        kind: LimitKind::Content,
                        ..
                    }
                ));
            }
            Err(error) => panic!("{error}"),
        }
        drop(std::fs::remove_dir_all(image.folder.path().join("tree")));
    }
}

#[tokio::test]
async fn a_file_under_too_many_directories_is_refused() {
    for (depth, fits) in [(99, true), (100, false)] {
        let mut archive = tar::Builder::new(Vec::new());
        let path = format!("m/{}f", "d/".repeat(depth));
        archive
            .append_data(&mut header(EntryType::Regular, "", 1), &path, &b"1"[..])
            .unwrap();
        let image = Image::of_blobs(vec![gzip(&archive.into_inner().unwrap())]).await;
        let tree = image.extract_tree("m", &Limits::index()).await;
        assert_eq!(tree.is_ok(), fits, "{depth} directories: {tree:?}");
        if let Err(error) = tree {
            assert!(error.to_string().contains("100 directories"), "{error}");
        }
    }
}
