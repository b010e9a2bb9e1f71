//! An operation: what is asked of which registry, with which rights, and how its failures read.

use std::error::Error as _;
use std::time::Duration;

use url::Url;

use super::address::{Endpoint, Refused};
use super::redact;
use crate::credentials::CredentialOrigin;
use crate::error::{ConnectionFault, Error};

/// One thing asked of a registry; it may take several requests.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// A short name for logs, such as `manifest.get`.
    pub(crate) name: &'static str,
    /// What is being done to which image, as error texts begin.
    pub(crate) what: String,
    pub(crate) endpoint: Endpoint,
    pub(crate) access: Access,
}

/// The rights an operation needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Access {
    /// The repository's path, by which credentials are chosen; empty for the registry as a whole.
    pub(crate) path: String,
    /// Token scopes, such as `repository:ns/app:pull`.
    pub(crate) scopes: Vec<String>,
}

impl Access {
    /// Access to the registry, but to no repository.
    pub(crate) fn registry() -> Self {
        Self {
            path: String::new(),
            scopes: Vec::new(),
        }
    }

    pub(crate) fn pull(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            scopes: vec![format!("repository:{path}:pull")],
        }
    }

    pub(crate) fn push(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            scopes: vec![format!("repository:{path}:pull,push")],
        }
    }

    /// Pushing into `path` what is mounted from `from`: without the right to read there, the registry refuses to mount.
    pub(crate) fn mount(path: &str, from: &str) -> Self {
        let mut access = Self::push(path);
        if from != path {
            access.scopes.push(format!("repository:{from}:pull"));
        }
        access
    }
}

impl Operation {
    pub(crate) fn unreachable(&self, source: reqwest::Error) -> Error {
        Error::Unreachable {
            what: self.what.clone(),
            registry: self.endpoint.name.clone(),
            fault: fault_of(&source),
            // The URL may hold secrets, and the text names what it was about.
            source: source.without_url(),
        }
    }

    pub(crate) fn timed_out(&self, after: Duration) -> Error {
        Error::TimedOut {
            what: self.what.clone(),
            registry: self.endpoint.name.clone(),
            after,
        }
    }

    pub(crate) fn unauthorized(&self, credentials: CredentialOrigin, message: String) -> Error {
        Error::Unauthorized {
            what: self.what.clone(),
            registry: self.endpoint.name.clone(),
            credentials: Box::new(credentials),
            message,
        }
    }

    pub(crate) fn denied(&self, credentials: CredentialOrigin, message: String) -> Error {
        Error::Denied {
            what: self.what.clone(),
            registry: self.endpoint.name.clone(),
            credentials: Box::new(credentials),
            message,
        }
    }

    pub(crate) fn protocol(&self, problem: impl Into<String>) -> Error {
        Error::Protocol {
            what: self.what.clone(),
            problem: problem.into(),
        }
    }

    /// The error for a URL in the registry's answer that is not followed.
    pub(crate) fn refused(&self, refused: Refused) -> Error {
        match refused {
            Refused::PlainHttp(url) => Error::PlainHttpRefused {
                what: self.what.clone(),
                url: redact::url(&url),
            },
            Refused::Unusable => self.protocol("it leads to something that is no web address"),
        }
    }

    /// The URL that `location` in an answer from `current` means.
    pub(crate) fn follow(
        &self,
        current: &Url,
        location: &str,
        config: &super::config::ClientConfig,
    ) -> Result<Url, Error> {
        self.endpoint
            .follow(current, location, config)
            .map_err(|refused| self.refused(refused))
    }
}

/// The TLS library's errors arrive boxed several layers deep, so only their text can be looked at; it decides about the
/// remedy and about trying again, nothing else.
fn fault_of(error: &reqwest::Error) -> ConnectionFault {
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if text.contains("InvalidContentType") {
            return ConnectionFault::NoTls;
        }
        if text.contains("invalid peer certificate") {
            return ConnectionFault::Certificate;
        }
        cause = error.source();
    }
    ConnectionFault::Passing
}
