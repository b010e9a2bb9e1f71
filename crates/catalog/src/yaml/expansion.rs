//! How far aliases may expand.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many values and how many bytes anchors and aliases may add beyond what is written, whatever the size of the text.
///
/// Without a bound a kilobyte of nested aliases expands to gigabytes.
const VALUES: usize = 400_000;
const BYTES: usize = 32 * 1024 * 1024;

/// What anchors and aliases may still add to the documents that share this: those of a file, or of a bundle.
///
/// A bound for each document alone would not do: a file may hold a hundred thousand of them.
#[derive(Debug)]
pub struct Expansion {
    values: AtomicUsize,
    bytes: AtomicUsize,
    exceeded: AtomicBool,
}

impl Expansion {
    /// For documents of `size` bytes in all: as much again, beside what the smallest may add.
    pub fn of_size(size: usize) -> Self {
        Self {
            values: AtomicUsize::new(VALUES.saturating_add(size)),
            bytes: AtomicUsize::new(BYTES.saturating_add(size)),
            exceeded: AtomicBool::new(false),
        }
    }

    /// Whether a document wanted more than was left. It does not depend on which of them came first.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }

    /// Takes values with so many bytes of text; says whether they were left.
    pub(super) fn take(&self, values: usize, bytes: usize) -> bool {
        let left = |of: &AtomicUsize, amount| {
            let order = Ordering::Relaxed;
            of.fetch_update(order, order, |left| left.checked_sub(amount))
                .is_ok()
        };
        let taken = left(&self.values, values) && left(&self.bytes, bytes);
        if !taken {
            self.exceeded.store(true, Ordering::Relaxed);
        }
        taken
    }
}
