//! `[bundles]`: what is done to bundles, and how far their images are followed.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use bundle::source::Organizations;
use serde::{Deserialize, Serialize};

/// `[bundles]`: what is done to bundles, and how far their images are followed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BundlesSection {
    /// How many bundles related to one, directly or through others, are too many.
    pub(crate) max_recursive_related_bundles: NonZeroUsize,
    /// Where images are looked for that bundles name, when they are checked: by user, the registry to ask instead of another.
    pub(crate) related_image_registries: BTreeMap<String, BTreeMap<String, String>>,
    /// What is done to the bundles of each organisation, in order.
    pub(crate) organizations: Organizations,
}

impl Default for BundlesSection {
    fn default() -> Self {
        let defaults = builder::BuilderConfig::new("");
        Self {
            max_recursive_related_bundles: defaults.max_related_bundles,
            related_image_registries: BTreeMap::new(),
            organizations: Organizations::default(),
        }
    }
}
