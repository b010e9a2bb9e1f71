//! What a service shows of requests.

use api::State;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A request as the service shows it. The parts that all types have are fields; the answer as a whole is kept beside them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
#[non_exhaustive]
pub struct Request {
    /// Its number.
    pub id: i64,
    /// The batch it belongs to.
    pub batch: i64,
    /// What kind of request it is; later services may have more than this one.
    pub request_type: String,
    /// Who submitted it.
    pub user: Option<String>,
    /// The newest state.
    pub state: State,
    /// Why it is in that state.
    pub state_reason: String,
    /// When it entered that state, as the service wrote it.
    pub updated: String,
    /// Every step, oldest first; empty in the short form.
    pub history: Vec<Step>,
    /// The whole answer, in the service's order.
    pub json: Map<String, Value>,
}

/// One entry of the history of a request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawStep")]
pub struct Step {
    /// The state.
    pub state: State,
    /// Why.
    pub state_reason: String,
    /// When it was entered, as the service wrote it.
    pub updated: String,
}

#[derive(Deserialize)]
struct RawStep {
    state: String,
    state_reason: String,
    updated: String,
}

#[derive(Deserialize)]
struct Common {
    id: i64,
    batch: i64,
    request_type: String,
    user: Option<String>,
    state: String,
    state_reason: String,
    updated: String,
    #[serde(default)]
    state_history: Vec<Step>,
}

fn state(name: &str) -> Result<State, String> {
    State::from_name(name).ok_or_else(|| format!("`{name}` is no state of a request"))
}

impl TryFrom<RawStep> for Step {
    type Error = String;

    fn try_from(raw: RawStep) -> Result<Self, String> {
        Ok(Self {
            state: state(&raw.state)?,
            state_reason: raw.state_reason,
            updated: raw.updated,
        })
    }
}

impl TryFrom<Map<String, Value>> for Request {
    type Error = String;

    fn try_from(json: Map<String, Value>) -> Result<Self, String> {
        let common =
            Common::deserialize(&Value::Object(json.clone())).map_err(|error| error.to_string())?;
        let mut history = common.state_history;
        history.reverse();
        Ok(Self {
            id: common.id,
            batch: common.batch,
            request_type: common.request_type,
            user: common.user,
            state: state(&common.state)?,
            state_reason: common.state_reason,
            updated: common.updated,
            history,
            json,
        })
    }
}

impl Request {
    /// A text among the keys that not every type has; none when it is not there or null.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.json.get(key).and_then(Value::as_str)
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Page {
    /// The requests, newest first.
    pub items: Vec<Request>,
    /// Where the page stands among all.
    pub meta: PageMeta,
}

/// Where a page stands among all.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PageMeta {
    /// The number of this page, from 1.
    pub page: u64,
    /// How many there are; 0 for an empty list.
    pub pages: u64,
    /// How many requests there are on all pages.
    pub total: u64,
}
