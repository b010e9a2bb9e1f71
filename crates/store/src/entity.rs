//! The tables. Times are microseconds since 1970 in UTC; states and types are the numbers of the contract.
#![allow(
    unreachable_pub,
    reason = "the entity macros make public items, and read private ones badly"
)]

pub(crate) mod batch;
pub(crate) mod counter;
pub(crate) mod image;
pub(crate) mod job;
pub(crate) mod outbox;
pub(crate) mod pause;
pub(crate) mod push;
pub(crate) mod request;
pub(crate) mod secret;
pub(crate) mod submit_key;
pub(crate) mod turn;
