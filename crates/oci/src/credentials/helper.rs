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
    let wrong = |problem: String| CredentialsError::HelperAnswer {
        program: program.clone(),
        registry: registry.to_owned(),
        problem,
    };
    // The name comes from a file: a path in it would start any program.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(wrong("its name is not that of a program".to_owned()));
    }
    // Helpers know Docker Hub by its old address only.
    let asked = match registry {
        "docker.io" => "https://index.docker.io/v1/",
        other => other,
    };
    let ran = tokio::time::timeout(PATIENCE, run(&program, asked)).await;
    let (succeeded, output) = ran
        .map_err(|_| CredentialsError::HelperTimeout {
            program: program.clone(),
            registry: registry.to_owned(),
            after: PATIENCE,
        })?
        .map_err(|source| CredentialsError::HelperStart {
            program: program.clone(),
            source,
        })?;
    if !succeeded {
        let said = String::from_utf8_lossy(&output);
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(wrong("it failed".to_owned()));
    }
    let answer: Answer = serde_json::from_slice(&output)
        .map_err(|_| wrong("it did not print JSON with `Username` and `Secret`".to_owned()))?;
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
        origin: CredentialOrigin::Helper { user, program },
    }))
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
