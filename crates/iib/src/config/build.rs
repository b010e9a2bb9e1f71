//! `[build]`: what is built and where it goes.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::words::{LossPolicyText, OpmVersionText, RegistryHostText};

/// `[build]`: what is built and where it goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BuildSection {
    /// The registry results are pushed to. Needed.
    pub(crate) registry: Option<RegistryHostText>,
    /// The pull spec results get: `{registry}` is the registry above, `{request_id}` the request's id or a build tag.
    pub(crate) image_push_template: String,
    /// A registry to show in results in place of the one pushed to.
    pub(crate) index_image_output_registry: Option<RegistryHostText>,
    /// Binary images by scope and OCP version, for requests that name none.
    pub(crate) binary_images: BTreeMap<String, BTreeMap<String, String>>,
    /// Labels every bundle must carry.
    pub(crate) required_labels: BTreeMap<String, String>,
    /// Which release of opm to be like, by the OCP version of an index; it decides how packages of a database are shown as files.
    pub(crate) opm_versions: BTreeMap<String, OpmVersionText>,
    /// Which release of opm to be like where `opm_versions` does not say. Default: the newest.
    pub(crate) default_opm: Option<OpmVersionText>,
    /// Where bundles without a label of OCP versions may count as made for all: beginnings of the names of indexes, and users.
    pub(crate) no_ocp_label_allow_list: Vec<String>,
    /// What happens when a tag that people use has architectures that a result lacks.
    pub(crate) on_lost_arch: LossPolicyText,
    /// How many images are read, or blobs moved, at once.
    pub(crate) concurrency: NonZeroUsize,
    /// How much of the disk what is kept of images may take, in bytes.
    pub(crate) cache_bytes: u64,
}

impl Default for BuildSection {
    fn default() -> Self {
        let defaults = builder::BuilderConfig::new("");
        Self {
            registry: None,
            image_push_template: "{registry}/iib-build:{request_id}".to_owned(),
            index_image_output_registry: None,
            binary_images: BTreeMap::new(),
            required_labels: BTreeMap::new(),
            opm_versions: BTreeMap::new(),
            default_opm: None,
            no_ocp_label_allow_list: Vec::new(),
            on_lost_arch: LossPolicyText::default(),
            concurrency: defaults.concurrency,
            cache_bytes: defaults.blob_cache.limit_bytes,
        }
    }
}
