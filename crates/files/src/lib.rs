//! Where are the files of a request?
//!
//! A request leaves files beside its state: what was logged while it ran, and for some types a list of bundles. The worker
//! writes them into directories; where a bucket is configured, they are uploaded from there, and readers ask the bucket alone. Names and keys
//! are those of section 11 of the contract, so that files made by the service this replaces are found.
//!
//! The names to know:
//!
//! - [`Files`]: a cheap handle; [`Files::open`] for readers, [`Files::write`], [`Files::resume`] and [`Files::deliver`] for workers;
//! - [`Kind`]: which file of a request;
//! - [`Bucket`]: S3-compatible storage;
//! - [`Files::sweep`]: deletes what has expired.
//!
//! ```no_run
//! # async fn example() -> Result<(), files::Error> {
//! use files::{Directories, Files, Kind};
//!
//! let files = Files::in_directories(Directories { log: Some("/var/lib/iib/logs".into()), ..Directories::default() });
//! let log = files.open(Kind::Log, 7).await?;
//! # Ok(()) }
//! ```
//!
//! What it deliberately does not know: HTTP, what is in the files, and which requests there are.

mod bucket;
mod content;
mod directories;
mod error;
mod files;
mod kind;
mod sweep;

pub use bucket::{Bucket, BucketConfig};
pub use content::Content;
pub use directories::{Directories, MODE};
pub use error::Error;
pub use files::Files;
pub use kind::Kind;
pub use sweep::Swept;
