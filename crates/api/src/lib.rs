//! The wire types of the REST contract: requests, answers, errors.
//!
//! This crate answers one question: *what may be said over `/api/v1`, in either direction?*
//! A request body becomes a payload that obeys every rule of its endpoint, or a [`Refusal`] that lists
//! everything wrong with it at once; a stored request becomes exactly the keys of the contract, in a fixed order.
//!
//! The types to know:
//!
//! - [`Payload`]: what a submit asks for, of any type, parsed with [`Payload::parse`]; it knows its stored form, which holds no secret,
//!   and gives its [`Secret`]s apart; [`batch`] reads many of them at once;
//! - [`Patch`]: what a worker reports with `PATCH builds/{id}`;
//! - [`RequestView`]: everything an answer shows of a request, printed short or verbose by [`RequestView::short`] and [`RequestView::verbose`];
//! - [`IdempotencyKey`]: how a submit that is sent again is known again;
//! - [`ProblemCode`]: the stable names of what can go wrong;
//! - [`RequestType`] and [`State`], with the names on the wire and the numbers in the database.
//!
//! ```
//! use api::{AddPayload, Rules};
//!
//! let body = serde_json::json!({
//!     "bundles": ["quay.example/team/operator-bundle:v1"],
//!     "from_index": "quay.example/team/index:v4.20",
//!     "binary_image": "quay.example/team/opm:v4.20",
//! });
//! let object = body.as_object().expect("the literal above is an object");
//! let payload = AddPayload::parse(object, &Rules::default()).expect("the literal above obeys the rules");
//! assert_eq!(payload.bundles, ["quay.example/team/operator-bundle:v1"]);
//!
//! let refusal = AddPayload::parse(&serde_json::Map::new(), &Rules::default()).unwrap_err();
//! assert!(refusal.to_string().contains("from_index"));
//! ```
//!
//! What it deliberately does not know: HTTP frameworks, storage, queues, and what an image reference resolves to. An image reference
//! is a string here that names a tag or a digest (section 1 of the contract); the worker parses it properly.

pub mod batch;
mod fields;
mod idempotency;
mod image_ref;
mod kind;
mod nesting;
mod page;
mod parameter;
mod patch;
mod payload;
mod problem;
mod refusal;
pub mod report;
mod result_fields;
mod rules;
pub mod schema;
pub mod timestamp;
mod view;

pub use idempotency::{IdempotencyKey, ParseIdempotencyKeyError};
pub use image_ref::names_tag_or_digest;
pub use kind::{RequestType, Scope, State};
pub use nesting::is_deeper_than;
pub use page::{ErrorBody, Health, Meta};
pub use patch::Patch;
pub use payload::{
    AddDeprecationsPayload, AddPayload, CreateEmptyIndexPayload, FbcOperationsPayload, Fragments,
    IndexParameters, MergeIndexImagePayload, Payload, RecursiveRelatedBundlesPayload,
    RegenerateBundlePayload, RmPayload, Secret, StoredPayloadError,
};
pub use problem::{PROBLEM_JSON, ProblemCode, ProblemDetails};
pub use refusal::{Problem, Refusal, RefusalKind};
pub use result_fields::ResultFields;
pub use rules::{Overwriter, Rules};
pub use view::{Artefact, Artefacts, Rendered, RequestView, StateEntry};
