//! Replays of recorded scenarios.

pub(crate) mod index_add;
