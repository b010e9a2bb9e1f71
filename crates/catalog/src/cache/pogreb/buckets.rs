//! The hash index: which bucket has which slots.

use super::hash::Growth;
use super::layout::{HEADER, NEXT_AT, SLOT, SLOTS, Slot};

/// Places slots into buckets: the contents of the main file and of the overflow file.
pub(super) fn place(growth: Growth, slots: impl Iterator<Item = Slot>) -> (Vec<u8>, Vec<u8>) {
    let count = usize::try_from(growth.buckets().unwrap_or(1)).unwrap_or(1);
    let mut chains = vec![Vec::new(); count];
    for slot in slots {
        if let Some(chain) = usize::try_from(growth.bucket(slot.hash))
            .ok()
            .and_then(|bucket| chains.get_mut(bucket))
        {
            chain.push(slot);
        }
    }
    let (mut main, mut overflow) = (Vec::with_capacity(count * HEADER), Vec::new());
    for chain in chains {
        main.extend(bucket(&chain, &mut overflow));
    }
    (main, overflow)
}

/// One bucket; the slots it has no room for go to buckets in the overflow file.
fn bucket(chain: &[Slot], overflow: &mut Vec<u8>) -> [u8; HEADER] {
    let mut parts = chain.chunks(SLOTS);
    let first = parts.next().unwrap_or_default();
    // The overflow buckets of a chain follow each other, so each one's place is known when the one before is written.
    let mut next = HEADER + overflow.len();
    let head = filled(first, next, parts.len() > 0);
    while let Some(part) = parts.next() {
        next += HEADER;
        overflow.extend_from_slice(&filled(part, next, parts.len() > 0));
    }
    head
}

fn filled(slots: &[Slot], next: usize, goes_on: bool) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    for (place, slot) in bytes.chunks_exact_mut(SLOT).zip(slots) {
        place.copy_from_slice(&slot.to_bytes());
    }
    if goes_on {
        let link = u64::try_from(next).unwrap_or(0).to_le_bytes();
        bytes[NEXT_AT..NEXT_AT + 8].copy_from_slice(&link);
    }
    bytes
}
