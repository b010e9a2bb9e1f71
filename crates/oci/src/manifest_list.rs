//! Manifest lists as sets of entries: what tells entries apart, how two lists differ, how they are merged, and what may
//! not be lost when one takes the other's place. No I/O.
//!
//! Real lists hold more than one image per architecture: variants of `arm`, builds of Windows, the same image in several
//! compressions, attestations that refer to an image by digest, and artifacts for no platform at all. Entries are kept as
//! they were written, unknown fields included.

mod difference;
mod entry;
mod join;
mod listing;
mod merge;
mod platform_key;
mod policy;

pub use difference::{Change, ChangeKind, difference};
pub use entry::EntryName;
pub use join::{JoinError, join};
pub use listing::{Listed, Listing};
pub use merge::{MergeError, NewList, Selection, merge};
pub use platform_key::PlatformKey;
pub use policy::{LossPolicy, ParseLossPolicyError, guard};
