//! A client as the command line and the environment describe it.

use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, ensure};
use client::{Client, ClientConfig, Error, Retries};
use secrecy::{ExposeSecret as _, SecretString};

use crate::WrongUsage;
use crate::blocking::blocking;
use crate::cli::request::ServiceArgs;

/// Files of tokens, batches and deprecations are read up to here.
const MAX_FILE_BYTES: u64 = 64 << 20;

pub(super) async fn client(args: &ServiceArgs) -> anyhow::Result<Client> {
    let mut ca = Vec::new();
    for path in &args.ca {
        let pem = tokio::fs::read(path).await.with_context(|| {
            format!(
                "the certificate authority `{}` could not be read",
                path.display()
            )
        })?;
        ca.push(pem);
    }
    let config = ClientConfig {
        token: secret(args.token_file.as_deref(), "IIB_TOKEN").await?,
        ca,
        insecure: args.insecure,
        retries: Retries {
            attempts: args.retries.saturating_add(1),
            ..Retries::default()
        },
        ..ClientConfig::new(args.server.clone())
    };
    Client::new(config).map_err(|error| match error {
        Error::Exposed { .. } | Error::Token => WrongUsage(error.into()).into(),
        error => error.into(),
    })
}

/// A secret from a file, else from the environment: what stands on a command line, everybody on the machine can read.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the configuration that reads the environment"
)]
pub(super) async fn secret(
    file: Option<&Path>,
    variable: &str,
) -> anyhow::Result<Option<SecretString>> {
    let Some(file) = file else {
        let given = std::env::var(variable).ok();
        return Ok(given
            .filter(|text| !text.is_empty())
            .map(SecretString::from));
    };
    let text = SecretString::from(read(file).await?);
    let text = text.expose_secret().trim();
    ensure!(!text.is_empty(), "`{}` holds no token", file.display());
    Ok(Some(SecretString::from(text)))
}

/// The text of a file; `-` is standard input.
pub(super) async fn read(file: &Path) -> anyhow::Result<String> {
    let named = file.to_owned();
    let text = blocking(move || {
        let mut text = String::new();
        let input: Box<dyn Read> = if named == Path::new("-") {
            Box::new(std::io::stdin())
        } else {
            Box::new(std::fs::File::open(&named)?)
        };
        input.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
        anyhow::Ok(text)
    })
    .await
    .with_context(|| format!("`{}` could not be read", file.display()))?;
    ensure!(
        u64::try_from(text.len()).is_ok_and(|length| length <= MAX_FILE_BYTES),
        "`{}` is longer than {MAX_FILE_BYTES} bytes",
        file.display()
    );
    Ok(text)
}
