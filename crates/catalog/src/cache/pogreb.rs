//! The database of a `pogreb.v1` cache: an append-only record file with a hash index (file-based catalog specification, 4.7).

mod addition;
mod buckets;
mod files;
mod gob;
mod hash;
mod layout;
mod pass;
mod read;
mod segment;
mod version;
mod write;

use std::path::Path;

use super::{CacheError, at};

pub(super) use addition::Addition;
pub(super) use files::Files;
pub(super) use pass::Piece;
pub(super) use read::Database;
pub(super) use version::Tally;
pub(super) use write::Writer;

/// Refuses what might never end when it is read, such as a pipe.
fn check_is_file(path: &Path) -> Result<(), CacheError> {
    if std::fs::metadata(path).map_err(at("read", path))?.is_file() {
        return Ok(());
    }
    Err(damaged(path, "it is no file"))
}

fn damaged(path: &Path, reason: &'static str) -> CacheError {
    CacheError::Damaged {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::super::pipeline::Sink;
    use super::*;

    fn write(dir: &Path, records: &BTreeMap<String, Vec<u8>>) {
        let mut writer = Writer::create(dir).unwrap();
        for (key, value) in records {
            writer.put(key, &[value]).unwrap();
        }
        writer.seal().unwrap();
        writer.commit().unwrap();
    }

    fn verified(dir: &Path) -> Result<(), super::super::CacheError> {
        Database::open(dir)?.verify(|_| {})
    }

    fn records(count: usize) -> BTreeMap<String, Vec<u8>> {
        (0..count)
            .map(|number| (format!("key{number}"), vec![b'v'; number % 300]))
            .collect()
    }

    #[test]
    fn every_key_is_read_back() {
        for count in [0, 1, 21, 22, 31, 300, 5000] {
            let dir = tempfile::tempdir().unwrap();
            let records = records(count);
            write(dir.path(), &records);
            let mut read: Vec<(String, Vec<u8>)> = Vec::new();
            let database = Database::open(dir.path()).unwrap();
            let take = |piece: Piece<'_>| match piece {
                Piece::Key(key) => {
                    let key = String::from_utf8(key.to_vec()).unwrap();
                    read.push((key, Vec::new()));
                }
                Piece::Value(bytes) => read.last_mut().unwrap().1.extend_from_slice(bytes),
            };
            database.verify(take).unwrap();
            assert!(
                read == records.into_iter().collect::<Vec<_>>(),
                "{count} keys"
            );
        }
    }

    #[test]
    fn records_of_any_size_are_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let sizes = [3 << 20, 2 << 20, (4 << 20) + 1, 0, 5 << 20, 1];
        let records: BTreeMap<String, Vec<u8>> = (b'a'..)
            .zip(sizes)
            .map(|(name, size)| (char::from(name).to_string(), vec![name; size]))
            .collect();
        write(dir.path(), &records);
        let (mut key, mut sizes) = (0, BTreeMap::new());
        let take = |piece: Piece<'_>| match piece {
            Piece::Key(bytes) => key = bytes[0],
            Piece::Value(bytes) => {
                assert!(bytes.iter().all(|byte| *byte == key));
                *sizes.entry(char::from(key).to_string()).or_default() += bytes.len();
            }
        };
        Database::open(dir.path()).unwrap().verify(take).unwrap();
        assert!(
            sizes
                == records
                    .iter()
                    .map(|(key, value)| (key.clone(), value.len()))
                    .collect()
        );
        // Lengths, key, value and checksum of a record that is read in pieces.
        let start = 512 + (3 << 20) + 11 + (2 << 20) + 11;
        let path = dir.path().join("00000-1.psg");
        let whole = fs::read(&path).unwrap();
        assert_eq!(whole[start + 6], b'c');
        for at in [0, 6, 7, 3 << 20, (4 << 20) + 8, (4 << 20) + 11] {
            let mut bytes = whole.clone();
            bytes[start + at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(verified(dir.path()).is_err(), "at {at}");
        }
    }

    #[test]
    fn chains_of_buckets_neither_meet_nor_go_in_a_circle() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &records(300));
        let main = fs::read(dir.path().join("main.pix")).unwrap();
        let link = 512_u64.to_le_bytes();
        for (to, links) in [(0_u64, &[0, 1][..]), (512, &[0])] {
            let mut bytes = main.clone();
            for bucket in links {
                bytes[512 + 512 * bucket + 496..][..8].copy_from_slice(&link);
            }
            fs::write(dir.path().join("main.pix"), bytes).unwrap();
            let mut overflow = main[..512].to_vec();
            overflow.resize(1024, 0);
            overflow[512 + 496..][..8].copy_from_slice(&to.to_le_bytes());
            fs::write(dir.path().join("overflow.pix"), overflow).unwrap();
            let error = verified(dir.path()).unwrap_err().to_string();
            assert!(error.contains("a chain of buckets is broken"), "{error}");
        }
    }

    #[test]
    fn only_records_that_are_there_and_small_are_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &records(10));
        let database = Database::open(dir.path()).unwrap();
        let addition = Addition::over(database, |key| key == b"key1").unwrap();
        assert_eq!(addition.value_before("key5", 5).unwrap(), b"vvvvv");
        for (key, part) in [
            ("key1", "is not there"),
            ("key10", "is not there"),
            ("key6", "is too large"),
        ] {
            let error = addition.value_before(key, 5).unwrap_err().to_string();
            assert!(error.contains(part), "{key}: {error}");
        }
    }

    #[test]
    fn equal_contents_are_equal_files() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for dir in [&one, &two] {
            write(dir.path(), &records(100));
        }
        for name in [
            "00000-1.psg",
            "main.pix",
            "overflow.pix",
            "index.pmt",
            "db.pmt",
        ] {
            let read = |dir: &tempfile::TempDir| fs::read(dir.path().join(name)).unwrap();
            assert!(read(&one) == read(&two), "{name}");
        }
    }

    #[test]
    fn records_have_the_form_of_the_specification() {
        let dir = tempfile::tempdir().unwrap();
        write(
            dir.path(),
            &BTreeMap::from([("k".to_owned(), b"v".to_vec())]),
        );
        let segment = fs::read(dir.path().join("00000-1.psg")).unwrap();
        assert_eq!(segment[512..], *b"\x01\0\x01\0\0\0kv\x37\x6a\xbb\x5d");
    }

    #[test]
    fn a_key_is_put_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(dir.path()).unwrap();
        writer.put("a", &[b"1"]).unwrap();
        assert!(writer.put("a", &[b"2"]).is_err());
        assert!(writer.put(&"k".repeat(70_000), &[]).is_err());
    }

    #[test]
    fn damage_is_found_and_never_fatal() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &records(300));
        for name in [
            "00000-1.psg",
            "main.pix",
            "overflow.pix",
            "index.pmt",
            "db.pmt",
        ] {
            let path = dir.path().join(name);
            let whole = fs::read(&path).unwrap();
            for at in (512..whole.len()).step_by(whole.len() / 97 + 1) {
                let mut bytes = whole.clone();
                bytes[at] ^= 0x55;
                fs::write(&path, &bytes).unwrap();
                // Elsewhere a changed byte may be one that nobody reads.
                let found = verified(dir.path()).is_err();
                assert!(found || name != "00000-1.psg", "{name} at {at}");
                fs::write(&path, &whole[..at]).unwrap();
                assert!(verified(dir.path()).is_err(), "{name} cut at {at}");
            }
            fs::write(&path, &whole).unwrap();
        }
        fs::write(dir.path().join("lock"), "").unwrap();
        assert!(Database::open(dir.path()).is_err());
    }
}
