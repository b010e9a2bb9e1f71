//! The report on a finished request: what it changed and what it took. It stands beside the bodies of the contract, which get no
//! keys for it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the form. It grows when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// What `GET builds/{id}/report` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// The request.
    pub id: i64,
    /// The name of its type.
    pub request_type: String,
    /// The name of the state it ended in.
    pub state: String,
    /// Why it ended so.
    pub state_reason: String,
    /// Which attempt ended it, from 1.
    pub attempt: u32,
    /// How long that attempt took.
    pub seconds: f64,
    /// Its stages in their order.
    pub stages: Vec<StageTime>,
    /// What was made: the image with its layers, what was pushed, mounted and read, and what changed in the catalog, in the
    /// form that `iib index add --output json` prints; of a bundle made anew its files with every change, its labels and images;
    /// of related bundles their list and which names which. Null for a request that failed.
    pub result: Option<Value>,
}

/// How long a stage took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    /// Its name, as metrics have it.
    pub stage: String,
    /// Its time.
    pub seconds: f64,
}
