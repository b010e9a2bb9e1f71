//! What the builder is configured with.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use bundle::source::Organizations;
use oci::{CacheConfig, Format, LossPolicy, RegistryHost};

use crate::gating::Gating;
use crate::level::MigrateLevel;
use crate::request::BinaryImage;
use crate::scope::Scope;

/// Settings that hold for every request.
#[derive(Clone, Debug)]
pub struct BuilderConfig {
    /// A registry to show in results in place of the one pushed to (`iib_index_image_output_registry`).
    pub shown_registry: Option<RegistryHost>,
    /// The binary image by scope and OCP version, for requests that name none.
    pub binary_images: BTreeMap<Scope, BTreeMap<String, BinaryImage>>,
    /// The service that decides whether bundles may be added, for requests that say by which policy.
    pub gating: Option<Gating>,
    /// Labels every bundle must carry, with their values.
    pub required_labels: BTreeMap<String, String>,
    /// How catalogs are made of databases, by the OCP version of the index; the default where it is not named.
    pub migrate_levels: BTreeMap<String, MigrateLevel>,
    /// How catalogs are made of databases where nothing else is said.
    pub default_migrate_level: MigrateLevel,
    /// Where bundles without a label of OCP versions may count as made for all: beginnings of the names of indexes, and users
    /// (`iib_no_ocp_label_allow_list`).
    pub no_ocp_label_allow_list: Vec<String>,
    /// What is done to the bundles of each organisation (`iib_organization_customizations`).
    pub organizations: Organizations,
    /// How many bundles related to one, directly or through others, are too many (`iib_max_recursive_related_bundles`).
    pub max_related_bundles: NonZeroUsize,
    /// Where images that bundles name are looked for when they are checked: by user and registry
    /// (`iib_related_image_registry_replacement`).
    pub related_image_registries: BTreeMap<String, BTreeMap<String, String>>,
    /// The time written wherever a time is written, in seconds since 1970 (`SOURCE_DATE_EPOCH`, or 0).
    pub epoch: i64,
    /// Where private directories of requests are made.
    pub work_dir: PathBuf,
    /// Where layers of indexes are kept from one request to the next, and how much of them.
    pub blob_cache: CacheConfig,
    /// The family of manifests to write.
    pub format: Format,
    /// What happens when a tag that people use has architectures that the result lacks.
    pub on_lost_arch: LossPolicy,
    /// How many images are read, or blobs moved, at once.
    pub concurrency: NonZeroUsize,
}

impl BuilderConfig {
    /// The defaults, working in `work_dir`, with the blob cache below it.
    pub fn new(work_dir: impl Into<PathBuf>) -> Self {
        let work_dir = work_dir.into();
        Self {
            shown_registry: None,
            binary_images: BTreeMap::new(),
            gating: None,
            required_labels: BTreeMap::new(),
            migrate_levels: BTreeMap::new(),
            default_migrate_level: MigrateLevel::default(),
            no_ocp_label_allow_list: Vec::new(),
            organizations: Organizations::default(),
            max_related_bundles: DEFAULT_MAX_RELATED_BUNDLES,
            related_image_registries: BTreeMap::new(),
            epoch: 0,
            blob_cache: CacheConfig {
                dir: work_dir.join("cache"),
                limit_bytes: DEFAULT_CACHE_BYTES,
            },
            work_dir,
            format: Format::Docker,
            on_lost_arch: LossPolicy::Refuse,
            concurrency: DEFAULT_CONCURRENCY,
        }
    }

    /// How the catalog of an index for the OCP version `version` is made of its database.
    pub(crate) fn migrate_level(&self, version: &str) -> MigrateLevel {
        let level = self.migrate_levels.get(version).copied();
        level.unwrap_or(self.default_migrate_level)
    }
}

const DEFAULT_CONCURRENCY: NonZeroUsize = NonZeroUsize::new(8).expect("eight is not zero");
const DEFAULT_MAX_RELATED_BUNDLES: NonZeroUsize =
    NonZeroUsize::new(15).expect("fifteen is not zero");
const DEFAULT_CACHE_BYTES: u64 = 10 << 30;
