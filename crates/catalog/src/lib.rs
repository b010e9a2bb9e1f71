//! How operator manifests and file-based catalogs are read, judged and written, as the reference tools do it.
//!
//! Operator catalogs are judged byte for byte, and the tools that made the existing ones are written in Go: they read
//! YAML 1.1, sort keys, escape `<`, `>` and `&`, and print numbers in a form of their own.
//! This crate answers the question *what does this text say to those tools, and how do they write it down again?*
//!
//! The types to know:
//! - [`Document`]: the first document of a manifest file, read as YAML or JSON just as the reference tools decide;
//! - [`json::Value`]: what it says; printed with [`json::to_text`] it is canonical JSON;
//! - [`ordered::Node`]: a document in its own order, for JSON as the replaced service writes it;
//! - [`placed::Node`]: a document with the place of every value in the text, for those who change single values;
//! - [`Version`]: a strict semantic version in the order that decides channel heads;
//! - [`fbc::Catalog`]: a file-based catalog, read from a directory, validated and written;
//! - [`graph::select`]: the upgrade graph of a package, drawn as Mermaid, DOT or SVG;
//! - [`diff::Diff`]: what changed between two catalogs, and what that means for clusters;
//! - [`cache::write`](fn@cache::write), [`cache::update`] and [`cache::check`]: the cache that a server starts from.
//!
//! ```
//! use catalog::{Document, Version, json};
//!
//! let document = Document::read(b"kind: Demo\non: [1e3, 0x10, yes]\n").unwrap();
//! assert_eq!(json::to_text(document.value()), r#"{"kind":"Demo","true":[1000,16,true]}"#);
//!
//! let (plain, rebuilt): (Version, Version) = ("1.0.0".parse().unwrap(), "1.0.0+1".parse().unwrap());
//! assert!(plain < rebuilt);
//! ```
//!
//! It takes bytes and gives bytes or values, reads directories of catalogs and writes those of caches: no network, no
//! clock. Whatever a hostile file holds costs time and memory in proportion to its size: nesting depth and alias expansion are bounded here, the size of the file is the
//! caller's to bound. It deliberately knows nothing of images or SQL.

pub mod cache;
pub mod diff;
mod document;
pub mod fbc;
pub mod graph;
pub mod json;
pub mod ordered;
pub mod placed;
mod profile;
mod version;
pub mod yaml;

pub use document::{Document, DocumentError, Format};
pub use profile::{Profile, UnknownProfile};
pub use version::{RangeError, Version, VersionError, VersionRange};
