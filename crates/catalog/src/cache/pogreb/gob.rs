//! The three small files of meta data, in Go's own encoding (file-based catalog specification, 4.7).
//!
//! They are written with type descriptors that never change. Readers find fields by name, because other builds of the
//! reference tool number their types differently.

use std::collections::BTreeMap;

use super::segment::Counts;

const SEED_TYPE: &[u8] =
    b"\x20\x7f\x03\x01\x01\x06dbMeta\x01\xff\x80\x00\x01\x01\x01\x08HashSeed\x01\x06\x00\x00\x00";
const SEGMENT_TYPE: &[u8] = b"\x64\xff\x81\x03\x01\x01\x0bsegmentMeta\x01\xff\x82\x00\x01\x05\x01\x04Full\x01\x02\x00\x01\
\x0aPutRecords\x01\x06\x00\x01\x0dDeleteRecords\x01\x06\x00\x01\x0bDeletedKeys\x01\x06\x00\x01\x0cDeletedBytes\x01\x06\x00\x00\x00";
const INDEX_TYPE: &[u8] = b"\x6a\xff\x83\x03\x01\x01\x09indexMeta\x01\xff\x84\x00\x01\x05\x01\x05Level\x01\x06\x00\x01\
\x07NumKeys\x01\x06\x00\x01\x0aNumBuckets\x01\x06\x00\x01\x10SplitBucketIndex\x01\x06\x00\x01\x13FreeOverflowBuckets\x01\xff\x86\x00\x00\x00\
\x15\xff\x85\x02\x01\x01\x07[]int64\x01\xff\x86\x00\x01\x04\x00\x00";

/// The meta data of a database: its hash seed.
pub(super) fn seed(seed: u32) -> Vec<u8> {
    encode(SEED_TYPE, 0x80, &[seed.into()])
}

/// The meta data of a segment.
pub(super) fn segment(full: bool, counts: Counts) -> Vec<u8> {
    let fields = [
        full.into(),
        counts.puts,
        counts.deletes,
        counts.dead_keys,
        counts.dead_bytes,
    ];
    encode(SEGMENT_TYPE, 0x82, &fields)
}

/// The meta data of an index whose overflow file has no free bucket.
pub(super) fn index(level: u32, keys: u64, buckets: u32, split: u32) -> Vec<u8> {
    encode(
        INDEX_TYPE,
        0x84,
        &[level.into(), keys, buckets.into(), split.into()],
    )
}

/// Type descriptor, then a message with the type's number and all fields that are not zero.
fn encode(descriptor: &[u8], id: u8, fields: &[u64]) -> Vec<u8> {
    let mut message = vec![0xff, id];
    let mut distance = 0;
    for field in fields {
        distance += 1;
        if *field != 0 {
            unsigned(&mut message, distance);
            unsigned(&mut message, *field);
            distance = 0;
        }
    }
    message.push(0);
    let mut bytes = descriptor.to_vec();
    unsigned(&mut bytes, u64::try_from(message.len()).unwrap_or(u64::MAX));
    bytes.extend(message);
    bytes
}

/// Small numbers are themselves; larger ones follow the negated count of their bytes.
fn unsigned(bytes: &mut Vec<u8>, value: u64) {
    let digits = value.to_be_bytes();
    let [.., low] = digits;
    if value < 0x80 {
        bytes.push(low);
        return;
    }
    let digits = &digits[usize::try_from(value.leading_zeros() / 8).unwrap_or(0)..];
    bytes.push(u8::try_from(digits.len()).unwrap_or(8).wrapping_neg());
    bytes.extend_from_slice(digits);
}

/// The whole-number and boolean fields of the value in a file, by name. Fields that are zero are not there.
///
/// `None` if the bytes are not what the encoding allows for structures of numbers, booleans and lists of numbers.
pub(super) fn decode(bytes: &[u8]) -> Option<BTreeMap<String, u64>> {
    let mut types = BTreeMap::new();
    let mut input = Input(bytes);
    loop {
        let length = usize::try_from(input.unsigned()?).ok()?;
        let mut message = Input(input.take(length)?);
        let id = message.signed()?;
        if id >= 0 {
            return values(&mut message, types.get(&id)?);
        }
        types.insert(id.checked_neg()?, descriptor(&mut message)?);
    }
}

/// The fields of a structure, with the number of each one's type. A list has none.
type Fields = Vec<(String, i64)>;

const BOOL: i64 = 1;
const INT: i64 = 2;
const UINT: i64 = 3;

