//! What does each kind of request do, step by step?
//!
//! [`Builder::add`] takes an [`AddRequest`] and publishes an index image; [`Builder::inspect`] looks into one;
//! [`Builder::regenerate`] makes a bundle anew, [`Builder::related_bundles`] follows those that a bundle names;
//! [`Builder::current`] is the first step of moving an index back;
//! [`Builder::read_bundles`] reads bundle images, [`Builder::read_content`] what any image holds. While a request
//! runs, a [`Reporter`] is told of each [`Phase`] and keeps a [`Checkpoint`], so that a run that was cut off is taken up again
//! and ends as it would have.
//!
//! A request flows one way: everything is looked up and refused first, then the catalog is edited in a private directory,
//! then images are assembled, then published. Nothing is visible to anybody before the last stage, and within it tags come last.
//!
//! This crate knows nothing of REST, SQL state or queues.

mod add;
mod blocking;
mod bundle_source;
mod bundles;
mod catalog_change;
mod config;
mod content;
mod databases;
mod deprecations;
mod empty;
mod error;
mod fragments;
mod gating;
mod image;
mod index_image;
mod inspect;
pub mod labels;
mod level;
mod live;
mod lookup;
mod merge;
mod progress;
mod rebase;
mod regenerate;
mod related;
mod remove;
mod request;
mod rollback;
mod run;
mod scope;
mod stages;
mod summary;
mod work_dir;

use std::sync::Arc;

use oci::{BlobCache, Client, Credentials};
use tokio::sync::OnceCell;

pub use add::Added;
pub use bundle_source::{ParseAuthsError, RegistryAuths};
pub use catalog_change::CatalogChange;
pub use config::BuilderConfig;
pub use content::{Content, Databases};
pub use error::{ContentError, Error, Role};
pub use fragments::FragmentsAdded;
pub use gating::{Gating, GatingError, GatingPolicy};
pub use index_image::stack::{LayerKind, Room};
pub use inspect::{
    ArchImage, BundleEntry, CatalogSummary, ChannelEntry, ImageLayer, IndexImage, IndexSummary,
    LayerOrigin, PackageEntry,
};
pub use level::{MigrateLevel, ParseOpmError};
pub use live::LiveBuilder;
pub use merge::Merged;
pub use progress::{Checkpoint, Facts, Phase, PlannedOverwrite, Reporter, ResolvedInputs, Stopped};
pub use regenerate::{BundleChanges, ChangedFile, RegenerateRequest, Regenerated};
pub use related::{Related, RelatedRequest};
pub use remove::Removed;
pub use request::{
    AddRequest, BinaryImage, DeprecationsRequest, EmptyRequest, FragmentsRequest, GraphUpdateMode,
    IndexRequest, MergeRequest, Output, OutputRepository, Overwrite, OverwriteToken,
    ParseTokenError, RelatedImages, RemoveRequest,
};
pub use rollback::{CurrentIndex, Rollback};
pub use run::{Built, BuiltLayer};
pub use scope::{ParseScopeError, Scope};
pub use stages::assemble::IndexKind;
pub use stages::blobs::BlobCounts;
pub use stages::guard::Kept;
pub use summary::{BundleSummary, RelatedSummary, Summary};
pub use work_dir::remove_leftovers;

/// Does requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Builder {
    client: Client,
    credentials: Credentials,
    config: BuilderConfig,
    blobs: Arc<OnceCell<BlobCache>>,
}

impl Builder {
    /// A builder that speaks through `client`, whose credentials are `credentials`.
    pub fn new(client: Client, credentials: Credentials, config: BuilderConfig) -> Self {
        Self {
            client,
            credentials,
            config,
            blobs: Arc::default(),
        }
    }

    /// The blob cache, opened when it is needed first.
    pub(crate) async fn blobs(&self) -> Result<&BlobCache, Error> {
        let open = || BlobCache::open(self.config.blob_cache.clone());
        self.blobs
            .get_or_try_init(open)
            .await
            .map_err(Error::BlobCache)
    }

    /// The client, for counting what it did.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The same builder with another configuration. The blob cache stays where it is once it is open.
    #[must_use]
    pub fn with_config(self, config: BuilderConfig) -> Self {
        Self { config, ..self }
    }

    /// The configuration.
    pub fn config(&self) -> &BuilderConfig {
        &self.config
    }
}
