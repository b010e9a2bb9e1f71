//! What can be wrong with a pull spec.

/// Why a text is no pull spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a pull spec: {problem}; write `registry/repository:tag` or `registry/repository@sha256:…`"
)]
pub struct ParseError {
    text: String,
    problem: Problem,
}

/// What is wrong with a pull spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// The registry is no host with an optional port.
    #[error("the registry `{0}` is not a host name with an optional port")]
    Registry(String),
    /// The repository is missing.
    #[error("it names no repository")]
    NoRepository,
    /// A path component breaks the grammar.
    #[error(
        "the repository component `{0}` may hold only lower-case letters and digits, separated by `.`, `_`, `__` or dashes"
    )]
    Component(String),
    /// The repository's name is too long.
    #[error("the repository's name is longer than 255 characters")]
    TooLong,
    /// The tag breaks the grammar.
    #[error(
        "the tag `{0}` must be a letter, digit or `_` followed by at most 127 letters, digits, `_`, `.` or `-`"
    )]
    Tag(String),
    /// The digest breaks the grammar.
    #[error("`{0}` is not a digest")]
    Digest(String),
}

impl ParseError {
    pub(super) fn new(text: &str, problem: Problem) -> Self {
        Self {
            text: text.to_owned(),
            problem,
        }
    }
}
