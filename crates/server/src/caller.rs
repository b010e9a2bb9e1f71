//! Who is calling (section 2).

use std::net::IpAddr;

use api::{Overwriter, ProblemCode};
use http::request::Parts;
use http::{Extensions, HeaderMap};

use crate::answer::ApiError;
use crate::config::ServerConfig;

/// The host at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The connection is encrypted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secure;

impl Peer {
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}

/// Who sent a request, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller(Option<String>);

impl Caller {
    /// The user; none only where login is disabled.
    pub(crate) fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// What they need to overwrite an index.
    pub(crate) fn overwriter(&self) -> Overwriter {
        if self.0.is_some() {
            Overwriter::User
        } else {
            Overwriter::Anonymous
        }
    }

    /// Whether their requests overwrite the from-index even when they do not say so.
    pub(crate) fn overwrites_always(&self) -> bool {
        false
    }
}

/// The user of a request that may need one: none only where login is disabled.
pub(crate) fn require_user(parts: &Parts, config: &ServerConfig) -> Result<Caller, ApiError> {
    match proxied_user(&parts.headers, Peer::of(&parts.extensions), config)? {
        None if !config.login_disabled => Err(ApiError::of(
            ProblemCode::Unauthenticated,
            "this endpoint needs a user; log in and try again",
        )),
        user => Ok(Caller(user)),
    }
}

/// The caller of a request that only workers may send. Where login is disabled, nobody in particular may do so too (section 2).
pub(crate) fn require_worker(parts: &Parts, config: &ServerConfig) -> Result<Caller, ApiError> {
    let caller = require_user(parts, config)?;
    match caller.name() {
        Some(name) if !config.worker_usernames.contains(name) => Err(ApiError::of(
            ProblemCode::Forbidden,
            "only workers may change requests; the service's operator lists them",
        )),
        Some(_) | None => Ok(caller),
    }
}

/// The user a trusted proxy vouches for. From anybody else the header means nothing.
pub(crate) fn proxied_user(
    headers: &HeaderMap,
    peer: Option<Peer>,
    config: &ServerConfig,
) -> Result<Option<String>, ApiError> {
    if !peer.is_some_and(|peer| config.trusts(peer.0)) {
        return Ok(None);
    }
    let mut values = headers.get_all(&config.user_header).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    // A proxy that adds its own header to one the client sent would otherwise let the client choose who it is.
    if values.next().is_some() {
        return Err(malformed(format!(
            "the header {} must be sent once",
            config.user_header
        )));
    }
    let name = std::str::from_utf8(value.as_bytes())
        .map_err(|_| malformed(format!("the header {} must be UTF-8", config.user_header)))?;
    Ok(Some(name.trim())
        .filter(|name| !name.is_empty())
        .map(ToOwned::to_owned))
}

fn malformed(text: String) -> ApiError {
    ApiError::of(ProblemCode::MalformedRequest, text)
}
