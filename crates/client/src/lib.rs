//! The REST API from the other side.
//!
//! This crate answers one question: *how does a program ask a service for work, and learn how it went?* It speaks `/api/v1` of this service
//! and of the one it replaces: what only newer services have (events, idempotency keys) is used where they offer it.
//!
//! The types to know:
//!
//! - [`Client`]: one service, with the caller's credentials; every call has a time limit, and what may be repeated is, with growing pauses;
//! - [`Submission`]: what a submit sends, such as [`Submission::Add`];
//! - [`Request`]: what the service shows of a request, the parts that all types have as fields, the rest as JSON;
//! - [`Error`]: what went wrong, with everything the service said.
//!
//! ```no_run
//! # async fn submit() -> Result<(), client::Error> {
//! use client::{Add, Client, ClientConfig, IndexOptions, Submission};
//!
//! let client = Client::new(ClientConfig::new("https://iib.example.com".parse()?))?;
//! let add = Submission::Add(Add {
//!     bundles: vec!["registry.example/ns/operator-bundle:v1.0.0".into()],
//!     index: IndexOptions { from_index: Some("registry.example/ns/index:v4.19".into()), ..IndexOptions::default() },
//!     ..Add::default()
//! });
//! let submitted = client.submit(&add).await?;
//! let ended = client.follow(submitted.id, |news| println!("{news:?}")).await?;
//! println!("{}", ended.state_reason);
//! # Ok(()) }
//! ```
//!
//! What it deliberately does not know: command lines, terminals, and how a service works inside.

mod address;
mod calls;
mod config;
mod error;
mod events;
mod follow;
mod request;
mod retry;
mod submission;
mod transport;

pub use address::{ParseServerError, ServerUrl};
pub use calls::ListQuery;
pub use config::{ClientConfig, Retries};
pub use error::{Complaint, Error};
pub use follow::News;
pub use request::{Page, Request, Step};
pub use submission::{
    Add, AddDeprecations, Batch, CreateEmptyIndex, FbcOperations, IndexOptions, MergeIndexImage,
    RecursiveRelatedBundles, RegenerateBundle, Rm, Submission,
};
pub use transport::Client;
