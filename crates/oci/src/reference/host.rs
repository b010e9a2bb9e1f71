//! Registries by name: a host with an optional port.

use std::fmt;
use std::str::FromStr;

use super::error::{ParseError, Problem};

/// The registry part of a pull spec: `quay.io`, `localhost:5000`, `[::1]:5000`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryHost(String);

impl RegistryHost {
    /// The text as it stands in a pull spec.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without its port, and without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        let host = match self.0.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.0,
        };
        host.strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(host)
    }

    /// Whether the host is this machine's loopback: the only ones reached over plain HTTP without being told to.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for RegistryHost {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseError::new(text, Problem::Registry(text.to_owned()));
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or_else(wrong)?;
                address.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
                match port {
                    "" => ("v6", None),
                    port => ("v6", Some(port.strip_prefix(':').ok_or_else(wrong)?)),
                }
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let component = |part: &str| {
            !part.is_empty()
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !host.split('.').all(component) || !port.is_none_or(is_port) {
            return Err(wrong());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Digits alone: a parser of numbers would let a sign pass.
fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_recognised_with_and_without_port() {
        for (host, loopback) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:1", true),
            ("[::1]:5000", true),
            ("[::1]", true),
            ("quay.io", false),
            ("10.0.0.1:5000", false),
            ("localhost.example", false),
        ] {
            assert_eq!(
                host.parse::<RegistryHost>().unwrap().is_loopback(),
                loopback,
                "{host}"
            );
        }
    }

    #[test]
    fn a_port_is_a_number_in_digits() {
        assert!("a:65535".parse::<RegistryHost>().is_ok());
        for text in [
            "a:",
            "a:+80",
            "a:-1",
            "a:65536",
            "a:x",
            "[::1]:+80",
            "[::1]80",
        ] {
            assert!(text.parse::<RegistryHost>().is_err(), "{text}");
        }
    }
}