/// Reads a type descriptor: the second member describes a list, the third a structure.
fn descriptor(input: &mut Input<'_>) -> Option<Fields> {
    match input.unsigned()? {
        2 => Some(Fields::new()),
        3 => {
            let mut fields = Fields::new();
            if input.unsigned()? != 1 {
                return None;
            }
            common(input)?;
            if input.unsigned()? != 1 {
                return None;
            }
            for _ in 0..input.unsigned()? {
                fields.push(common(input)?);
            }
            Some(fields)
        }
        _ => None,
    }
}

/// A name and a type number: how types and fields are both described.
fn common(input: &mut Input<'_>) -> Option<(String, i64)> {
    let (mut name, mut id, mut member) = (String::new(), 0, 0);
    loop {
        let distance = input.unsigned()?;
        if distance == 0 {
            return Some((name, id));
        }
        member += distance.min(3);
        match member {
            1 => {
                let length = usize::try_from(input.unsigned()?).ok()?;
                name = String::from_utf8(input.take(length)?.to_vec()).ok()?;
            }
            2 => id = input.signed()?,
            _ => return None,
        }
    }
}

fn values(input: &mut Input<'_>, fields: &Fields) -> Option<BTreeMap<String, u64>> {
    let mut values = BTreeMap::new();
    let mut next = 0_usize;
    loop {
        let distance = usize::try_from(input.unsigned()?).ok()?;
        if distance == 0 {
            return Some(values);
        }
        next = next.checked_add(distance)?;
        let (name, id) = fields.get(next - 1)?;
        match *id {
            BOOL | UINT => {
                values.insert(name.clone(), input.unsigned()?);
            }
            INT => {
                values.insert(name.clone(), u64::try_from(input.signed()?).ok()?);
            }
            // A list; nobody here asks for its elements.
            _ => {
                for _ in 0..input.unsigned()? {
                    input.unsigned()?;
                }
            }
        }
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn unsigned(&mut self) -> Option<u64> {
        let first = *self.take(1)?.first()?;
        if first < 0x80 {
            return Some(first.into());
        }
        let count = usize::from(first.wrapping_neg());
        let mut digits = [0; 8];
        digits
            .get_mut(8_usize.checked_sub(count)?..)?
            .copy_from_slice(self.take(count)?);
        Some(u64::from_be_bytes(digits))
    }

    fn signed(&mut self) -> Option<i64> {
        let value = self.unsigned()?;
        let half = i64::try_from(value >> 1).ok()?;
        Some(if value & 1 == 0 { half } else { !half })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_specification() {
        let seed = seed(0xf2a1_5364);
        assert_eq!(seed.len(), 33 + 10);
        assert_eq!(seed[33..], *b"\x09\xff\x80\x01\xfc\xf2\xa1\x53\x64\x00");
        let counts = Counts {
            puts: 177,
            ..Counts::default()
        };
        let segment = segment(false, counts);
        assert_eq!(segment[101..], *b"\x06\xff\x82\x02\xff\xb1\x00");
        let index = index(3, 177, 9, 1);
        assert_eq!(
            index[129..],
            *b"\x0c\xff\x84\x01\x03\x01\xff\xb1\x01\x09\x01\x01\x00"
        );
    }

    #[test]
    fn what_was_written_is_read() {
        let fields = decode(&index(0, 300, 1, 0)).unwrap();
        assert_eq!(
            fields,
            BTreeMap::from([("NumKeys".to_owned(), 300), ("NumBuckets".to_owned(), 1)])
        );
        assert_eq!(decode(&seed(7)).unwrap()["HashSeed"], 7);
        let counts = Counts {
            puts: 2,
            deletes: 0,
            dead_keys: 1,
            dead_bytes: 300,
        };
        let fields = decode(&segment(true, counts)).unwrap();
        let expected = [
            ("Full", 1),
            ("PutRecords", 2),
            ("DeletedKeys", 1),
            ("DeletedBytes", 300),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(fields, BTreeMap::from(expected));
    }

    #[test]
    fn lists_of_free_buckets_are_passed_over() {
        let free = [
            INDEX_TYPE,
            b"\x11\xff\x84\x01\x03\x01\xff\xb1\x01\x09\x01\x01\x01\x01\xfe\x04\x00\x00",
        ]
        .concat();
        assert_eq!(decode(&free).unwrap()["SplitBucketIndex"], 1);
    }

    #[test]
    fn damaged_files_are_refused() {
        let whole = index(3, 177, 9, 1);
        for length in 0..whole.len() {
            assert_eq!(decode(&whole[..length]), None, "{length} bytes");
        }
        assert_eq!(decode(b"\x02\xff\xff\xff"), None);
        assert_eq!(decode(b"\x03\x80\x01\x01"), None);
    }
}
