//! Who does the accepted requests?
//!
//! A [`Worker`] claims one job after the other from the store, runs the builder under the job's lease and reports every phase.
//! The lease is renewed while the work goes on; when it is lost, the work stops before anything more is published. A job whose
//! worker died is claimed again when its lease runs out, and continues from its checkpoint. One that failed for a cause that passes is put off and
//! tried again ([`RetryPolicy`]); a [`Gate`] says whether the process takes jobs at all. With a broker the worker is told of jobs; which of them it gets, the store decides. [`RequestLogs`] writes one log file
//! per request.
//!
//! This crate knows nothing of HTTP; what a request does is the builder's business.

mod announced;
mod convert;
mod gate;
mod measure;
mod report;
mod request_log;
mod request_report;
mod retry;
mod run;
mod template;
mod work;

pub use convert::ConvertError;
pub use gate::{Entered, Gate};
pub use request_log::{RequestLogLayer, RequestLogs};
pub use retry::RetryPolicy;
pub use run::{Worker, WorkerConfig};
pub use template::{ParseTemplateError, PushTemplate};
