//! The configuration in force, which may be replaced while the server runs.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::ServerConfig;

/// The configuration in force. Clones share it, and so does the server they were given to: what is replaced here holds for every
/// request that begins afterwards. A running request keeps the configuration it began with.
#[derive(Clone, Debug)]
pub struct LiveConfig(Arc<ArcSwap<ServerConfig>>);

impl LiveConfig {
    /// Starts with `config`.
    pub fn new(config: ServerConfig) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(config)))
    }

    /// The configuration of this moment. Whoever asks twice may see two.
    pub fn snapshot(&self) -> Arc<ServerConfig> {
        self.0.load_full()
    }

    /// Puts `config` in force. [`ServerConfig::listen`] and [`ServerConfig::max_connections`] are only looked at when the server
    /// starts.
    pub fn replace(&self, config: ServerConfig) {
        self.0.store(Arc::new(config));
    }
}

impl From<ServerConfig> for LiveConfig {
    fn from(config: ServerConfig) -> Self {
        Self::new(config)
    }
}
