//! Distribution scopes: how far an index image may travel.

use std::fmt;
use std::str::FromStr;

/// How far an index image may travel; a later scope is a wider one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Development.
    Dev,
    /// Staging.
    Stage,
    /// Production: what an index image without a label has.
    Prod,
}

/// Why a text is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a distribution scope; use `dev`, `stage` or `prod`")]
pub struct ParseScopeError {
    text: String,
}

impl Scope {
    /// The name, as labels and requests carry it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Stage => "stage",
            Self::Prod => "prod",
        }
    }
}

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "dev" => Ok(Self::Dev),
            "stage" => Ok(Self::Stage),
            "prod" => Ok(Self::Prod),
            other => Err(ParseScopeError {
                text: other.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
