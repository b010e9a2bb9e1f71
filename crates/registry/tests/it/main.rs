//! The registry over real sockets, one file per subject.

mod auth;
mod blobs;
mod connections;
mod faults;
mod lists;
mod manifests;
mod restart;
mod support;
mod tls;
mod uploads;
