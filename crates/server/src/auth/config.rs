//! What the server has to be told about callers.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use url::{Host, Url};

use super::token::StaticToken;

/// How callers may prove who they are, beside the word of a trusted proxy, and which users have more rights than others.
#[derive(Clone, Debug, Default)]
pub struct AuthConfig {
    /// Bearer tokens that are known by their hash. Default none.
    pub tokens: Vec<StaticToken>,
    /// The issuer whose bearer tokens are believed. Default none.
    pub oidc: Option<OidcConfig>,
    /// How Kerberos tickets are accepted. Default: they are not.
    pub kerberos: Option<KerberosConfig>,
    /// Users that may overwrite an index without a token of their own; the service's credentials are used. Default none.
    pub privileged_usernames: BTreeSet<String>,
    /// Users whose requests overwrite the index they start from, whatever they say. Default none.
    pub forced_overwrite_usernames: BTreeSet<String>,
}

/// An `OpenID` Connect issuer, and which of its tokens are meant for this service.
#[derive(Clone, Debug)]
pub struct OidcConfig {
    /// The issuer, exactly as it writes itself into its tokens.
    pub issuer: KeyUrl,
    /// Where its keys are. Default: where its metadata at `{issuer}/.well-known/openid-configuration` says.
    pub jwks_uri: Option<KeyUrl>,
    /// For whom a token must be made: one of these. Tokens of the same issuer for other services are none for this one.
    pub audiences: BTreeSet<String>,
    /// How it may be signed. Default RS256, PS256, ES256.
    pub algorithms: BTreeSet<JwtAlgorithm>,
    /// The claims that may name the user; the first one present counts. Default `preferred_username`, `sub`.
    pub user_claims: Vec<String>,
    /// Certificate authorities to trust beside the system's, as PEM. Default none.
    pub extra_ca_pem: Vec<Vec<u8>>,
    /// How far the issuer's clock may be off. Default 60 seconds.
    pub leeway: Duration,
    /// How long one question to the issuer may take. Default 5 seconds.
    pub timeout: Duration,
    /// How long keys are used without looking for newer ones. Default 10 minutes.
    pub max_key_age: Duration,
    /// How much longer they are used while the issuer is away. Default 1 hour.
    pub max_key_staleness: Duration,
    /// The shortest time between two looks for newer keys, whatever callers come with. Default 10 seconds.
    pub refresh_pause: Duration,
}

impl OidcConfig {
    /// The tokens of `issuer` for `audience`, and the defaults.
    pub fn new(issuer: KeyUrl, audience: impl Into<String>) -> Self {
        Self {
            issuer,
            jwks_uri: None,
            audiences: BTreeSet::from([audience.into()]),
            algorithms: BTreeSet::from([
                JwtAlgorithm::Rs256,
                JwtAlgorithm::Ps256,
                JwtAlgorithm::Es256,
            ]),
            user_claims: ["preferred_username", "sub"].map(str::to_owned).to_vec(),
            extra_ca_pem: Vec::new(),
            leeway: Duration::from_mins(1),
            timeout: Duration::from_secs(5),
            max_key_age: Duration::from_mins(10),
            max_key_staleness: Duration::from_hours(1),
            refresh_pause: Duration::from_secs(10),
        }
    }
}

/// How Kerberos tickets are accepted. The keytab is the one that `KRB5_KTNAME` or the Kerberos configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KerberosConfig {
    /// For which service tickets must be made: a name (`HTTP`, for every host in the keytab) or one with its host
    /// (`HTTP@iib.example.com`). Default `HTTP`.
    pub service: String,
}

impl Default for KerberosConfig {
    fn default() -> Self {
        Self {
            service: "HTTP".to_owned(),
        }
    }
}

/// An address that keys may come from: HTTPS, or HTTP on loopback. Who can change a key on its way can be anybody.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyUrl {
    /// As it was written: issuers are compared letter by letter.
    text: String,
    url: Url,
}

impl KeyUrl {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Where an issuer of this name publishes its metadata (`OpenID` Connect Discovery 1.0, section 4).
    pub(super) fn metadata(&self) -> Url {
        let mut url = self.url.clone();
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{path}/.well-known/openid-configuration"));
        url
    }
}

impl fmt::Debug for KeyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyUrl({})", self.text)
    }
}

impl fmt::Display for KeyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for KeyUrl {
    type Err = BadKeyUrl;

