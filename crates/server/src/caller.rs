//! Who is calling (section 2), and what they may do.

use std::net::IpAddr;

use api::{Overwriter, ProblemCode};
use http::Extensions;
use http::request::Parts;

use crate::answer::ApiError;
use crate::auth::{Identity, UserName};
use crate::config::ServerConfig;
use crate::router::AppState;

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
pub(crate) struct Caller {
    user: Option<UserName>,
    privileged: bool,
    overwrites_always: bool,
}

impl Caller {
    fn new(identity: Option<Identity>, config: &ServerConfig) -> Self {
        let listed = |users: &std::collections::BTreeSet<String>| {
            let user = identity.as_ref().map(|identity| identity.user.as_str());
            user.is_some_and(|user| users.contains(user))
        };
        Self {
            privileged: listed(&config.auth.privileged_usernames),
            overwrites_always: listed(&config.auth.forced_overwrite_usernames),
            user: identity.map(|identity| identity.user),
        }
    }

    /// The user; none only where login is disabled.
    pub(crate) fn name(&self) -> Option<&str> {
        self.user.as_ref().map(UserName::as_str)
    }

    /// What they need to overwrite an index (section 6.2).
    pub(crate) fn overwriter(&self) -> Overwriter {
        match self.user {
            None => Overwriter::Anonymous,
            Some(_) if self.privileged => Overwriter::Privileged,
            Some(_) => Overwriter::User,
        }
    }

    /// Whether their requests overwrite the from-index even when they do not say so.
    pub(crate) fn overwrites_always(&self) -> bool {
        self.overwrites_always
    }
}

/// The caller of a request that may need a user: nobody in particular only where login is disabled. A credential that is there is judged
/// there too.
pub(crate) async fn require_user(
    parts: &Parts,
    app: &AppState,
    config: &ServerConfig,
) -> Result<Caller, ApiError> {
    let ways = app.auth.ways(config);
    let identified = app.auth.identify(parts, config).await;
    let identity = identified.map_err(|refused| refused.answer(ways))?;
    if let Some(identity) = &identity {
        tracing::debug!(user = %identity.user, proof = %identity.proof, "{} is calling", identity.user);
    } else if !config.login_disabled {
        return Err(ways.challenge(ApiError::of(
            ProblemCode::Unauthenticated,
            "this endpoint needs a user; log in and try again",
        )));
    }
    Ok(Caller::new(identity, config))
}

/// The caller of a request that only workers may send. Where login is disabled, nobody in particular may do so too (section 2).
pub(crate) async fn require_worker(
    parts: &Parts,
    app: &AppState,
    config: &ServerConfig,
) -> Result<Caller, ApiError> {
    let caller = require_user(parts, app, config).await?;
    match caller.name() {
        Some(name) if !config.worker_usernames.contains(name) => Err(ApiError::of(
            ProblemCode::Forbidden,
            "only workers may change requests; the service's operator lists them",
        )),
        Some(_) | None => Ok(caller),
    }
}
