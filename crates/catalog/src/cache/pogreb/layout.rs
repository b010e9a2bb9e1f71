//! What the files of a database have in common.

/// Every file begins with as many bytes: the magic, the format version and zeros. Buckets have the same size.
pub(super) const HEADER: usize = 512;
pub(super) const MAGIC: [u8; 8] = *b"pogreb\x0e\xfd";
const VERSION: u32 = 2;

/// Slots in a bucket and bytes in a slot; behind the slots stands where in the overflow file the chain goes on.
pub(super) const SLOTS: usize = 31;
pub(super) const SLOT: usize = 16;
pub(super) const NEXT_AT: usize = SLOTS * SLOT;

/// A record without key and value: two lengths in front, a checksum behind.
pub(super) const LENGTHS: u64 = 6;
pub(super) const CHECKSUM: u64 = 4;
pub(super) const RECORD_OVERHEAD: u64 = LENGTHS + CHECKSUM;

/// In place of the length of its value, a record that deletes its key has this.
pub(super) const DELETION: u32 = 1 << 31;

/// Where the first record of a segment stands.
pub(super) const START: u32 = 512;

/// The hash seed of every database written here. Any value is right; a fixed one makes equal contents equal files.
pub(super) const SEED: u32 = 0x1234_5678;

/// The files that are there once each.
pub(super) const MAIN: &str = "main.pix";
pub(super) const OVERFLOW: &str = "overflow.pix";
pub(super) const INDEX_META: &str = "index.pmt";
pub(super) const SEED_META: &str = "db.pmt";
/// There while a server has the database open, and after one did not close it.
pub(super) const LOCK: &str = "lock";

/// The name of a segment file: its number, from 0, and its place in the order of writing, from 1.
pub(super) fn segment_name(number: u16, sequence: u64) -> String {
    format!("{number:05}-{sequence}.psg")
}

/// Number and place of a segment, from its file name; `None` for other files.
pub(super) fn segment_number(name: &str) -> Option<(u16, u64)> {
    let (number, sequence) = name.strip_suffix(".psg")?.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(sequence) && digits(number) {
        Some((number.parse().ok()?, sequence.parse().ok()?))
    } else {
        None
    }
}

/// The file header.
pub(super) fn header() -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header
}

/// Where a record is, as an index slot says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) hash: u32,
    pub(super) segment: u16,
    pub(super) key_len: u16,
    pub(super) value_len: u32,
    pub(super) offset: u32,
}

impl Slot {
    pub(super) fn to_bytes(self) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        bytes[..4].copy_from_slice(&self.hash.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.segment.to_le_bytes());
        bytes[6..8].copy_from_slice(&self.key_len.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.value_len.to_le_bytes());
        bytes[12..].copy_from_slice(&self.offset.to_le_bytes());
        bytes
    }

    /// Reads a slot; `None` for one that is not used.
    pub(super) fn from_bytes(bytes: &[u8; SLOT]) -> Option<Self> {
        let [
            h0,
            h1,
            h2,
            h3,
            s0,
            s1,
            k0,
            k1,
            v0,
            v1,
            v2,
            v3,
            o0,
            o1,
            o2,
            o3,
        ] = *bytes;
        let slot = Self {
            hash: u32::from_le_bytes([h0, h1, h2, h3]),
            segment: u16::from_le_bytes([s0, s1]),
            key_len: u16::from_le_bytes([k0, k1]),
            value_len: u32::from_le_bytes([v0, v1, v2, v3]),
            offset: u32::from_le_bytes([o0, o1, o2, o3]),
        };
        (slot.offset != 0).then_some(slot)
    }

    /// The bytes of the whole record.
    pub(super) fn record_len(self) -> u64 {
        RECORD_OVERHEAD + u64::from(self.key_len) + u64::from(self.value_len)
    }

    /// Where the record ends in its segment.
    pub(super) fn end(self) -> u64 {
        u64::from(self.offset) + self.record_len()
    }
}

/// The two lengths at the beginning of a record.
pub(super) fn lengths(slot: Slot) -> [u8; 6] {
    let [k0, k1] = slot.key_len.to_le_bytes();
    let [v0, v1, v2, v3] = slot.value_len.to_le_bytes();
    [k0, k1, v0, v1, v2, v3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_known_by_their_names() {
        assert_eq!(segment_name(0, 1), "00000-1.psg");
        assert_eq!(segment_number("00012-3.psg"), Some((12, 3)));
        for name in [
            "00000-1.psg.pmt",
            "main.pix",
            "x-1.psg",
            "1-.psg",
            "99999-1.psg",
        ] {
            assert_eq!(segment_number(name), None, "{name}");
        }
    }

    #[test]
    fn slots_survive_a_round_trip() {
        let slot = Slot {
            hash: 1,
            segment: 2,
            key_len: 3,
            value_len: 4,
            offset: 512,
        };
        assert_eq!(Slot::from_bytes(&slot.to_bytes()), Some(slot));
        assert_eq!(Slot::from_bytes(&[0; SLOT]), None);
    }
}
