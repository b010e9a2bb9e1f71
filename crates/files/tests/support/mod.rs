//! Directories, an S3 stand-in, and small helpers.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part of this"
)]

pub mod storage;

use files::{Content, Directories};
use futures::TryStreamExt as _;
use tempfile::TempDir;

/// A directory per kind.
pub fn directories(root: &TempDir) -> Directories {
    let directory = |name| {
        let path = root.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Some(path)
    };
    Directories {
        log: directory("logs"),
        related_bundles: directory("related"),
        nested_bundles: directory("nested"),
        reports: directory("reports"),
    }
}

pub async fn read(content: Option<Content>) -> Option<String> {
    let content = content?;
    let announced = content.size_bytes();
    let bytes: Vec<u8> = content
        .try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        })
        .await
        .unwrap();
    assert_eq!(announced, u64::try_from(bytes.len()).unwrap());
    Some(String::from_utf8(bytes).unwrap())
}
