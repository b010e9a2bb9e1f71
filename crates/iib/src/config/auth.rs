//! `[auth]`: how callers prove who they are, and who has more rights than others.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use server::{AuthConfig, JwtAlgorithm, KerberosConfig, KeyUrl, OidcConfig, StaticToken, UserName};

use super::words::HIDDEN;

/// A clock that is further off than this should be set right; meanwhile tokens would live on after their end.
const MAX_LEEWAY_SECONDS: u64 = 600;

/// Callers wait for the issuer, so it may not take for ever.
const MAX_TIMEOUT_SECONDS: u64 = 30;

/// `[auth]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuthSection {
    /// Bearer tokens, known by their hash.
    pub(crate) tokens: Vec<TokenEntry>,
    /// The issuer whose bearer tokens are believed.
    pub(crate) oidc: Option<OidcSection>,
    /// Present: Kerberos tickets are accepted.
    pub(crate) kerberos: Option<KerberosSection>,
    /// Users that may overwrite an index without a token of their own.
    pub(crate) privileged_usernames: BTreeSet<String>,
    /// Users whose requests always overwrite the index they start from.
    pub(crate) forced_overwrite_usernames: BTreeSet<String>,
}

/// One of `[[auth.tokens]]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenEntry {
    /// Whose token it is.
    pub(crate) user: UserNameText,
    /// What it hashes to. Somebody may put the token itself here, and errors show lines of the file; so it is read as a secret first.
    #[serde(serialize_with = "hidden")]
    pub(crate) sha256: SecretString,
}

fn hidden<S: Serializer>(_: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(HIDDEN)
}

/// `[auth.oidc]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OidcSection {
    /// The issuer, exactly as it writes itself into its tokens.
    pub(crate) issuer: KeyUrlText,
    /// For whom tokens must be made.
    pub(crate) audiences: BTreeSet<String>,
    /// Where the keys are, if not where the issuer's metadata says.
    pub(crate) jwks_uri: Option<KeyUrlText>,
    /// How tokens may be signed.
    pub(crate) algorithms: Option<BTreeSet<JwtAlgorithmText>>,
    /// The claim that names the user.
    pub(crate) user_claim: Option<String>,
    /// Certificate authorities to trust beside the system's (PEM files).
    #[serde(default)]
    pub(crate) ca: Vec<PathBuf>,
    /// Seconds that the issuer's clock may be off.
    pub(crate) leeway_seconds: Option<u64>,
    /// Seconds that one question to the issuer may take.
    pub(crate) timeout_seconds: Option<u64>,
}

/// `[auth.kerberos]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KerberosSection {
    /// The service that tickets are for.
    pub(crate) service: String,
}

impl Default for KerberosSection {
    fn default() -> Self {
        let KerberosConfig { service } = KerberosConfig::default();
        Self { service }
    }
}

/// Declares how a type of `server` is written in the file.
macro_rules! text {
    ($(#[doc = $doc:literal] $text:ident($inner:ty);)+) => {$(
        #[doc = $doc]
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub(crate) struct $text(pub(crate) $inner);

        impl TryFrom<String> for $text {
            type Error = <$inner as std::str::FromStr>::Err;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse().map(Self)
            }
        }

        impl From<$text> for String {
            fn from(text: $text) -> Self {
                text.0.to_string()
            }
        }
    )+};
}

text! {
    /// The name of a user in the file.
    UserNameText(UserName);
    /// An address that keys may come from, in the file.
    KeyUrlText(KeyUrl);
    /// A way to sign, in the file.
    JwtAlgorithmText(JwtAlgorithm);
}

impl PartialOrd for JwtAlgorithmText {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for JwtAlgorithmText {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl AuthSection {
    /// What the server is told. Reads the certificate authorities.
    pub(crate) fn for_server(&self) -> anyhow::Result<AuthConfig> {
        Ok(AuthConfig {
            tokens: self.tokens()?,
            oidc: self
                .oidc
                .as_ref()
                .map(OidcSection::for_server)
                .transpose()?,
            kerberos: self.kerberos.as_ref().map(|section| KerberosConfig {
                service: section.service.clone(),
            }),
            privileged_usernames: self.privileged_usernames.clone(),
            forced_overwrite_usernames: self.forced_overwrite_usernames.clone(),
        })
    }

