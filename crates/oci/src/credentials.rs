//! Credentials: which user and secret belong to a repository, and where they were found.
//!
//! The format is Docker's `config.json` (`auths`, `credHelpers`, `credsStore`), with keys as precise as a repository,
//! as podman and the `OpenShift` pull secret have them.

mod docker_config;
mod helper;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use crate::reference::Repository;

/// Where to look for credentials. Cloning shares nothing mutable; printing shows no secrets.
#[derive(Clone, Default)]
pub struct Credentials {
    /// By normalised key: `registry[/namespace[/repository]]`.
    entries: BTreeMap<String, Credential>,
    /// Names of helper programs by registry.
    helpers: BTreeMap<String, String>,
    /// The name of the helper program for everything else.
    store: Option<String>,
    /// The files read, for error texts.
    searched: Vec<String>,
}

/// A user and a secret, knowing where they came from.
#[derive(Clone)]
pub struct Credential {
    pub(crate) secret: Secret,
    pub(crate) origin: CredentialOrigin,
}

/// What proves who we are.
#[derive(Clone)]
pub(crate) enum Secret {
    /// A user with a password.
    Password {
        user: String,
        password: SecretString,
    },
    /// A refresh token, to be exchanged for access tokens.
    IdentityToken(SecretString),
}

/// Where credentials came from, in words for an error text. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialOrigin {
    /// None fitted.
    Nowhere {
        /// The files looked into; empty when there were none.
        searched: Vec<String>,
    },
    /// An entry of a file, or given directly.
    Entry {
        /// The user; `None` for an identity token.
        user: Option<String>,
        /// The file, or who gave it.
        file: String,
        /// The key in it.
        key: String,
    },
    /// A helper program.
    Helper {
        /// The user; `None` for an identity token.
        user: Option<String>,
        /// The program, such as `docker-credential-desktop`.
        program: String,
    },
    /// The registry never asked who we are.
    NotAsked,
}

/// Why credentials could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("the credentials file `{path}` cannot be read; check that it exists and may be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file is no Docker config.
    #[error(
        "the credentials in `{origin}` are not a Docker `config.json`; log in again to write it anew"
    )]
    Format {
        /// The file, or who gave it.
        origin: String,
        /// What the parser says. It may quote a position but never the text.
        #[source]
        source: serde_json::Error,
    },
    /// An entry is damaged.
    #[error("the entry `{key}` in `{origin}` {problem}; log in to that registry again")]
    Entry {
        /// The file, or who gave it.
        origin: String,
        /// The key.
        key: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A helper program could not be run.
    #[error(
        "the credential helper `{program}` cannot be run; install it, or remove it from the credentials file"
    )]
    HelperStart {
        /// The program.
        program: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A helper program failed or answered nonsense.
    #[error(
        "the credential helper `{program}` has no usable answer for `{registry}`: {problem}; try it by hand"
    )]
    HelperAnswer {
        /// The program.
        program: String,
        /// The registry asked about.
        registry: String,
        /// What is wrong. Never what the helper printed on its output.
        problem: &'static str,
    },
    /// A helper program took too long.
    #[error(
        "the credential helper `{program}` did not answer for `{registry}` within {after:?}; try it by hand"
    )]
    HelperTimeout {
        /// The program.
        program: String,
        /// The registry asked about.
        registry: String,
        /// How long we waited.
        after: Duration,
    },
}

impl CredentialsError {
    /// Whether it is simply that there is no such file.
    pub fn is_missing_file(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether trying again could help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::HelperTimeout { .. })
    }
}

impl Credentials {
    /// No credentials: everything is asked for anonymously.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads a Docker `config.json`. Reads the file at once, so do it at start.
    ///
    /// # Errors
    /// [`CredentialsError`] when the file cannot be read ([`CredentialsError::is_missing_file`] tells that it is not there)
    /// or is damaged.
    pub fn from_docker_config(path: &Path) -> Result<Self, CredentialsError> {
        let json = std::fs::read(path).map_err(|source| CredentialsError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::from_docker_json(&json, &path.display().to_string())
    }

    /// Reads the text of a Docker `config.json` that came from `origin`, which error texts will name.
    ///
    /// # Errors
    /// [`CredentialsError::Format`] and [`CredentialsError::Entry`] when it is damaged.
    pub fn from_docker_json(json: &[u8], origin: &str) -> Result<Self, CredentialsError> {
        docker_config::read(json, origin)
    }

    /// Adds or replaces what is used for `key`, `registry[/namespace[/repository]]`. Other keys stay as they are.
    #[must_use]
    pub fn with(mut self, key: &str, user: &str, password: SecretString) -> Self {
        let credential = Credential {
            secret: Secret::Password {
                user: user.to_owned(),
                password,
            },
            origin: CredentialOrigin::Entry {
                user: Some(user.to_owned()),
                file: "the configuration".to_owned(),
                key: key.to_owned(),
            },
        };
        self.entries.insert(normalised(key), credential);
        self
    }

    /// The same with the entries of `other` over its own. The helper programs that `other` names are left out.
    #[must_use]
    pub fn with_entries_of(mut self, other: &Self) -> Self {
        self.entries.extend(other.entries.clone());
        self.searched.extend(other.searched.iter().cloned());
        self
    }

    /// The credential for `repository`: the most precise entry that covers it, else what the registry's helper
    /// program says, else what the general one says.
    ///
    /// # Errors
    /// [`CredentialsError`] when a helper program fails. Its saying that it knows none is no failure.
    pub async fn lookup(
        &self,
        repository: &Repository,
    ) -> Result<Option<Credential>, CredentialsError> {
        self.lookup_path(repository.registry().as_str(), repository.path())
            .await
    }

    /// As [`Credentials::lookup`]; an empty `path` asks for the registry as a whole.
    pub(crate) async fn lookup_path(
        &self,
        registry: &str,
        path: &str,
    ) -> Result<Option<Credential>, CredentialsError> {
        let registry = normalised(registry);
        if let Some(entry) = self.entry(&registry, path) {
            return Ok(Some(entry.clone()));
        }
        match self.helpers.get(&registry).or(self.store.as_ref()) {
            Some(name) => helper::get(name, &registry).await,
            None => Ok(None),
        }
    }

    /// What to say when nothing fitted.
    pub(crate) fn nowhere(&self) -> CredentialOrigin {
        CredentialOrigin::Nowhere {
            searched: self.searched.clone(),
        }
    }

    fn entry(&self, registry: &str, path: &str) -> Option<&Credential> {
        let full = if path.is_empty() {
            registry.to_owned()
        } else {
            format!("{registry}/{path}")
        };
        let mut key = full.as_str();
        loop {
            if let Some(found) = self.entries.get(key) {
                return Some(found);
            }
            key = key.rsplit_once('/')?.0;
        }
    }
}

/// A key as we compare it: no scheme, no API version, no trailing slash, and one name for Docker Hub.
fn normalised(key: &str) -> String {
    let rest = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"));
    // Only the old URL form carries an API version; `registry/v2` without a scheme is a namespace.
    let rest = match rest {
        Some(rest) => {
            let rest = rest.trim_end_matches('/');
            rest.strip_suffix("/v1")
                .or_else(|| rest.strip_suffix("/v2"))
                .unwrap_or(rest)
        }
        None => key.trim_end_matches('/'),
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        other => other.to_ascii_lowercase(),
    };
    if path.is_empty() {
        host
    } else {
        format!("{host}/{path}")
    }
}

impl Credential {
    /// Where it came from.
    pub fn origin(&self) -> &CredentialOrigin {
        &self.origin
    }

