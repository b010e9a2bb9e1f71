//! How callers prove who they are (section 2). One file per way: [`proxy`], [`token`], [`oidc`], [`negotiate`].

mod config;
mod credential;
#[cfg_attr(not(feature = "kerberos"), path = "auth/negotiate/absent.rs")]
mod negotiate;
mod network;
mod oidc;
mod proxy;
mod refusal;
mod token;
mod user_name;

use std::fmt;

use http::HeaderMap;
use http::request::Parts;
use secrecy::ExposeSecret as _;

pub use config::{
    AuthConfig, BadAlgorithm, BadKeyUrl, JwtAlgorithm, KerberosConfig, KeyUrl, OidcConfig,
};
pub use network::{BadNetwork, ProxyNetwork};
pub use token::{BadTokenHash, NoRandomness, StaticToken, TokenHash, new_token};
pub use user_name::{BadUserName, UserName};

pub(crate) use negotiate::return_answer_token;
pub(crate) use refusal::Refused;

use self::credential::{Credential, Scheme};
use self::negotiate::Acceptor;
use self::oidc::Issuer;
use self::refusal::TokenProblem;
use crate::caller::Peer;
use crate::config::ServerConfig;

/// Why no caller could prove anything: the server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The client that asks the issuer cannot be made.
    #[error(
        "the issuer's keys cannot be asked for; check the certificate authorities given for it"
    )]
    Client(#[source] reqwest::Error),
    /// Kerberos is configured, and this program was built without it.
    #[error(
        "this program was built without Kerberos; build it with `--features kerberos`, or configure none"
    )]
    NoKerberos,
    /// The keytab has no key for the service.
    #[error(
        "Kerberos tickets for `{service}` cannot be accepted: {reason}; name a keytab with its key in the environment variable KRB5_KTNAME"
    )]
    Keytab {
        /// The configured name.
        service: String,
        /// What the Kerberos library says.
        reason: String,
    },
}

/// The user of a request as far as that costs nothing to find out: without asking an issuer, and without looking at tickets. For counting,
/// not for letting anybody in.
pub(crate) fn known_user(
    headers: &HeaderMap,
    peer: Option<Peer>,
    config: &ServerConfig,
) -> Option<UserName> {
    if let Some(user) = proxy::user(headers, peer, config).ok()? {
        return Some(user);
    }
    let credential = Credential::of(headers).ok()??;
    let bearer = credential.scheme == Scheme::Bearer;
    bearer
        .then(|| token::user_of(&config.auth.tokens, &credential.secret))?
        .cloned()
}

/// What is needed to judge credentials and outlives a request.
#[derive(Debug)]
pub(crate) struct Authenticator {
    issuer: Option<Issuer>,
    acceptor: Option<Acceptor>,
}

/// A caller who proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user: UserName,
    pub(crate) proof: Proof,
}

/// How a caller proved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A trusted proxy says so.
    Proxy,
    /// A token that the configuration knows.
    Token,
    /// A token that the issuer signed.
    Oidc,
    /// A Kerberos ticket.
    Kerberos,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proxy => "proxy",
            Self::Token => "token",
            Self::Oidc => "oidc",
            Self::Kerberos => "kerberos",
        })
    }
}

/// The kinds of credentials that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ways {
    bearer: bool,
    negotiate: bool,
}

impl Ways {
    fn include(self, scheme: Scheme) -> bool {
        match scheme {
            Scheme::Bearer => self.bearer,
            Scheme::Negotiate => self.negotiate,
            Scheme::Other => false,
        }
    }
}

impl Authenticator {
    /// Looks at the keytab, if there is to be one; the issuer is asked when somebody comes with its token.
    pub(crate) async fn new(config: &AuthConfig) -> Result<Self, AuthError> {
        let acceptor = match &config.kerberos {
            Some(kerberos) => Some(Acceptor::new(kerberos).await?),
            None => None,
        };
        Ok(Self {
            issuer: config.oidc.as_ref().map(Issuer::new).transpose()?,
            acceptor,
        })
    }

    /// The kinds of credentials that `config` has taken.
    pub(crate) fn ways(&self, config: &ServerConfig) -> Ways {
        Ways {
            bearer: self.issuer.is_some() || !config.auth.tokens.is_empty(),
            negotiate: self.acceptor.is_some(),
        }
    }

    /// Who sent a request; nobody in particular if it has no credential. A credential that is there counts: a wrong one is refused, and
    /// so are two.
    pub(crate) async fn identify(
        &self,
        parts: &Parts,
        config: &ServerConfig,
    ) -> Result<Option<Identity>, Refused> {
        let proxied = proxy::user(&parts.headers, Peer::of(&parts.extensions), config)?;
        let credential = Credential::of(&parts.headers)?;
        match (proxied, credential) {
            (None, None) => Ok(None),
            (Some(_), Some(credential)) if self.ways(config).include(credential.scheme) => {
                Err(Refused::Several(config.user_header.clone()))
            }
            // A credential that nobody here can judge is one that the proxy has judged and handed on.
            (Some(user), _) => Ok(Some(Identity {
                user,
                proof: Proof::Proxy,
            })),
            (None, Some(credential)) => self.judge(&credential, parts, config).await.map(Some),
        }
    }

    async fn judge(
        &self,
        credential: &Credential,
        parts: &Parts,
        config: &ServerConfig,
    ) -> Result<Identity, Refused> {
        match (credential.scheme, &self.acceptor) {
            (Scheme::Bearer, _) if self.ways(config).bearer => {
                self.judge_token(credential, config).await
            }
            (Scheme::Negotiate, Some(acceptor)) => {
                let user = acceptor.user_of(&credential.secret, parts).await?;
                let proof = Proof::Kerberos;
                Ok(Identity { user, proof })
            }
            _ => Err(Refused::UnknownScheme),
        }
    }

    async fn judge_token(
        &self,
        credential: &Credential,
        config: &ServerConfig,
    ) -> Result<Identity, Refused> {
        let token = &credential.secret;
        if let Some(user) = token::user_of(&config.auth.tokens, token) {
            return Ok(Identity {
                user: user.clone(),
                proof: Proof::Token,
            });
        }
        match &self.issuer {
            Some(issuer) if oidc::has_form(token.expose_secret()) => {
                let user = issuer.user_of(token).await?;
                let proof = Proof::Oidc;
                Ok(Identity { user, proof })
            }
            _ => Err(Refused::Token(TokenProblem::Unknown)),
        }
    }
}
