//! Addresses: where a registry is spoken to, and which URLs of its answers we follow.

use std::net::IpAddr;

use url::{Host, Url};

use super::config::ClientConfig;
use crate::reference::RegistryHost;

/// Docker Hub's API does not live at the name people write.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// Where one registry is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// The registry as named in pull specs.
    pub(crate) name: RegistryHost,
    /// `scheme://address/`.
    base: Url,
}

/// Why a URL that a registry gave us is not followed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It would be spoken to without TLS; the URL.
    PlainHttp(Url),
    /// It is no URL for us.
    Unusable,
}

impl Endpoint {
    pub(crate) fn new(name: &RegistryHost, config: &ClientConfig) -> Result<Self, url::ParseError> {
        let address = match config.aliases.get(name) {
            Some(address) => address.as_str(),
            None if name.as_str() == DOCKER_HUB.0 => DOCKER_HUB.1,
            None => name.as_str(),
        };
        let https = Url::parse(&format!("https://{address}/"))?;
        let named = |hosts: &std::collections::BTreeSet<RegistryHost>| {
            hosts
                .iter()
                .any(|host| host == name || host.as_str() == address)
        };
        let plain = !named(&config.tls_registries)
            && (is_loopback(&https) || named(&config.insecure_registries));
        let base = if plain {
            Url::parse(&format!("http://{address}/"))?
        } else {
            https
        };
        Ok(Self {
            name: name.clone(),
            base,
        })
    }

    /// The URL of `path`, which starts with `v2/` and holds only characters that repository names, tags and digests have.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// Whether `url` leads to this registry itself, the only place that sees its credentials.
    pub(crate) fn is_home_of(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// The URL that `location` means in an answer from `current`.
    ///
    /// A registry behind an alias or a TLS-terminating proxy calls itself by its own name and scheme; such URLs are
    /// turned to the address we speak to. Any other address must have TLS, unless this registry itself is spoken to
    /// without and the other one may be as well.
    pub(crate) fn follow(
        &self,
        current: &Url,
        location: &str,
        config: &ClientConfig,
    ) -> Result<Url, Refused> {
        let mut url = current.join(location).map_err(|_| Refused::Unusable)?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(Refused::Unusable);
        }
        if self.is_called(&url) {
            let (path, query) = (url.path().to_owned(), url.query().map(str::to_owned));
            url = self.base.clone();
            url.set_path(&path);
            url.set_query(query.as_deref());
            return Ok(url);
        }
        if url.scheme() == "http" {
            let named = config
                .insecure_registries
                .iter()
                .any(|host| authority(&url) == host.as_str().to_ascii_lowercase());
            if self.base.scheme() != "http" || !(named || is_loopback(&url)) {
                return Err(Refused::PlainHttp(url));
            }
        }
        Ok(url)
    }

    /// Whether `url` names this registry, by address or by the name in pull specs.
    fn is_called(&self, url: &Url) -> bool {
        let authority = authority(url);
        authority == self::authority(&self.base)
            || authority == self.name.as_str().to_ascii_lowercase()
    }
}

/// Host and, unless it is the scheme's own, port.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Whether `url` stays on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> RegistryHost {
        text.parse().unwrap()
    }

    fn config() -> ClientConfig {
        ClientConfig {
            insecure_registries: [host("old.example"), host("old.example:5000")].into(),
            tls_registries: [host("localhost:8443")].into(),
            aliases: [(host("quay.io"), host("127.0.0.1:5000"))].into(),
            ..ClientConfig::default()
        }
    }

    #[test]
    fn only_loopback_and_insecure_registries_are_spoken_to_without_tls() {
        for (name, url) in [
            ("registry.example", "https://registry.example/v2/"),
            ("registry.example:5000", "https://registry.example:5000/v2/"),
            ("docker.io", "https://registry-1.docker.io/v2/"),
            ("localhost:5000", "http://localhost:5000/v2/"),
            ("127.0.0.1:5000", "http://127.0.0.1:5000/v2/"),
            ("[::1]:5000", "http://[::1]:5000/v2/"),
            ("[2001:db8::1]:5000", "https://[2001:db8::1]:5000/v2/"),
            ("localhost:8443", "https://localhost:8443/v2/"),
            ("old.example", "http://old.example/v2/"),
            ("old.example:1", "https://old.example:1/v2/"),
            ("10.0.0.1:5000", "https://10.0.0.1:5000/v2/"),
            ("quay.io", "http://127.0.0.1:5000/v2/"),
        ] {
            let endpoint = Endpoint::new(&host(name), &config()).unwrap();
            assert_eq!(endpoint.url("v2/").as_str(), url, "{name}");
        }
    }

    #[test]
    fn a_host_no_url_can_hold_is_an_error() {
        assert!(Endpoint::new(&host("1.2.3.999"), &config()).is_err());
    }

    fn follow(registry: &str, location: &str) -> Result<String, Refused> {
        let endpoint = Endpoint::new(&host(registry), &config()).unwrap();
        let current = endpoint.url("v2/a/blobs/uploads/");
        endpoint
            .follow(&current, location, &config())
            .map(String::from)
    }

    #[test]
    fn locations_are_resolved_and_names_turned_into_addresses() {
        for (registry, location, url) in [
            (
                "r.example",
                "/v2/a/b?_state=x%2Fy",
                "https://r.example/v2/a/b?_state=x%2Fy",
            ),
            ("r.example", "b", "https://r.example/v2/a/blobs/uploads/b"),
            (
                "r.example",
                "http://r.example/v2/a",
                "https://r.example/v2/a",
            ),
            (
                "r.example",
                "https://cdn.example/x?sig=1",
                "https://cdn.example/x?sig=1",
            ),
            (
                "quay.io",
                "https://quay.io/v2/a?x=1",
                "http://127.0.0.1:5000/v2/a?x=1",
            ),
            (
                "localhost:5000",
                "http://localhost:6000/x",
                "http://localhost:6000/x",
            ),
            (
                "old.example",
                "http://old.example:5000/x",
                "http://old.example:5000/x",
            ),
        ] {
            assert_eq!(
                follow(registry, location).unwrap(),
                url,
                "{registry} {location}"
            );
        }
    }

    #[test]
    fn nothing_leads_from_tls_to_plain_http() {
        for (registry, location) in [
            ("r.example", "http://cdn.example/x"),
            ("r.example", "http://127.0.0.1/x"),
            ("r.example", "http://old.example/x"),
            ("localhost:8443", "http://localhost:5000/x"),
            ("localhost:5000", "http://cdn.example/x"),
        ] {
            assert!(
                matches!(follow(registry, location), Err(Refused::PlainHttp(_))),
                "{registry} {location}"
            );
        }
        assert_eq!(
            follow("r.example", "ftp://r.example/x"),
            Err(Refused::Unusable)
        );
    }

    #[test]
    fn home_is_the_same_scheme_host_and_port_only() {
        let endpoint = Endpoint::new(&host("r.example"), &config()).unwrap();
        for (url, home) in [
            ("https://r.example/token", true),
            ("https://r.example:443/token", true),
            ("https://r.example:444/token", false),
            ("http://r.example/token", false),
            ("https://cdn.r.example/token", false),
        ] {
            assert_eq!(endpoint.is_home_of(&url.parse().unwrap()), home, "{url}");
        }
    }
}
