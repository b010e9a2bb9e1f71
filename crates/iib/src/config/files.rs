//! `[files]`: where the files of requests are kept, and for how long.

use std::path::PathBuf;

use serde::Deserialize;

/// The files of requests: logs, related bundles, nested bundles.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FilesSection {
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