    fn tokens(&self) -> anyhow::Result<Vec<StaticToken>> {
        let mut known: Vec<StaticToken> = Vec::new();
        for TokenEntry { user, sha256 } in &self.tokens {
            let UserNameText(user) = user;
            let hash = sha256.expose_secret().parse().with_context(|| {
                format!("`auth.tokens` has a wrong `sha256` for the user `{user}`")
            })?;
            if let Some(other) = known.iter().find(|token| token.hash == hash) {
                bail!(
                    "`auth.tokens` has the same token for `{}` and for `{user}`; make one for each with `iib auth new-token`",
                    other.user
                );
            }
            let user = user.clone();
            known.push(StaticToken { user, hash });
        }
        Ok(known)
    }
}

impl OidcSection {
    fn for_server(&self) -> anyhow::Result<OidcConfig> {
        let Some(first) = self.audiences.first() else {
            bail!(
                "`auth.oidc.audiences` is empty; name the audience that the issuer gives tokens for this service"
            );
        };
        let mut config = OidcConfig::new(self.issuer.0.clone(), first.clone());
        config.audiences.clone_from(&self.audiences);
        config.jwks_uri = self.jwks_uri.as_ref().map(|text| text.0.clone());
        if let Some(algorithms) = &self.algorithms {
            ensure!(
                !algorithms.is_empty(),
                "`auth.oidc.algorithms` is empty; name at least one, or leave it out"
            );
            config.algorithms = algorithms.iter().map(|text| text.0).collect();
        }
        if let Some(claim) = &self.user_claim {
            config.user_claims = vec![claim.clone()];
        }
        for path in &self.ca {
            let pem = std::fs::read(path).with_context(|| {
                format!(
                    "the certificate authority `{}` of `auth.oidc.ca` could not be read",
                    path.display()
                )
            })?;
            config.extra_ca_pem.push(pem);
        }
        if let Some(seconds) = self.leeway_seconds {
            ensure!(
                seconds <= MAX_LEEWAY_SECONDS,
                "`auth.oidc.leeway_seconds` is {seconds}; it may be {MAX_LEEWAY_SECONDS} at most"
            );
            config.leeway = Duration::from_secs(seconds);
        }
        if let Some(seconds) = self.timeout_seconds {
            ensure!(
                (1..=MAX_TIMEOUT_SECONDS).contains(&seconds),
                "`auth.oidc.timeout_seconds` is {seconds}; it must be 1 to {MAX_TIMEOUT_SECONDS}"
            );
            config.timeout = Duration::from_secs(seconds);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OIDC: &str = "[oidc]\nissuer = 'https://sso.example.com/realms/main'\n";

    fn read(text: &str) -> anyhow::Result<AuthConfig> {
        toml::from_str::<AuthSection>(text)?.for_server()
    }

    #[track_caller]
    fn check_refused(text: &str, words: &[&str]) {
        let error = format!("{:#}", read(text).unwrap_err());
        for word in words {
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn nothing_is_on_by_default() {
        let config = read("").unwrap();
        assert!(config.tokens.is_empty() && config.oidc.is_none() && config.kerberos.is_none());
        assert!(config.privileged_usernames.is_empty());
        assert!(config.forced_overwrite_usernames.is_empty());
    }

    #[test]
    fn the_example_is_whole() {
        let text = include_str!("../../../../docs/iib.example.toml");
        let config: crate::config::Config = toml::from_str(text).unwrap();
        let config = config.auth.for_server().unwrap();
        assert_eq!(config.tokens.len(), 1);
        assert!(config.oidc.is_some() && config.kerberos.is_some());
    }

    #[test]
    fn every_key_reaches_the_server() {
        let hash = "ab".repeat(32);
        let config = read(&format!(
            "privileged_usernames = ['root']\nforced_overwrite_usernames = ['ci']\n\
             [[tokens]]\nuser = 'alice'\nsha256 = '{hash}'\n{OIDC}audiences = ['a', 'b']\n\
             jwks_uri = 'https://sso.example.com/keys'\nalgorithms = ['EdDSA']\nuser_claim = 'email'\n\
             leeway_seconds = 5\ntimeout_seconds = 7\n[kerberos]\nservice = 'HTTP@iib.example.com'"
        ))
        .unwrap();
        assert_eq!(config.privileged_usernames, ["root".to_owned()].into());
        assert_eq!(config.forced_overwrite_usernames, ["ci".to_owned()].into());
        let [token] = config.tokens.as_slice() else {
            panic!("{:?}", config.tokens)
        };
        assert_eq!(
            (token.user.as_str(), token.hash.to_string()),
            ("alice", hash)
        );
        let oidc = config.oidc.unwrap();
        assert_eq!(oidc.issuer.as_str(), "https://sso.example.com/realms/main");
        assert_eq!(oidc.audiences, ["a".to_owned(), "b".to_owned()].into());
        let keys = oidc.jwks_uri.unwrap();
        assert_eq!(keys.as_str(), "https://sso.example.com/keys");
        assert_eq!(oidc.algorithms, [JwtAlgorithm::EdDsa].into());
        assert_eq!(oidc.user_claims, ["email"]);
        assert_eq!(oidc.leeway, Duration::from_secs(5));
        assert_eq!(oidc.timeout, Duration::from_secs(7));
        let service = "HTTP@iib.example.com".to_owned();
        assert_eq!(config.kerberos, Some(KerberosConfig { service }));
        assert_eq!(
            read("[kerberos]").unwrap().kerberos.unwrap().service,
            "HTTP"
        );
    }

    #[test]
    fn mistakes_are_named_with_their_remedy() {
        let hash = "ab".repeat(32);
        check_refused(
            &format!("{OIDC}audiences = []"),
            &["auth.oidc.audiences", "name the audience"],
        );
        check_refused(OIDC, &["audiences"]);
        let oidc = format!("{OIDC}audiences = ['a']\n");
        for (more, words) in [
            ("algorithms = []", ["auth.oidc.algorithms", "leave it out"]),
            ("algorithms = ['HS256']", ["`HS256`", "RS256"]),
            ("leeway_seconds = 601", ["leeway_seconds", "600"]),
            ("timeout_seconds = 0", ["timeout_seconds", "1 to 30"]),
            (
                "jwks_uri = 'http://keys.example'",
                ["`http://keys.example`", "https"],
            ),
            (
                "ca = ['/does/not/exist']",
                ["auth.oidc.ca", "/does/not/exist"],
            ),
            ("issuers = 1", ["issuers", "unknown"]),
        ] {
            check_refused(&format!("{oidc}{more}"), &words);
        }
        check_refused(
            "[oidc]\nissuer = 'http://sso.example.com'\naudiences = ['a']",
            &["not protected"],
        );
        check_refused(
            &format!("[[tokens]]\nuser = ' '\nsha256 = '{hash}'"),
            &["name of a user"],
        );
        check_refused(
            &format!(
                "[[tokens]]\nuser = 'a'\nsha256 = '{hash}'\n[[tokens]]\nuser = 'b'\nsha256 = '{}'",
                hash.to_uppercase()
            ),
            &["`a`", "`b`", "new-token"],
        );
    }

    #[test]
    fn a_token_in_the_place_of_its_hash_is_not_printed() {
        let token = server::new_token().unwrap();
        let token = token.expose_secret();
        let text = format!("[[tokens]]\nuser = 'alice'\nsha256 = '{token}'");
        let error = format!("{:?}", read(&text).unwrap_err());
        assert!(error.contains("alice") && !error.contains(token), "{error}");
        let section = toml::from_str::<AuthSection>(&text).unwrap();
        assert!(!format!("{section:?}").contains(token));
    }
}
