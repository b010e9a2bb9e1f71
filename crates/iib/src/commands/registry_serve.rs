//! `iib registry serve`: the embedded registry.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use registry::{Auth, Config, Password, Server, Tls};

use crate::cli::RegistryServeArgs;
use crate::{service, terminal};

/// Serves until interrupted.
pub(crate) async fn run(args: RegistryServeArgs) -> anyhow::Result<()> {
    let asked_to_end = service::termination()?;
    let mut config = Config::new(args.listen, &args.root);
    if let Some(path) = &args.users {
        config.auth = Some(Auth::Basic(users(path)?));
    }
    if let (Some(cert), Some(key)) = (&args.tls_cert, &args.tls_key) {
        config.tls = Some(Tls {
            cert_chain_pem: text(cert)?,
            key_pem: text(key)?,
        });
    }
    let running = Server::start(config).await.with_context(|| {
        format!(
            "the registry could not be started on {}; `--listen` takes another address",
            args.listen
        )
    })?;
    terminal::complain(&format!(
        "serving {} on {}; Ctrl-C ends",
        args.root.display(),
        running.addr()
    ));
    asked_to_end.await;
    running
        .shutdown()
        .await
        .context("the registry did not end cleanly")
}

fn users(path: &Path) -> anyhow::Result<BTreeMap<String, Password>> {
    let mut users = BTreeMap::new();
    for (number, line) in text(path)?
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        match line.split_once(':') {
            Some((user, password)) if !user.is_empty() => {
                users.insert(user.to_owned(), Password::new(password));
            }
            _ => bail!(
                "line {} of `{}` is not of the form `user:password`",
                number + 1,
                path.display()
            ),
        }
    }
    Ok(users)
}

fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("`{}` could not be read", path.display()))
}
