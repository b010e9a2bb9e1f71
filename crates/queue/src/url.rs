//! The address of a broker, which holds a password.

use std::fmt;
use std::str::FromStr;

use lapin::uri::AMQPUri;
use secrecy::{ExposeSecret as _, SecretString};

/// Seconds between signs of life on an idle connection, where the address says nothing else; after two of them without one it counts as lost.
const HEARTBEAT: u16 = 15;

/// The address of a broker: `amqp://USER:PASSWORD@HOST[:PORT][/VHOST]`, or `amqps://…` for TLS. It prints without user and password.
#[derive(Clone)]
pub struct BrokerUrl {
    /// The parsed form prints its password, so it is made where it is needed.
    text: SecretString,
    shown: String,
}

/// Why a text is no address of a broker. The text itself may hold a password, so it is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is no address of a broker; write `amqp://USER:PASSWORD@HOST:PORT/VHOST`, or `amqps://` for TLS, with a name or an IPv4 address as host and `%2F` for a slash in names"
)]
pub struct ParseUrlError;

impl BrokerUrl {
    /// What the library needs.
    pub(crate) fn parsed(&self) -> Result<AMQPUri, ParseUrlError> {
        let mut uri = parse(self.text.expose_secret())?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        Ok(uri)
    }
}

fn parse(text: &str) -> Result<AMQPUri, ParseUrlError> {
    let url = url::Url::parse(text).map_err(|_| ParseUrlError)?;
    // The library would take a missing host, or one of IPv6, for `localhost`.
    if !matches!(url.host(), Some(url::Host::Domain(host)) if !host.is_empty()) {
        return Err(ParseUrlError);
    }
    let mut uri: AMQPUri = text.parse().map_err(|_| ParseUrlError)?;
    // `amqp://host/` names the empty virtual host by the letter; nobody means that.
    if uri.vhost.is_empty() {
        "/".clone_into(&mut uri.vhost);
    }
    Ok(uri)
}

impl FromStr for BrokerUrl {
    type Err = ParseUrlError;

    fn from_str(text: &str) -> Result<Self, ParseUrlError> {
        let uri = parse(text)?;
        let (scheme, host, port) = (uri.scheme, uri.authority.host, uri.authority.port);
        let vhost = match uri.vhost.as_str() {
            "/" => String::new(),
            other => format!("/{other}"),
        };
        Ok(Self {
            text: SecretString::from(text),
            shown: format!("{scheme}://{host}:{port}{vhost}"),
        })
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrokerUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::BrokerUrl;

    #[test]
    fn a_password_is_never_printed() {
        let url: BrokerUrl = "amqps://alice:s3cr3t@mq.example.com/iib".parse().unwrap();
        assert_eq!(url.to_string(), "amqps://mq.example.com:5671/iib");
        let debug = format!("{url:?}");
        assert!(
            !debug.contains("s3cr3t") && !debug.contains("alice"),
            "{debug}"
        );
        for wrong in [
            "http://alice:s3cr3t@mq",
            "amqp:s3cr3t",
            "s3cr3t",
            "amqp://s3cr3t:s3cr3t@mq:70000",
            "amqp://[::1]:5672",
            "",
        ] {
            let error = wrong.parse::<BrokerUrl>().unwrap_err().to_string();
            assert!(!error.contains("s3cr3t"), "{wrong}: {error}");
        }
    }

    #[test]
    fn no_virtual_host_and_a_lone_slash_are_the_default_one() {
        for text in [
            "amqp://127.0.0.1:1",
            "amqp://127.0.0.1:1/",
            "amqp://127.0.0.1:1/%2F",
        ] {
            let url: BrokerUrl = text.parse().unwrap();
            let parsed = url.parsed().unwrap();
            assert_eq!(parsed.vhost, "/", "{text}");
            assert_eq!(parsed.authority.host, "127.0.0.1");
            assert_eq!(parsed.query.heartbeat, Some(15));
            assert_eq!(url.to_string(), "amqp://127.0.0.1:1");
        }
    }
}
