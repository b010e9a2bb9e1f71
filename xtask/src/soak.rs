//! The program under many clients at once, and under faults: not how fast it is, but whether it keeps its word.

pub(crate) mod api;
pub(crate) mod workers;
