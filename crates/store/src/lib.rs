//! The state of every request: requests, history, jobs and leases, in SQL behind one ORM with migrations.
//!
//! This crate answers: *what is the state of every request, and which job is next?* Accepting a request writes the request, its
//! batch, its first history entry, its job and its sealed secrets in one transaction, so a request that was accepted is also a job that will be
//! found, whatever dies in between.
//!
//! The types to know:
//!
//! - [`Store`]: a cheap handle; [`Store::submit`], [`Store::request`] and [`Store::list`] for the API side;
//! - [`Recognition`]: what makes a submission one that came before, for [`Store::submit_once`];
//! - [`Job`] and [`Lease`]: what [`Store::claim`] gives to a worker. Every later call of the worker shows the lease, whose fencing number
//!   grows with each claim, so that a worker that was presumed dead cannot write over its successor;
//! - [`Update`]: a state change with the result fields that go with it, written together.
//!
//! ```no_run
//! # async fn example() -> Result<(), store::Error> {
//! use store::{SealingKey, Store, StoreConfig};
//!
//! let key = SealingKey::load_or_generate("/var/lib/iib/sealing.key".as_ref())?;
//! let store = Store::open(&StoreConfig { migrate: true, ..StoreConfig::new("/var/lib/iib/iib.db".parse()?, key) }).await?;
//! store.ping().await?;
//! # Ok(()) }
//! ```
//!
//! What it deliberately does not know: HTTP, what a job does, and how long anybody is willing to wait.

mod announce;
mod choice;
mod claim;
mod config;
mod connect;
mod dispatch;
mod entity;
mod error;
mod expiry;
mod fair;
mod filter;
mod history;
mod images;
mod job;
mod known;
mod list;
mod load;
mod migration;
mod open;
mod outbox;
mod pause;
mod push;
mod put_off;
mod read;
mod ready;
mod recognition;
mod report;
mod sealing;
mod share;
mod submit;
mod tag;
mod text;
mod waiting;
mod watch;
mod writer;

pub use announce::{Announcer, BatchRequest, BatchView, Message};
pub use api::{Payload, RequestView, ResultFields, State};
pub use choice::Choice;
pub use config::{Clock, Database, StatementObserver, StoreConfig};
pub use dispatch::WaitingJob;
pub use error::Error;
pub use filter::{Form, ListFilter, Listing, Page, Stretch};
pub use job::{Job, Lease, Secrets, Update, WorkerId};
pub use load::QueueLoad;
pub use open::{Migrated, Store, migrate_database};
pub use outbox::Unsent;
pub use pause::{Pause, Paused};
pub use push::Push;
pub use recognition::Recognition;
pub use sealing::SealingKey;
pub use submit::{NewRequest, Submission, Submitted};
pub use waiting::Waiting;
