//! Who does the accepted requests?
//!
//! A [`Worker`] claims one job after the other from the store, runs the builder under the job's lease and reports every phase.
//! The lease is renewed while the work goes on; when it is lost, the work stops before anything more is published. A job whose
//! worker died is claimed again when its lease runs out, and continues from its checkpoint. With a broker the worker is told of jobs; which of them it gets, the store decides. [`RequestLogs`] writes one log file
//! per request.
//!
//! This crate knows nothing of HTTP; what a request does is the builder's business.

mod announced;
mod convert;
mod measure;
mod report;
mod request_log;
mod run;
mod template;
mod work;

pub use convert::ConvertError;
pub use request_log::{RequestLogLayer, RequestLogs};
pub use run::{Worker, WorkerConfig};
pub use template::{ParseTemplateError, PushTemplate};
