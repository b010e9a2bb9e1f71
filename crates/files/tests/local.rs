//! Files in directories.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use bytes::Bytes;
use files::{Directories, Error, Files, Kind, Swept};
use support::{directories, read};

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test]
async fn what_is_written_is_read_unchanged_under_the_names_of_the_contract() {
    let root = tempfile::tempdir().unwrap();
    let files = Files::in_directories(directories(&root));
    for (kind, name) in [
        (Kind::Log, "logs/7.log"),
        (Kind::RelatedBundles, "related/7_related_bundles.json"),
        (
            Kind::NestedBundles,
            "nested/7_recursive_related_bundles.json",
        ),
        (Kind::Report, "reports/7_report.json"),
    ] {
        assert_eq!(read(files.open(kind, 7).await.unwrap()).await, None);
        files.write(kind, 7, text("[ \"a\"]\n")).await.unwrap();
        let found = read(files.open(kind, 7).await.unwrap()).await;
        assert_eq!(found.as_deref(), Some("[ \"a\"]\n"));
        let path = root.path().join(name);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o664, "{mode:o}");
        files.write(kind, 7, text("[]")).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[]");
        let parent = path.parent().unwrap();
        assert_eq!(std::fs::read_dir(parent).unwrap().count(), 1);
    }
}

#[tokio::test]
async fn a_kind_without_a_directory_is_neither_kept_nor_written() {
    let root = tempfile::tempdir().unwrap();
    let files = Files::in_directories(Directories {
        log: Some(root.path().to_owned()),
        ..Directories::default()
    });
    assert!(files.keeps(Kind::Log) && !files.keeps(Kind::RelatedBundles));
    assert!(files.open(Kind::RelatedBundles, 7).await.unwrap().is_none());
    let error = files
        .write(Kind::RelatedBundles, 7, text("[]"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NoDirectory(Kind::RelatedBundles)));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_or_written_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("no-directory");
    std::fs::write(&file, "").unwrap();
    let files = Files::in_directories(Directories {
        log: Some(file.clone()),
        ..Directories::default()
    });
    let path = file.join("7.log").display().to_string();
    let read = files.open(Kind::Log, 7).await.unwrap_err().to_string();
    assert!(read.contains(&path) && read.contains("read"), "{read}");
    let written = files.write(Kind::Log, 7, text("x")).await.unwrap_err();
    assert!(written.to_string().contains(&path), "{written}");
    let swept = files.sweep(|ids| async { Ok::<_, Error>(ids) }).await;
    assert!(swept.unwrap_err().to_string().contains("listed"));
}

#[tokio::test]
async fn a_reader_gets_what_was_announced_while_a_worker_goes_on() {
    use futures::TryStreamExt as _;
    use std::io::Write as _;
    let root = tempfile::tempdir().unwrap();
    let files = Files::in_directories(directories(&root));
    let path = root.path().join("logs/7.log");
    std::fs::write(&path, "first\n").unwrap();
    let content = files.open(Kind::Log, 7).await.unwrap().unwrap();
    assert_eq!(content.size_bytes(), 6);
    let mut log = std::fs::File::options().append(true).open(&path).unwrap();
    log.write_all(b"second\n").unwrap();
    let pieces: Vec<Bytes> = content.try_collect().await.unwrap();
    assert_eq!(pieces.concat(), b"first\n");
}

#[tokio::test]
async fn a_sweep_deletes_the_expired_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let files = Files::in_directories(directories(&root));
    for id in 1..=600 {
        files.write(Kind::Log, id, text("x")).await.unwrap();
    }
    files
        .write(Kind::RelatedBundles, 3, text("[]"))
        .await
        .unwrap();
    let foreign = root.path().join("logs/notes.txt");
    std::fs::write(&foreign, "").unwrap();
    let asked = std::sync::Mutex::new(Vec::new());
    let swept = files
        .sweep(|ids| {
            asked.lock().unwrap().push(ids.len());
            async move { Ok::<_, Error>(ids.into_iter().filter(|id| id % 3 == 0).collect()) }
        })
        .await
        .unwrap();
    assert_eq!(
        swept,
        Swept {
            deleted: 201,
            kept: 0
        }
    );
    assert!(foreign.exists());
    assert!(!root.path().join("related/3_related_bundles.json").exists());
    let left: BTreeSet<String> = std::fs::read_dir(root.path().join("logs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left.len(), 401);
    assert!(left.contains("1.log") && !left.contains("3.log"));
    let asked = asked.into_inner().unwrap();
    assert!(asked.iter().all(|count| *count <= 500), "{asked:?}");
}

#[tokio::test]
async fn a_sweep_ends_when_nobody_knows_what_has_expired() {
    let root = tempfile::tempdir().unwrap();
    let files = Files::in_directories(directories(&root));
    files.write(Kind::Log, 7, text("x")).await.unwrap();
    let away = |_| async { Err::<Vec<i64>, Error>(Error::NoDirectory(Kind::Log)) };
    assert!(files.sweep(away).await.is_err());
    assert!(root.path().join("logs/7.log").exists());
}
