//! What goes wrong between a client and a service.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::address::ParseServerError;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] ParseServerError),
    /// The address would send everything in plain text to another machine.
    #[error(
        "`{server}` is plain HTTP to another machine, where tokens could be read on the way; use https, or allow it with `--insecure`"
    )]
    Exposed {
        /// The address.
        server: String,
    },
    /// The HTTP client could not be made of what it was told.
    #[error("the HTTP client could not be set up: {what}")]
    Setup {
        /// What is wrong.
        what: &'static str,
        /// What the library said.
        #[source]
        source: reqwest::Error,
    },
    /// The bearer token holds what no header may.
    #[error("the bearer token holds characters that no token has; is it the right file?")]
    Token,
    /// A submit cannot be written as JSON.
    #[error("the submit cannot be written")]
    Payload(#[source] serde_json::Error),
    /// Nothing was answered, although it was tried as often as allowed.
    #[error(
        "the service at `{server}` could not be reached; is the address right, and does the service run?"
    )]
    Unreachable {
        /// The address.
        server: String,
        /// What the library said.
        #[source]
        source: reqwest::Error,
    },
    /// A submit was sent and its answer did not come, and the service does not take idempotency keys: sending it again might submit twice.
    #[error(
        "the submit was sent to `{server}`, but its outcome is unknown ({why}); look with `iib request list` before you submit it again"
    )]
    OutcomeUnknown {
        /// The address.
        server: String,
        /// What was seen in place of an answer.
        why: String,
    },
    /// The service said no.
    #[error("{0}")]
    Refused(Box<Complaint>),
    /// What answered is not this kind of service.
    #[error(
        "`{url}` answered {status}, but not as an index image build service does; is the address right?"
    )]
    Foreign {
        /// What was asked for.
        url: String,
        /// The status of the answer.
        status: u16,
    },
}

impl Error {
    /// What the service said, if it did.
    pub fn complaint(&self) -> Option<&Complaint> {
        match self {
            Self::Refused(complaint) => Some(complaint),
            _ => None,
        }
    }
}

/// What a service says when it refuses or fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, in the service's words.
    pub text: String,
    /// What is wrong with the payload, parameter by parameter; empty where the service does not tell them apart.
    pub problems: Vec<(String, String)>,
    /// The stable code of the problem; none from services without.
    pub code: Option<String>,
    /// The id under which the service's log has it.
    pub request_id: Option<String>,
    /// When it makes sense to try again.
    pub(crate) retry_after: Option<Duration>,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.status {
            400 | 409 | 413 | 415 => "the service refused it",
            401 => {
                "the service needs to know who you are: give a bearer token with `--token-file` or `IIB_TOKEN`"
            }
            403 => "the service does not let you do this",
            404 | 410 => "the service does not have it",
            429 => "the service was asked too often",
            _ => "the service failed",
        };
        write!(f, "{verdict} ({})", self.status)?;
        if self.problems.len() > 1 {
            for (field, message) in &self.problems {
                write!(f, "\n  `{field}` {message}")?;
            }
        } else {
            write!(f, ": {}", self.text)?;
        }
        if let (500.., Some(id)) = (self.status, &self.request_id) {
            write!(f, "\n  its log has the details under {id}")?;
        }
        Ok(())
    }
}

/// An error body, of either media type.
#[derive(Deserialize)]
struct Body {
    error: Option<String>,
    detail: Option<String>,
    code: Option<String>,
    #[serde(default)]
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    field: String,
    message: String,
}

impl Complaint {
    /// Reads an error body; none when it is not one of this kind of service.
    pub(crate) fn read(status: u16, body: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_slice(body).ok()?;
        Some(Self {
            status,
            text: body.error.or(body.detail)?,
            problems: body
                .problems
                .into_iter()
                .map(|problem| (problem.field, problem.message))
                .collect(),
            code: body.code,
            request_id: None,
            retry_after: None,
        })
    }

    /// Whether the same may go well a little later.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self.status, 429 | 502..=504)
    }
}
