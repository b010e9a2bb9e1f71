//! `[files]`: where the files of requests are kept, and for how long.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The files of requests: logs, related bundles, nested bundles, reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FilesSection {
    /// Whether logs of requests are offered.
    pub(crate) logs: bool,
    /// Whether the related bundles of regenerated bundles are offered.
    pub(crate) related_bundles: bool,
    /// Where logs are written. None: below the data directory; so for the next three.
    pub(crate) logs_dir: Option<PathBuf>,
    /// Where related bundles are written.
    pub(crate) related_bundles_dir: Option<PathBuf>,
    /// Where nested bundles are written, which are always offered.
    pub(crate) nested_bundles_dir: Option<PathBuf>,
    /// Where reports are written, which are always offered.
    pub(crate) reports_dir: Option<PathBuf>,
    /// The S3-compatible bucket that files are read from. None: below the data directory.
    pub(crate) bucket: Option<String>,
    /// The address of the storage. None: Amazon's.
    pub(crate) endpoint: Option<String>,
    /// The region. None: `AWS_DEFAULT_REGION`.
    pub(crate) region: Option<String>,
    /// Certificate authorities to trust for the storage beside the system's (PEM files).
    pub(crate) ca: Vec<PathBuf>,
    /// Hours between the sweeps that delete expired files; 0 for no sweeps.
    pub(crate) sweep_hours: u32,
}

impl Default for FilesSection {
    fn default() -> Self {
        Self {
            logs: true,
            related_bundles: true,
            logs_dir: None,
            related_bundles_dir: None,
            nested_bundles_dir: None,
            reports_dir: None,
            bucket: None,
            endpoint: None,
            region: None,
            ca: Vec::new(),
            sweep_hours: 0,
        }
    }
}
