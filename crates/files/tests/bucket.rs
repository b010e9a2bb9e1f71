//! Files in a bucket.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use bytes::Bytes;
use files::{Error, Files, Kind};
use support::storage::{Storage, bucket_at};
use support::{directories, read};

#[tokio::test]
async fn what_a_worker_delivers_is_read_from_the_bucket_by_hosts_without_the_file() {
    let Some(storage) = Storage::start().await else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let worker = Files::in_bucket(directories(&root), storage.bucket());
    let elsewhere = Files::in_bucket(files::Directories::default(), storage.bucket());
    assert!(Kind::ALL.into_iter().all(|kind| elsewhere.keeps(kind)));

    let log = root.path().join("logs/7.log");
    std::fs::write(&log, "begun\n").unwrap();
    assert!(elsewhere.open(Kind::Log, 7).await.unwrap().is_none());
    worker.deliver(Kind::Log, 7).await.unwrap();
    let found = read(elsewhere.open(Kind::Log, 7).await.unwrap()).await;
    assert_eq!(found.as_deref(), Some("begun\n"));
    for kind in [Kind::RelatedBundles, Kind::NestedBundles, Kind::Report] {
        worker
            .write(kind, 7, Bytes::from_static(b"[ ]\n"))
            .await
            .unwrap();
        let found = read(elsewhere.open(kind, 7).await.unwrap()).await;
        assert_eq!(found.as_deref(), Some("[ ]\n"));
    }
    assert_eq!(
        storage.keys().await,
        [
            "recursive_related_bundles/7_recursive_related_bundles.json",
            "related_bundles/7_related_bundles.json",
            "request_logs/7.log",
            "request_reports/7_report.json",
        ]
    );
    worker.forget_copy(Kind::Log, 7).await.unwrap();
    assert!(!log.exists());
    storage.end().await;
}

#[tokio::test]
async fn a_log_that_another_host_began_goes_on() {
    let Some(storage) = Storage::start().await else {
        return;
    };
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = Files::in_bucket(directories(&first), storage.bucket());
    let two = Files::in_bucket(directories(&second), storage.bucket());
    one.resume(Kind::Log, 7).await.unwrap();
    std::fs::write(first.path().join("logs/7.log"), "attempt 1\n").unwrap();
    one.deliver(Kind::Log, 7).await.unwrap();

    two.resume(Kind::Log, 7).await.unwrap();
    let log = second.path().join("logs/7.log");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "attempt 1\n");
    std::fs::write(&log, "attempt 1\nattempt 2\n").unwrap();
    // What lies here is newer than what was delivered.
    two.resume(Kind::Log, 7).await.unwrap();
    two.deliver(Kind::Log, 7).await.unwrap();
    let found = read(one.open(Kind::Log, 7).await.unwrap()).await;
    assert_eq!(found.as_deref(), Some("attempt 1\nattempt 2\n"));
    storage.end().await;
}

#[tokio::test]
async fn a_file_larger_than_a_part_arrives_whole() {
    let Some(storage) = Storage::start().await else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let files = Files::in_bucket(directories(&root), storage.bucket());
    let large = "0123456789abcde\n".repeat(800_000);
    std::fs::write(root.path().join("logs/7.log"), &large).unwrap();
    files.deliver(Kind::Log, 7).await.unwrap();
    let found = read(files.open(Kind::Log, 7).await.unwrap()).await.unwrap();
    assert!(found == large, "{} bytes", found.len());
    storage.end().await;
}

#[tokio::test]
async fn a_sweep_deletes_expired_objects_and_leftovers_are_delivered() {
    let Some(storage) = Storage::start().await else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let files = Files::in_bucket(directories(&root), storage.bucket());
    for id in [1, 2, 3] {
        std::fs::write(root.path().join(format!("logs/{id}.log")), "x").unwrap();
    }
    let delivered = files
        .deliver_left(|ids| async move {
            Ok::<_, Error>(ids.into_iter().filter(|id| *id < 3).collect())
        })
        .await
        .unwrap();
    assert_eq!(delivered, 2);
    assert_eq!(
        storage.keys().await,
        ["request_logs/1.log", "request_logs/2.log"]
    );
    assert!(root.path().join("logs/3.log").exists());
    assert!(!root.path().join("logs/1.log").exists());

    let swept = files
        .sweep(|ids| async move { Ok::<_, Error>(ids.into_iter().filter(|id| *id == 2).collect()) })
        .await
        .unwrap();
    assert_eq!((swept.deleted, swept.kept), (1, 0));
    assert_eq!(storage.keys().await, ["request_logs/1.log"]);
    storage.end().await;
}

#[tokio::test]
async fn a_bucket_that_is_not_there_has_no_files_and_takes_none() {
    let Some(storage) = Storage::start().await else {
        return;
    };
    let endpoint = storage.endpoint.clone();
    storage.end().await;
    let root = tempfile::tempdir().unwrap();
    let files = Files::in_bucket(directories(&root), bucket_at(&endpoint));
    assert!(files.open(Kind::Log, 7).await.unwrap().is_none());
    std::fs::write(root.path().join("logs/7.log"), "x").unwrap();
    let error = files.deliver(Kind::Log, 7).await.unwrap_err().to_string();
    assert!(
        error.contains("request_logs/7.log") && error.contains("`artefacts`"),
        "{error}"
    );
    assert!(root.path().join("logs/7.log").exists());
}
