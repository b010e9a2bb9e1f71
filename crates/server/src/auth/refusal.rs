//! What a caller hears whose credential is not accepted.

use std::time::Duration;

use api::ProblemCode;
use http::{HeaderName, HeaderValue, header};

use super::Ways;
use crate::answer::ApiError;

/// Why a caller cannot be told from others. Texts hold nothing of the credential, and do not say which users there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There are two `Authorization` headers.
    AuthorizationTwice,
    /// The header that a trusted proxy names users in is there twice, or holds no name.
    ProxyHeader(HeaderName, &'static str),
    /// A trusted proxy names a user, and the caller came with a credential of its own.
    Several(HeaderName),
    /// The credential is of a kind that is not taken here.
    UnknownScheme,
    /// The bearer token opens nothing.
    Token(TokenProblem),
    /// The ticket opens nothing.
    #[cfg_attr(
        not(feature = "kerberos"),
        expect(dead_code, reason = "nobody looks at tickets")
    )]
    Ticket(TicketProblem),
    /// What would be needed to judge the credential is away.
    CannotJudge(Duration),
}

/// What is wrong with a bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenProblem {
    /// Nobody here knows it, or its signature is wrong.
    Unknown,
    /// It was good once. Said of tokens with a right signature alone.
    Expired,
    /// It will be good later. Said of tokens with a right signature alone.
    NotYet,
    /// It is somebody else's: of another issuer, for another service, or without a user. Said of tokens with a right signature alone.
    NotForUs(&'static str),
}

/// What is wrong with a Kerberos ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "kerberos"),
    expect(dead_code, reason = "nobody looks at tickets")
)]
pub(crate) enum TicketProblem {
    /// It is not valid here.
    Invalid,
    /// Its negotiation needs more than one round.
    SeveralRounds,
}

impl Refused {
    pub(crate) fn answer(self, ways: Ways) -> ApiError {
        let unauthorized = |text| ways.challenge(ApiError::of(ProblemCode::Unauthenticated, text));
        match self {
            Self::AuthorizationTwice => malformed("the header Authorization must be sent once"),
            Self::ProxyHeader(header, problem) => {
                malformed(format!("the header {header} {problem}"))
            }
            Self::Several(header) => malformed(format!(
                "the request names its user twice, in the header {header} and in the header Authorization; send one of them"
            )),
            Self::UnknownScheme => unauthorized(
                "the header Authorization holds a kind of credential that is not taken here; use one that this answer names, or leave the header out",
            ),
            Self::Token(problem) => {
                let text = match problem {
                    TokenProblem::Unknown => {
                        "the bearer token is not valid here; check it, or get a new one"
                    }
                    TokenProblem::Expired => "the bearer token has expired; get a new one",
                    TokenProblem::NotYet => "the bearer token is not valid yet; compare the clocks",
                    TokenProblem::NotForUs(text) => text,
                };
                ways.challenge_bearer(ApiError::of(ProblemCode::Unauthenticated, text))
            }
            Self::Ticket(TicketProblem::Invalid) => unauthorized(
                "the Kerberos ticket is not valid here; get a new one with kinit, and call the service by the name its keytab has",
            ),
            Self::Ticket(TicketProblem::SeveralRounds) => unauthorized(
                "the negotiation needs more than one round, which is not offered; let the client send a Kerberos ticket at once",
            ),
            Self::CannotJudge(pause) => ApiError::of(
                ProblemCode::Unavailable,
                "the credential cannot be checked at the moment; try again later",
            )
            .retry_after(pause),
        }
    }
}

fn malformed(text: impl Into<String>) -> ApiError {
    ApiError::of(ProblemCode::MalformedRequest, text)
}

impl Ways {
    /// Adds how a caller could prove who they are.
    pub(crate) fn challenge(self, error: ApiError) -> ApiError {
        self.challenge_with(error, "Bearer realm=\"iib\"")
    }

    /// The same for a caller whose bearer token was no good (RFC 6750, section 3).
    fn challenge_bearer(self, error: ApiError) -> ApiError {
        self.challenge_with(error, "Bearer realm=\"iib\", error=\"invalid_token\"")
    }

    fn challenge_with(self, mut error: ApiError, bearer: &'static str) -> ApiError {
        if self.negotiate {
            error = error.with_header(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Negotiate"),
            );
        }
        if self.bearer {
            error = error.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(bearer));
        }
        error
    }
}