    /// The user; `None` for an identity token.
    pub fn user(&self) -> Option<&str> {
        match &self.secret {
            Secret::Password { user, .. } => Some(user),
            Secret::IdentityToken(_) => None,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.origin)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("keys", &self.entries.keys().collect::<Vec<_>>())
            .field("helpers", &self.helpers)
            .field("store", &self.store)
            .field("searched", &self.searched)
            .finish()
    }
}

impl fmt::Display for CredentialOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = |user: &Option<String>| match user {
            Some(user) => format!("user `{user}`"),
            None => "an identity token".to_owned(),
        };
        match self {
            Self::Nowhere { searched } if searched.is_empty() => {
                f.write_str("none, because no credentials file is configured")
            }
            Self::Nowhere { searched } => write!(f, "none found in `{}`", searched.join("`, `")),
            Self::Entry { user, file, key } => {
                write!(f, "{} from `{file}`, key `{key}`", who(user))
            }
            Self::Helper { user, program } => {
                write!(f, "{} from the helper `{program}`", who(user))
            }
            Self::NotAsked => f.write_str("not asked for"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(keys: &[&str]) -> Credentials {
        keys.iter().fold(Credentials::none(), |all, key| {
            all.with(key, &format!("user of {key}"), "hush-hush".into())
        })
    }

    async fn user_for(credentials: &Credentials, repository: &str) -> Option<String> {
        let repository: Repository = repository.parse().unwrap();
        let found = credentials.lookup(&repository).await.unwrap();
        found.and_then(|found| found.user().map(str::to_owned))
    }

    #[tokio::test]
    async fn the_most_precise_key_wins_and_ends_at_a_slash() {
        let credentials = keyed(&["quay.io", "quay.io/ns", "quay.io/ns/app"]);
        for (repository, key) in [
            ("quay.io/ns/app", "quay.io/ns/app"),
            ("quay.io/ns/app/sub", "quay.io/ns/app"),
            ("quay.io/ns/app2", "quay.io/ns"),
            ("quay.io/ns2/app", "quay.io"),
        ] {
            let user = user_for(&credentials, repository).await;
            assert_eq!(user.unwrap(), format!("user of {key}"), "{repository}");
        }
        assert_eq!(user_for(&credentials, "quay.io:443/ns/app").await, None);
        assert_eq!(user_for(&credentials, "evilquay.io/ns/app").await, None);
    }

    #[tokio::test]
    async fn old_forms_of_keys_are_understood() {
        for (key, repository) in [
            ("https://index.docker.io/v1/", "busybox"),
            ("index.docker.io", "docker.io/user/app"),
            ("https://quay.io", "quay.io/ns/app"),
            ("https://quay.io/v2/", "quay.io/ns/app"),
            ("http://localhost:5000/", "localhost:5000/app"),
            ("Registry.Example", "registry.example/app"),
        ] {
            let user = user_for(&keyed(&[key]), repository).await;
            assert!(user.is_some(), "{key} for {repository}");
        }
    }

    #[test]
    fn no_secret_is_ever_printed() {
        let credentials = keyed(&["quay.io"]);
        let entry = credentials.entries["quay.io"].clone();
        let printed = format!(
            "{credentials:?} {entry:?} {:?} {}",
            entry.origin, entry.origin
        );
        assert!(!printed.contains("hush"), "{printed}");
        assert!(printed.contains("user of quay.io"), "{printed}");
    }

    #[test]
    fn the_origin_reads_as_a_sentence_part() {
        let origin = keyed(&["quay.io"]).entries["quay.io"].origin.to_string();
        assert_eq!(
            origin,
            "user `user of quay.io` from `the configuration`, key `quay.io`"
        );
        assert!(
            Credentials::none()
                .nowhere()
                .to_string()
                .contains("no credentials file")
        );
    }
}