    fn from_str(text: &str) -> Result<Self, BadKeyUrl> {
        let url = Url::parse(text).map_err(|_| BadKeyUrl::Form)?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(BadKeyUrl::Form);
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(BadKeyUrl::Unprotected(text.to_owned())),
        }
        Ok(Self {
            text: text.to_owned(),
            url,
        })
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).to_canonical().is_loopback(),
        None => false,
    }
}

/// A text is no address that keys may come from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadKeyUrl {
    /// It is no address, or holds a user, a password or a fragment. It is not repeated, because of the password.
    #[error(
        "the address of an issuer or of its keys is an absolute URL without user, password and fragment, such as `https://sso.example.com/realms/main`"
    )]
    Form,
    /// Anybody on the way could change what it gives.
    #[error("`{0}` is not protected; use an address with https (http is for loopback alone)")]
    Unprotected(String),
}

/// How an issuer may sign. Only with private keys: whoever can check such a signature still cannot make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of RFC 7518, section 3.1")]
pub enum JwtAlgorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl JwtAlgorithm {
    const ALL: [(&str, Self, Algorithm); 9] = [
        ("RS256", Self::Rs256, Algorithm::RS256),
        ("RS384", Self::Rs384, Algorithm::RS384),
        ("RS512", Self::Rs512, Algorithm::RS512),
        ("PS256", Self::Ps256, Algorithm::PS256),
        ("PS384", Self::Ps384, Algorithm::PS384),
        ("PS512", Self::Ps512, Algorithm::PS512),
        ("ES256", Self::Es256, Algorithm::ES256),
        ("ES384", Self::Es384, Algorithm::ES384),
        ("EdDSA", Self::EdDsa, Algorithm::EdDSA),
    ];

    /// What the header of a token says, unless it is signed with a shared secret.
    pub(super) fn of(algorithm: Algorithm) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(_, ours, theirs)| (theirs == algorithm).then_some(ours))
    }
}

impl fmt::Display for JwtAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = Self::ALL.into_iter();
        f.write_str(
            all.find_map(|(name, ours, _)| (ours == *self).then_some(name))
                .unwrap_or_default(),
        )
    }
}

impl FromStr for JwtAlgorithm {
    type Err = BadAlgorithm;

    fn from_str(text: &str) -> Result<Self, BadAlgorithm> {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(name, ours, _)| (name == text).then_some(ours))
            .ok_or_else(|| BadAlgorithm(text.to_owned()))
    }
}

/// A text is no algorithm that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no algorithm with a private key; there are RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA"
)]
pub struct BadAlgorithm(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_https_or_from_loopback() {
        for good in [
            "https://sso.example.com/realms/main",
            "http://127.0.0.1:8080",
            "http://[::1]:8080/a",
            "http://localhost/a/",
        ] {
            assert_eq!(good.parse::<KeyUrl>().unwrap().as_str(), good);
        }
        for bad in [
            "http://sso.example.com",
            "http://10.0.0.1",
            "ftp://localhost",
        ] {
            assert_eq!(
                bad.parse::<KeyUrl>(),
                Err(BadKeyUrl::Unprotected(bad.to_owned()))
            );
        }
        for bad in [
            "",
            "sso.example.com",
            "https://u:p@sso.example.com",
            "https://a/#b",
        ] {
            assert_eq!(bad.parse::<KeyUrl>(), Err(BadKeyUrl::Form), "{bad}");
        }
    }

    #[test]
    fn metadata_lies_below_the_issuer() {
        for issuer in ["https://a.example/b", "https://a.example/b/"] {
            assert_eq!(
                issuer.parse::<KeyUrl>().unwrap().metadata().as_str(),
                "https://a.example/b/.well-known/openid-configuration"
            );
        }
        let bare = "https://a.example".parse::<KeyUrl>().unwrap().metadata();
        assert_eq!(
            bare.as_str(),
            "https://a.example/.well-known/openid-configuration"
        );
    }

    #[test]
    fn shared_secrets_are_no_algorithm() {
        assert_eq!("ES256".parse(), Ok(JwtAlgorithm::Es256));
        for bad in ["HS256", "none", "", "es256"] {
            assert!(bad.parse::<JwtAlgorithm>().is_err(), "{bad}");
        }
        assert_eq!(JwtAlgorithm::of(Algorithm::HS512), None);
        assert_eq!(
            JwtAlgorithm::of(Algorithm::EdDSA),
            Some(JwtAlgorithm::EdDsa)
        );
    }
}
