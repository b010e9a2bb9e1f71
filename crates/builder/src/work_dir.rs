//! Private directories of requests: made for one run, gone with it.

use tempfile::TempDir;

use crate::config::BuilderConfig;
use crate::error::Error;

/// What the directories' names begin with, so that leftovers of a crash are recognised.
const PREFIX: &str = "iib-request-";

/// Makes a private directory, removed when the value is dropped.
pub(crate) async fn create(config: &BuilderConfig) -> Result<TempDir, Error> {
    let parent = config.work_dir.clone();
    let failed = |source| Error::Io {
        path: config.work_dir.clone(),
        source,
    };
    tokio::fs::create_dir_all(&parent).await.map_err(failed)?;
    tempfile::Builder::new()
        .prefix(PREFIX)
        .tempdir_in(&parent)
        .map_err(failed)
}

/// Removes what crashed runs left in `config.work_dir`. Only while no request runs there.
///
/// # Errors
/// [`Error::Io`] when the directory cannot be read or a leftover cannot be removed.
pub async fn remove_leftovers(config: &BuilderConfig) -> Result<u64, Error> {
    let failed = |source| Error::Io {
        path: config.work_dir.clone(),
        source,
    };
    let mut removed = 0;
    let mut entries = match tokio::fs::read_dir(&config.work_dir).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(failed(error)),
    };
    while let Some(entry) = entries.next_entry().await.map_err(failed)? {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            tokio::fs::remove_dir_all(entry.path())
                .await
                .map_err(failed)?;
            removed += 1;
        }
    }
    Ok(removed)
}
