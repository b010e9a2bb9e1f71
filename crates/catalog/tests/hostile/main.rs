//! Hostile catalogs: each is read or refused with a reason, at a cost in proportion to its size.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod cost;
mod graphs;
mod texts;
mod trees;
