//! Asking a credential helper program (`docker-credential-<name> get`): the registry goes in, JSON comes out.

use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Credential, CredentialOrigin, CredentialsError, Secret};

/// Helpers may have to ask a cloud service; none should take longer than this.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than any credential; stops a program that prints for ever.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;
/// What a helper calls the user when the secret is an identity token.
const TOKEN_USER: &str = "<token>";

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    user: String,
    #[serde(rename = "Secret")]
    secret: SecretString,
}

/// What the helper `name` knows about `registry`; `None` when it says that it knows nothing.
pub(super) async fn get(
    name: &str,
    registry: &str,
) -> Result<Option<Credential>, CredentialsError> {
    let program = format!("docker-credential-{name}");
    // The name comes from a file: a path in it would start any program.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(unusable(
            &program,
            registry,
            "its name is not that of a program",
        ));
    }
    ask(&program, registry).await
}

async fn ask(program: &str, registry: &str) -> Result<Option<Credential>, CredentialsError> {
    // Helpers know Docker Hub by its old address only.
    let asked = match registry {
        "docker.io" => "https://index.docker.io/v1/",
        other => other,
    };
    let ran = tokio::time::timeout(PATIENCE, run(program, asked)).await;
    let (succeeded, output) = ran
        .map_err(|_| CredentialsError::HelperTimeout {
            program: program.to_owned(),
            registry: registry.to_owned(),
            after: PATIENCE,
        })?
        .map_err(|source| CredentialsError::HelperStart {
            program: program.to_owned(),
            source,
        })?;
    if !succeeded {
        let said = String::from_utf8_lossy(&output);
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(unusable(program, registry, "it failed"));
    }
    let answer: Answer = serde_json::from_slice(&output).map_err(|_| {
        unusable(
            program,
            registry,
            "it printed no JSON with `Username` and `Secret`",
        )
    })?;
    let (user, secret) = if answer.user == TOKEN_USER {
        (None, Secret::IdentityToken(answer.secret))
    } else {
        let secret = Secret::Password {
            user: answer.user.clone(),
            password: answer.secret,
        };
        (Some(answer.user), secret)
    };
    Ok(Some(Credential {
        secret,
        origin: CredentialOrigin::Helper {
            user,
            program: program.to_owned(),
        },
    }))
}

fn unusable(program: &str, registry: &str, problem: &'static str) -> CredentialsError {
    CredentialsError::HelperAnswer {
        program: program.to_owned(),
        registry: registry.to_owned(),
        problem,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "credential helpers are programs by definition, and only this module starts them"
)]
async fn run(program: &str, registry: &str) -> std::io::Result<(bool, Vec<u8>)> {
    let mut child = tokio::process::Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that exits without reading breaks the pipe; its exit status says more than that.
        let _ = input.write_all(registry.as_bytes()).await;
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout
            .take(MAX_ANSWER_BYTES)
            .read_to_end(&mut output)
            .await?;
    }
    let status = child.wait().await?;
    Ok((status.success(), output))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// What we make of a helper that is the shell script `script`.
    async fn asked(script: &str, registry: &str) -> Result<Option<Credential>, CredentialsError> {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("docker-credential-test");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        ask(program.to_str().unwrap(), registry).await
    }

    // One test for all answers: starting programs while another thread still writes one makes it "busy".
    #[tokio::test]
    async fn a_helper_answers_with_a_credential_or_nothing_or_fails() {
        let echo =
            r#"read -r registry; echo "{\"Username\":\"at $registry $1\",\"Secret\":\"hush\"}""#;
        let found = asked(echo, "quay.io").await.unwrap().unwrap();
        assert_eq!(found.user(), Some("at quay.io get"));
        assert!(
            found
                .origin()
                .to_string()
                .contains("docker-credential-test")
        );
        let found = asked(echo, "docker.io").await.unwrap().unwrap();
        assert_eq!(found.user(), Some("at https://index.docker.io/v1/ get"));

        let token = r#"echo '{"Username":"<token>","Secret":"hush"}'"#;
        let found = asked(token, "quay.io").await.unwrap().unwrap();
        assert!(matches!(found.secret, Secret::IdentityToken(_)));

        let nothing = "echo credentials not found in native keychain; exit 1";
        assert!(asked(nothing, "quay.io").await.unwrap().is_none());

        for script in ["echo hush; exit 1", "echo hush"] {
            let error = asked(script, "quay.io").await.unwrap_err();
            assert!(matches!(error, CredentialsError::HelperAnswer { .. }));
            assert!(!error.to_string().contains("hush"), "{error}");
        }

        let error = get("that-nobody-has", "quay.io").await.unwrap_err();
        assert!(
            matches!(error, CredentialsError::HelperStart { .. }),
            "{error}"
        );
        assert!(
            error
                .to_string()
                .contains("docker-credential-that-nobody-has")
        );
    }

    #[tokio::test]
    async fn a_helper_is_named_without_a_path() {
        let error = get("../../bin/sh", "quay.io").await.unwrap_err();
        assert!(
            matches!(error, CredentialsError::HelperAnswer { .. }),
            "{error}"
        );
    }
}
