//! What does each kind of request do, step by step?
//!
//! [`Builder::add`] takes an [`AddRequest`] and publishes an index image; [`Builder::inspect`] looks into one;
//! [`Builder::read_bundles`] reads bundle images, [`Builder::read_content`] what any image holds. While a request
//! runs, a [`Reporter`] is told of each [`Phase`] and keeps a [`Checkpoint`], so that a run that was cut off is taken up again
//! and ends as it would have.
//!
//! A request flows one way: everything is looked up and refused first, then the catalog is edited in a private directory,
//! then images are assembled, then published. Nothing is visible to anybody before the last stage, and within it tags come last.
//!
//! This crate knows nothing of REST, SQL state or queues.

mod add;
mod bundles;
mod config;
mod content;
mod error;
mod image;
mod inspect;
pub mod labels;
mod progress;
mod request;
mod scope;
mod work_dir;

use oci::{Client, Credentials};

pub use add::{Added, BlobCounts, Kept};
pub use config::BuilderConfig;
pub use content::{Content, Databases};
pub use error::{Error, Role};
pub use inspect::{BundleEntry, IndexSummary, PackageEntry};
pub use progress::{Checkpoint, Facts, Phase, PlannedOverwrite, Reporter, ResolvedInputs, Stopped};
pub use request::{
    AddRequest, BinaryImage, GraphUpdateMode, Output, OutputRepository, Overwrite, OverwriteToken,
    ParseTokenError,
};
pub use scope::{ParseScopeError, Scope};
pub use work_dir::remove_leftovers;

/// Does requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Builder {
    client: Client,
    credentials: Credentials,
    config: BuilderConfig,
}

impl Builder {
    /// A builder that speaks through `client`, whose credentials are `credentials`.
    pub fn new(client: Client, credentials: Credentials, config: BuilderConfig) -> Self {
        Self {
            client,
            credentials,
            config,
        }
    }

    /// The client, for counting what it did.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The configuration.
    pub fn config(&self) -> &BuilderConfig {
        &self.config
    }
}
