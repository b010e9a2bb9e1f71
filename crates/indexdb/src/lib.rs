//! The `SQLite` index database and how it changes when bundles are added, deprecated or removed.
//!
//! An index image of the older kind holds its catalog in one `SQLite` file. This crate answers *which rows does that file
//! have after bundles are added or deprecated, or packages removed*, with the same rows in every table as the reference tool
//! leaves there (index database specification), and in one transaction: a failed call changes nothing.
//!
//! The types to know:
//! - [`IndexDb`]: an open database; [`IndexDb::add`], [`IndexDb::remove`], [`IndexDb::prune`], [`IndexDb::prune_stranded`] and
//!   [`IndexDb::deprecate`] change it;
//! - [`AddOptions`] and [`Mode`]: how the upgrade graph is made;
//! - [`IndexDb::catalog`]: the database as a file-based catalog;
//! - [`Error`]: what was refused, and what to do about it.
//!
//! ```
//! use indexdb::IndexDb;
//!
//! let folder = tempfile::tempdir().unwrap();
//! let database = IndexDb::create(&folder.path().join("index.db"), 0).unwrap();
//! assert!(database.packages().unwrap().is_empty());
//! database.finish().unwrap();
//! ```
//!
//! The same calls on the same file give the same bytes: rows are written in a fixed order and time comes in as a value.
//! It deliberately knows nothing of registries, images and HTTP: bundles come in as [`bundle::Bundle`] values.
//! Everything here blocks; call it off the async runtime.

mod add;
mod change;
mod cleanup;
mod database;
mod deprecate;
pub mod dump;
mod entries;
mod error;
mod graph;
mod list;
mod lookup;
mod migrate;
mod remove;
mod render;

pub use add::{AddOptions, Added, Mode, UnknownMode};
pub use database::IndexDb;
pub use deprecate::{DeprecateOptions, Deprecated};
pub use error::{Error, Pruned};
pub use list::{BundleEntry, ChannelEntry, PackageEntry};
pub use remove::Removed;
pub use render::RenderError;
