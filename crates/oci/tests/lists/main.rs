//! Manifest lists as sets of entries: merged, guarded, joined and compared, without any registry.

#![expect(
    clippy::unwrap_used,
    reason = "clippy sees tests only in functions marked so, not in what they share"
)]

mod guard;
mod join;
mod merge;
mod real;
mod support;
