//! Where a service is.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// The address of a service, with or without `/api/v1` at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl(Url);

/// Why a text is no address of a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the address of a service: {reason}; write it as `https://HOST[:PORT]`")]
pub struct ParseServerError {
    text: String,
    reason: String,
}

impl ServerUrl {
    /// Whether what is sent there can be read on the way: plain HTTP to another machine.
    pub fn is_exposed(&self) -> bool {
        let loopback = match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        self.0.scheme() == "http" && !loopback
    }

    /// The address of `path` below `/api/v1`, whose segments are escaped.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let base = self.0.path().trim_end_matches('/');
        url.set_path(&format!("{base}/api/v1/{path}"));
        url
    }
}

impl FromStr for ServerUrl {
    type Err = ParseServerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |reason: &str| ParseServerError {
            text: without_user(text),
            reason: reason.to_owned(),
        };
        let mut url = Url::parse(text).map_err(|error| refuse(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("it is neither https nor http"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("credentials do not belong into it"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it has a query or a fragment"));
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/api/v1").unwrap_or(path).to_owned();
        // `Url` has `/` for an empty path, to which more is appended later.
        url.set_path(path.trim_end_matches('/'));
        Ok(Self(url))
    }
}

/// The text without what stands before an `@`, which may be a password.
fn without_user(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => text.to_owned(),
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::ServerUrl;

    fn parse(text: &str) -> ServerUrl {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_may_name_the_api_and_lie_below_a_path() {
        for (text, expected) in [
            ("https://iib.example", "https://iib.example/api/v1/builds"),
            ("https://iib.example/", "https://iib.example/api/v1/builds"),
            (
                "https://iib.example/api/v1",
                "https://iib.example/api/v1/builds",
            ),
            (
                "https://iib.example/api/v1/",
                "https://iib.example/api/v1/builds",
            ),
            (
                "http://[::1]:8320/iib/",
                "http://[::1]:8320/iib/api/v1/builds",
            ),
        ] {
            assert_eq!(parse(text).join("builds").as_str(), expected);
        }
        assert_eq!(
            parse("https://iib.example/").to_string(),
            "https://iib.example"
        );
    }

    #[test]
    fn plain_http_is_exposed_unless_it_stays_on_this_machine() {
        for exposed in [
            "http://iib.example",
            "http://10.0.0.1",
            "http://localhost.example",
        ] {
            assert!(parse(exposed).is_exposed(), "{exposed}");
        }
        for safe in [
            "https://iib.example",
            "http://localhost:1",
            "http://127.0.0.2",
            "http://[::1]",
        ] {
            assert!(!parse(safe).is_exposed(), "{safe}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_a_password() {
        for wrong in [
            "",
            "iib.example",
            "ftp://iib.example",
            "https://u:secret@iib.example",
            "https://iib.example?x=1",
        ] {
            let error = wrong.parse::<ServerUrl>().unwrap_err().to_string();
            assert!(
                error.contains("https://HOST") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
