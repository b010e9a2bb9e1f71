//! An embedded image registry over real HTTP, persistent on disk, able to inject faults.
//!
//! It answers the question *where do images live when no registry is at hand?*: for the quickstart, for
//! `iib registry serve`, and for the tests of every crate that speaks to registries. It implements the OCI
//! distribution specification 1.1 (pull, push, discovery and management; not the referrers API, which clients
//! replace by the tag schema when it answers 404) and behaves as Docker's registry does where the two overlap.
//!
//! The types to know:
//! - [`Config`] says where to listen, where to store, and who may enter ([`Auth`], [`Tls`]);
//! - [`Server::start`] gives a [`Running`] registry: its address, its [`RequestLog`], its graceful end;
//! - [`Faults`] makes it misbehave on purpose: a [`Rule`] picks requests, a [`Fault`] says what goes wrong.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use registry::{Config, Fault, Rule, Server};
//!
//! # let root = tempfile::tempdir()?;
//! # let root = root.path();
//! let running = Server::start(Config::new(([127, 0, 0, 1], 0).into(), root)).await?;
//! // The next blob download loses its connection after 1 KiB; the one after that is whole.
//! running.faults().add(Rule::new("/blobs/", Fault::CutBody { after_bytes: 1024 }).times(1));
//! println!("push to {}/any/repository", running.addr());
//! running.shutdown().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is on disk
//!
//! | path under the root | content |
//! | --- | --- |
//! | `blobs/sha256/<hex>` | the bytes of blobs and manifests, once for all repositories |
//! | `repositories/<name>/_blobs/sha256/<hex>` | an empty file: the repository has this blob |
//! | `repositories/<name>/_manifests/sha256/<hex>` | the media type of a manifest the repository has |
//! | `repositories/<name>/_tags/<tag>` | the digest the tag points to |
//! | `uploads/<uuid>/` | an unfinished upload: its bytes and its repository |
//! | `tmp/` | files being written, renamed into place when whole |
//!
//! Every visible step is a rename of a synced file, in the order bytes, link, tag. A process killed at any moment
//! leaves neither half a blob nor a tag without its manifest. Deleting takes away links and tags; the shared bytes stay.
//!
//! # What it does not know
//!
//! Operators, indexes, configuration files and the command line. It does not look inside layers, needs no
//! database, collects no garbage, and gives every known user every right: scopes of tokens are checked against what
//! the token was issued for, not against a policy.

mod auth;
mod config;
mod connection;
mod digest;
mod error;
mod faults;
mod log;
mod name;
mod reply;
mod request;
mod routes;
mod server;
mod service;
mod storage;

pub use config::{Auth, Config, Password, Tls};
pub use error::Error;
pub use faults::{Fault, Faults, Rule};
pub use log::{Entry, RequestLog, Totals};
pub use server::{Running, Server};
