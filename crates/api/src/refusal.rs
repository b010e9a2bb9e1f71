//! Why a payload was refused: every problem at once, and the kind of answer it deserves.

use std::fmt;

/// One thing wrong with a payload.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The parameter it is about.
    pub field: String,
    /// What is wrong and what to send instead; reads after the name of the field. Never repeats a value that could be a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.message)
    }
}

/// Which answer a refusal deserves (section 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The payload breaks a rule: 400.
    Invalid,
    /// The payload is well formed, but this user may not do this: 403.
    Forbidden,
}

/// A payload that was not accepted, with everything that is wrong with it. It holds at least one problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(problems))]
pub struct Refusal {
    /// The answer it deserves.
    pub kind: RefusalKind,
    /// The problems, in the order of the checks.
    pub problems: Vec<Problem>,
}

/// A long list of bundles may break a rule as many times; an answer names the first few.
const LISTED: usize = 20;

fn list(problems: &[Problem]) -> String {
    let mut texts: Vec<_> = problems
        .iter()
        .take(LISTED)
        .map(ToString::to_string)
        .collect();
    if let more @ 1.. = problems.len().saturating_sub(LISTED) {
        texts.push(format!("and {more} more"));
    }
    texts.join("; ")
}

/// Collects problems while a payload is read.
#[derive(Default)]
pub(crate) struct Findings {
    invalid: Vec<Problem>,
    forbidden: Vec<Problem>,
}

impl Findings {
    pub(crate) fn invalid(&mut self, field: &str, message: impl Into<String>) {
        self.invalid.push(Problem {
            field: field.to_owned(),
            message: message.into(),
        });
    }

    pub(crate) fn forbidden(&mut self, field: &str, message: impl Into<String>) {
        self.forbidden.push(Problem {
            field: field.to_owned(),
            message: message.into(),
        });
    }

    /// Whether a problem of this field was noted.
    pub(crate) fn mention(&self, field: &str) -> bool {
        self.invalid
            .iter()
            .chain(&self.forbidden)
            .any(|problem| problem.field == field)
    }

    /// Gives `value` when nothing was found. A payload that is also malformed is answered with 400: the permission of a
    /// request nobody could carry out is beside the point.
    pub(crate) fn accept<T>(self, value: T) -> Result<T, Refusal> {
        if !self.invalid.is_empty() {
            return Err(Refusal {
                kind: RefusalKind::Invalid,
                problems: self.invalid,
            });
        }
        if !self.forbidden.is_empty() {
            return Err(Refusal {
                kind: RefusalKind::Forbidden,
                problems: self.forbidden,
            });
        }
        Ok(value)
    }
}
