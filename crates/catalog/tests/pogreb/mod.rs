//! Databases as servers recover them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The records a server finds that has lost its index: segments in the order of their sequence numbers, later records over
/// earlier ones, deletions heeded (file-based catalog specification, 4.7, recovery).
pub(crate) fn replay(database: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut segments = BTreeMap::new();
    for entry in fs::read_dir(database).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(stem) = name.strip_suffix(".psg") {
            let sequence: u32 = stem.split_once('-').unwrap().1.parse().unwrap();
            segments.insert(sequence, fs::read(&path).unwrap());
        }
    }
    let mut found = BTreeMap::new();
    for bytes in segments.into_values() {
        let mut rest = &bytes[512..];
        while !rest.is_empty() {
            let number = |at: usize, count: usize| {
                rest[at..at + count]
                    .iter()
                    .rev()
                    .fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
            };
            let (key_len, value) = (number(0, 2), number(2, 4));
            let (deleted, value_len) = (value >> 31 == 1, value & 0x7fff_ffff);
            let end = 6 + key_len + value_len;
            let crc = libdeflater::crc32(&rest[..end]);
            assert_eq!(rest[end..end + 4], crc.to_le_bytes());
            let key = rest[6..6 + key_len].to_vec();
            if deleted {
                assert_eq!(value_len, 0);
                found.remove(&key);
            } else {
                found.insert(key, rest[6 + key_len..end].to_vec());
            }
            rest = &rest[end + 4..];
        }
    }
    found
}
