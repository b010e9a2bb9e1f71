//! The configuration in force, which may be replaced while the server runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::config::ServerConfig;

/// The configuration in force. Clones share it, and so does the server they were given to: what is replaced here holds for every
/// request that begins afterwards. A running request keeps the configuration it began with.
#[derive(Clone, Debug)]
pub struct LiveConfig(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: ArcSwap<ServerConfig>,
    replaced: watch::Sender<()>,
}

impl LiveConfig {
    /// Starts with `config`.
    pub fn new(config: ServerConfig) -> Self {
        Self(Arc::new(Shared {
            config: ArcSwap::from_pointee(config),
            replaced: watch::Sender::new(()),
        }))
    }

    /// The configuration of this moment. Whoever asks twice may see two.
    pub fn snapshot(&self) -> Arc<ServerConfig> {
        self.0.config.load_full()
    }

    /// Puts `config` in force. [`ServerConfig::listen`], [`ServerConfig::max_connections`] and whether there is TLS
    /// are only looked at when the server starts. The same configuration again has TLS files looked at.
    pub fn replace(&self, config: ServerConfig) {
        self.0.config.store(Arc::new(config));
        self.0.replaced.send_replace(());
    }

    /// Tells when the configuration was replaced.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.0.replaced.subscribe()
    }
}

impl From<ServerConfig> for LiveConfig {
    fn from(config: ServerConfig) -> Self {
        Self::new(config)
    }
}
