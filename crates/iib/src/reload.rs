//! SIGHUP: the running service takes over what it can of the configuration as it is now.

use std::convert::Infallible;
use std::path::PathBuf;

use anyhow::Context as _;
use files::Files;
use server::ServerConfig;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::blocking::blocking;
use crate::config::Config;
use crate::service::{DataDir, Live, builder_config, server_config};
use crate::terminal;

/// Receives SIGHUP from now on, which would end the process otherwise.
pub(crate) fn hangups() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("signals cannot be received")
}

/// A service that reads its configuration again when it is told to.
pub(crate) struct Reload<'service> {
    /// The file it was started with.
    pub(crate) file: Option<PathBuf>,
    /// What is in force.
    pub(crate) running: Config,
    pub(crate) live: Live,
    pub(crate) data: &'service DataDir,
    /// The files of requests.
    pub(crate) files: Files,
}

impl Reload<'_> {
    /// Reads the file again at every hangup. It never ends by itself.
    pub(crate) async fn at_every(mut self, mut hangups: Signal) -> Infallible {
        loop {
            if hangups.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
            if let Err(error) = self.once().await {
                // Each mistake on a line of its own, as `iib config check` prints them.
                tracing::error!(
                    error = terminal::chain(&error),
                    "the configuration was not taken over; the running one stays"
                );
            }
        }
    }

    async fn once(&mut self) -> anyhow::Result<()> {
        let file = self.file.clone();
        let new = blocking(move || Config::read(file.as_deref())).await?;
        let next = self.running.taking_over(&new);
        let changed = self.running.differences(&next)?;
        // Both are made before either is put in force.
        let server = ServerConfig {
            metrics: self.live.server.snapshot().metrics.clone(),
            hand_over: self.live.server.snapshot().hand_over.clone(),
            ..server_config(&next, self.files.clone())?
        };
        let builder = builder_config(&next, self.data)?;
        self.live.server.replace(server);
        self.live.builder.replace(builder);
        for key in next.differences(&new)? {
            tracing::warn!(
                key,
                "`{key}` was changed, which takes effect at the next start"
            );
        }
        tracing::info!(
            changed = changed.join(", "),
            "the configuration was taken over"
        );
        self.running = next;
        Ok(())
    }
}
