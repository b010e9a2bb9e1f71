//! `iib config check` and `iib config show`.

use std::path::Path;

use anyhow::Context as _;
use toml::Value;

use crate::cli::config::{ConfigArgs, ConfigCommand};
use crate::config::{Config, HIDDEN, Mistake, Mistakes, without_password};
use crate::terminal;

pub(crate) async fn run(command: ConfigCommand) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check(args) => check(&args).await,
        ConfigCommand::Show(args) => show(&args),
    }
}

async fn check(args: &ConfigArgs) -> anyhow::Result<()> {
    let file = args.config.as_deref();
    let config = Config::read(file)?;
    refuse_unusable_files(&config, file).await?;
    let name = file.map_or_else(
        || "the default configuration".to_owned(),
        |path| path.display().to_string(),
    );
    terminal::print(&format!("{name}: no mistakes"));
    Ok(())
}

/// Refuses a configuration that names files which cannot be used.
pub(crate) async fn refuse_unusable_files(
    config: &Config,
    file: Option<&Path>,
) -> anyhow::Result<()> {
    let found = config.problems_of_files().await.into_iter();
    let list: Vec<Mistake> = found
        .map(|(key, text)| Mistake {
            line: None,
            key,
            text,
        })
        .collect();
    if list.is_empty() {
        return Ok(());
    }
    let file = file.map(Path::to_owned);
    Err(Mistakes { file, list }.into())
}

fn show(args: &ConfigArgs) -> anyhow::Result<()> {
    let config = Config::read(args.config.as_deref())?.with_defaults();
    let mut table =
        toml::Table::try_from(config).context("the configuration could not be printed")?;
    for (key, value) in &mut table {
        hide(key, value);
    }
    let text = toml::to_string_pretty(&table).context("the configuration could not be printed")?;
    terminal::print(text.trim_end());
    Ok(())
}

/// Names of keys with secrets in them, or ends of such names.
const SECRETS: [&str; 4] = ["password", "passphrase", "secret", "token"];

/// Hides what the name of its key says to be a secret, and passwords in addresses.
fn hide(key: &str, value: &mut Value) {
    match value {
        Value::String(text) => {
            if SECRETS.iter().any(|secret| key.ends_with(secret)) {
                HIDDEN.clone_into(text);
            } else {
                *text = without_password(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide(key, item)),
        Value::Table(table) => table.iter_mut().for_each(|(key, item)| hide(key, item)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let mut value: Value = toml::from_str::<toml::Table>(
            "token = 'v1'\nuser = 'jane'\nmax_tokens = 3\ntokens_seen = 'fine'\n[broker]\nclient_secret = 'v2'\n\
             urls = ['amqps://jane:v3@x.example:5671/a?b', 'amqps://jane:v@4@x.example', 'https://x.example/@:']\n\
             [[auth]]\npassword = ['v5']\n",
        )
        .unwrap()
        .into();
        hide("", &mut value);
        let text = value.to_string();
        for secret in ["v1", "v2", "v3", "v@4", "v5"] {
            assert!(!text.contains(secret), "{text}");
        }
        for shown in [
            "jane",
            "fine",
            "amqps://jane:***@x.example:5671/a?b",
            "amqps://jane:***@x.example\"",
            "https://x.example/@:",
        ] {
            assert!(text.contains(shown), "{text}");
        }
    }
}
