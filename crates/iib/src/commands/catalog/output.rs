//! Directories that appear when they are complete.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

/// A directory being written; nothing is at its place before [`NewDirectory::publish`].
pub(super) struct NewDirectory {
    /// Beside the place, so that it can be moved there in one step.
    work: TempDir,
    to: PathBuf,
}

impl NewDirectory {
    /// Begins a directory at a place that must be missing or empty.
    pub(super) fn begin(to: &Path) -> anyhow::Result<Self> {
        let is_free = match fs::read_dir(to) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        ensure!(
            is_free,
            "the output directory `{}` must be empty",
            to.display()
        );
        let parent = match to.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent)
            .with_context(|| format!("`{}` could not be made", parent.display()))?;
        let work = tempfile::Builder::new()
            .prefix(".catalog-")
            .tempdir_in(parent)
            .with_context(|| format!("nothing can be written to `{}`", parent.display()))?;
        let begun = Self {
            work,
            to: to.to_owned(),
        };
        fs::create_dir(begun.root()).context("the output directory could not be made")?;
        Ok(begun)
    }

    /// Not the private directory itself, whose rights nobody else would have.
    fn root(&self) -> PathBuf {
        self.work.path().join("new")
    }

    /// Writes a file at a path below the directory.
    pub(super) fn file(&self, path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.root().join(path);
        let write = || {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&path, bytes)
        };
        write().with_context(|| format!("`{}` could not be written", path.display()))
    }

    /// Moves the directory to its place.
    pub(super) fn publish(self) -> anyhow::Result<()> {
        fs::rename(self.root(), &self.to)
            .with_context(|| format!("`{}` could not be put in place", self.to.display()))
    }
}
