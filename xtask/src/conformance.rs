//! Replays of recorded scenarios.

pub(crate) mod api;
pub(crate) mod bundle;
pub(crate) mod index_add;
pub(crate) mod opm;
pub(crate) mod workflows;
