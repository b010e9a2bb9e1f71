//! A builder whose configuration may be replaced while requests run.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{Builder, BuilderConfig};

/// The builder in force. Clones share it. A request keeps the builder it began with.
#[derive(Clone, Debug)]
pub struct LiveBuilder(Arc<ArcSwap<Builder>>);

impl LiveBuilder {
    /// The builder of this moment.
    pub fn current(&self) -> Builder {
        Builder::clone(&self.0.load())
    }

    /// Puts `config` in force for requests that begin afterwards. The client stays, and so does the blob cache once it is open.
    pub fn replace(&self, config: BuilderConfig) {
        let current = self.current();
        self.0.store(Arc::new(current.with_config(config)));
    }
}

impl From<Builder> for LiveBuilder {
    fn from(builder: Builder) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(builder)))
    }
}
