//! How do workers on other hosts hear of a job at once?
//!
//! Through RabbitMQ. The store stays the truth: a message says only that a request waits in a queue, and whoever gets it asks the store for the job. A message that is
//! lost, late or there twice costs time at most.
//!
//! The types to know:
//!
//! - [`Broker`]: the connection that is kept; [`Broker::hand_over`] tells the broker of jobs, within a time;
//! - [`Topology`]: the queues and how they are declared: quorum queues with a delivery limit and one queue of dead letters, queues of serial requests with one
//!   consumer at a time;
//! - [`dispatch()`]: tells the broker of what the store says it was not told of, for as long as that takes;
//! - [`Inbox`]: what a worker process hears; each [`Hint`] is acknowledged when its job has ended;
//! - [`DeadLetters`]: what was delivered too often, or could not be read.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use queue::{Broker, BrokerUrl, Pace, Topology};
//!
//! let url: BrokerUrl = "amqp://guest:guest@127.0.0.1:5672".parse()?;
//! let topology = Topology::new("iib.", [("releases".to_owned(), Pace::Serial)])?;
//! let broker = Broker::new(url, topology);
//! broker.prepare().await?;
//! let job = store::WaitingJob { request_id: 5, queue: Some("releases".to_owned()) };
//! let handed = broker.hand_over(&[job]).await;
//! assert_eq!(handed.taken, [5]);
//! # Ok(()) }
//! ```
//!
//! What it deliberately does not know: HTTP, what a job does, and how many attempts it has.

mod backoff;
mod broker;
mod dead_letters;
mod dispatch;
mod error;
mod inbox;
mod link;
mod message;
mod topology;
mod url;

pub use broker::{Broker, HandedOver};
pub use dead_letters::{DeadLetter, DeadLetters};
pub use dispatch::dispatch;
pub use error::Error;
pub use inbox::{Hint, Inbox};
pub use topology::{DEFAULT_QUEUE, Pace, Topology, TopologyError};
pub use url::{BrokerUrl, ParseUrlError};
