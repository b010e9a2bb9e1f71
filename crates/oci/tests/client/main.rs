//! The client against real registries over real sockets: one that can misbehave on request, and scripted ones for
//! what no registry of ours would ever do.

#![expect(
    clippy::unwrap_used,
    reason = "clippy sees tests only in functions marked so, not in what they share"
)]

mod addresses;
mod auth;
mod copies;
mod downloads;
mod image_copies;
mod listed;
mod manifests;
mod retries;
mod scripted;
mod support;
mod tag_moves;
mod tags;
mod uploads;
