//! Reading Docker's `config.json`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use serde::Deserialize;

use super::{Credential, CredentialOrigin, Credentials, CredentialsError, Secret, normalised};

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    auth: Option<SecretString>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<SecretString>,
    #[serde(default, rename = "identitytoken")]
    identity_token: Option<SecretString>,
}

pub(super) fn read(json: &[u8], origin: &str) -> Result<Credentials, CredentialsError> {
    let file: File = serde_json::from_slice(json).map_err(|source| CredentialsError::Format {
        origin: origin.to_owned(),
        source,
    })?;
    let mut credentials = Credentials {
        store: file.store.filter(|name| !name.is_empty()),
        searched: vec![origin.to_owned()],
        ..Credentials::default()
    };
    for (registry, name) in file.helpers {
        credentials.helpers.insert(normalised(&registry), name);
    }
    for (key, entry) in file.auths {
        let secret = secret_of(entry).map_err(|problem| CredentialsError::Entry {
            origin: origin.to_owned(),
            key: key.clone(),
            problem,
        })?;
        // Docker leaves an empty entry behind when a helper program keeps the secret.
        let Some(secret) = secret else { continue };
        let user = match &secret {
            Secret::Password { user, .. } => Some(user.clone()),
            Secret::IdentityToken(_) => None,
        };
        let credential = Credential {
            secret,
            origin: CredentialOrigin::Entry {
                user,
                file: origin.to_owned(),
                key: key.clone(),
            },
        };
        credentials.entries.insert(normalised(&key), credential);
    }
    Ok(credentials)
}

fn secret_of(entry: Entry) -> Result<Option<Secret>, &'static str> {
    use secrecy::ExposeSecret as _;
    let given = |secret: &SecretString| !secret.expose_secret().is_empty();
    if let Some(token) = entry.identity_token.filter(given) {
        return Ok(Some(Secret::IdentityToken(token)));
    }
    if let Some(encoded) = entry.auth.filter(given) {
        let decoded = STANDARD
            .decode(encoded.expose_secret().trim())
            .map_err(|_| "has an `auth` that is not base64")?;
        let text = String::from_utf8(decoded).map_err(|_| "has an `auth` that is not UTF-8")?;
        let (user, password) = text
            .split_once(':')
            .ok_or("has an `auth` that is not `user:password`")?;
        return Ok(Some(Secret::Password {
            user: user.to_owned(),
            // Docker once padded the password with NULs.
            password: password.trim_end_matches('\0').into(),
        }));
    }
    match (entry.username, entry.password.filter(given)) {
        (Some(user), Some(password)) => Ok(Some(Secret::Password { user, password })),
        (_, None) => Ok(None),
        (None, Some(_)) => Err("has a password but no user"),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    async fn password(json: &str, repository: &str) -> Option<(String, String)> {
        let credentials = read(json.as_bytes(), "config.json").unwrap();
        let found = credentials
            .lookup(&repository.parse().unwrap())
            .await
            .unwrap()?;
        Some(match found.secret {
            Secret::Password { user, password } => (user, password.expose_secret().to_owned()),
            Secret::IdentityToken(token) => {
                ("<token>".to_owned(), token.expose_secret().to_owned())
            }
        })
    }

    #[tokio::test]
    async fn each_form_of_an_entry_is_read() {
        let encoded = STANDARD.encode("me:pass:word");
        for (entry, user, secret) in [
            (format!(r#"{{"auth":"{encoded}"}}"#), "me", "pass:word"),
            (
                r#"{"username":"you","password":"secret"}"#.to_owned(),
                "you",
                "secret",
            ),
            (
                format!(r#"{{"auth":"{encoded}","identitytoken":"refresh"}}"#),
                "<token>",
                "refresh",
            ),
        ] {
            let json = format!(r#"{{"auths":{{"quay.io":{entry}}},"other":1}}"#);
            assert_eq!(
                password(&json, "quay.io/a").await.unwrap(),
                (user.to_owned(), secret.to_owned())
            );
        }
    }

    #[tokio::test]
    async fn an_empty_entry_counts_as_none() {
        assert_eq!(
            password(r#"{"auths":{"quay.io":{}}}"#, "quay.io/a").await,
            None
        );
    }

    #[test]
    fn damage_is_told_with_file_and_key_but_without_the_secret() {
        for json in [
            r#"{"auths":{"quay.io":{"auth":"hush~"}}}"#.to_owned(),
            format!(
                r#"{{"auths":{{"quay.io":{{"auth":"{}"}}}}}}"#,
                STANDARD.encode("hush")
            ),
        ] {
            let error = read(json.as_bytes(), "some/file").unwrap_err().to_string();
            assert!(error.contains("some/file"), "{error}");
            assert!(error.contains("quay.io"), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
        assert!(read(b"[", "x").unwrap_err().to_string().contains("`x`"));
    }
}
