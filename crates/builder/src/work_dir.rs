//! Private directories of requests: made for one run, gone with it.

use std::path::Path;

use tempfile::TempDir;

use crate::blocking::blocking;
use crate::config::BuilderConfig;
use crate::error::Error;

/// What the directories' names begin with, so that leftovers of a crash are recognised.
const PREFIX: &str = "iib-request-";

/// The private directory of one run. [`WorkDir::remove`] removes it off the runtime; dropping it, as a stopped request does, removes
/// it on the spot.
pub(crate) struct WorkDir(TempDir);

impl WorkDir {
    /// Makes a private directory.
    pub(crate) async fn create(config: &BuilderConfig) -> Result<Self, Error> {
        let parent = config.work_dir.clone();
        blocking(move || {
            let made = std::fs::create_dir_all(&parent)
                .and_then(|()| tempfile::Builder::new().prefix(PREFIX).tempdir_in(&parent));
            made.map(Self).map_err(|source| Error::Io {
                path: parent,
                source,
            })
        })
        .await
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Removes the directory. One that cannot be removed is a matter for the log, not for the request, which has ended by now.
    pub(crate) async fn remove(self) {
        let path = self.path().to_owned();
        let removed = blocking(move || self.0.close().map_err(|source| Error::Io { path, source }));
        if let Err(error) = removed.await {
            tracing::warn!("a work directory is left behind: {}", error.report());
        }
    }
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
