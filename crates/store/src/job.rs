//! What a worker gets and gives back.

use std::collections::BTreeMap;
use std::fmt;

use api::{Payload, ResultFields, Secret, State};
use jiff::Timestamp;
use secrecy::SecretString;

/// The name of a worker, unique among those that run at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkerId(String);

impl WorkerId {
    /// Takes a name that the caller knows to be unique, such as host, process and slot.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Makes up a name nobody else has.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The right to work on a request for a while. A copy is as good as the original, and all die with the next claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub(crate) request_id: i64,
    pub(crate) worker: WorkerId,
    pub(crate) fence: i64,
}

impl Lease {
    /// The request it is for.
    pub const fn request_id(&self) -> i64 {
        self.request_id
    }

    /// Who holds it.
    pub const fn worker(&self) -> &WorkerId {
        &self.worker
    }

    /// The fencing number: grows with every claim of the request.
    pub const fn fence(&self) -> i64 {
        self.fence
    }
}

/// A claimed request with everything needed to work on it.
#[derive(Debug)]
pub struct Job {
    /// The request.
    pub request_id: i64,
    /// The right to work on it.
    pub lease: Lease,
    /// What is asked for. Its secrets are not in here.
    pub payload: Payload,
    /// The secrets that came with it.
    pub secrets: Secrets,
    /// The queue it waited in; none is the default queue.
    pub queue: Option<String>,
    /// How many times it was claimed, from 1. Jobs that were released do not count.
    pub attempt: u32,
    /// How many of those ended with a cause that passes; see [`crate::Store::put_off`].
    pub retries: u32,
    /// What an earlier attempt left with [`crate::Store::checkpoint`].
    pub checkpoint: Option<serde_json::Value>,
    /// Where in a trace it was submitted (a W3C `traceparent`).
    pub trace_context: Option<String>,
    /// Who submitted it.
    pub user: Option<String>,
    /// When it was submitted.
    pub submitted: Timestamp,
}

/// The secrets of a request; printing them shows a placeholder.
#[derive(Clone, Debug, Default)]
pub struct Secrets(BTreeMap<Secret, SecretString>);

impl Secrets {
    /// The secret of this kind, if the request came with one.
    pub fn get(&self, kind: Secret) -> Option<&SecretString> {
        self.0.get(&kind)
    }

    pub(crate) fn insert(&mut self, kind: Secret, value: SecretString) {
        self.0.insert(kind, value);
    }
}

/// A state with its reason, and the result fields that became known with it.
#[derive(Clone, Debug)]
pub struct Update {
    /// The state to be in.
    pub state: State,
    /// Why, in words for the requester.
    pub state_reason: String,
    /// What became known; fields without a value stay as they are.
    pub fields: ResultFields,
}
