//! Where catalogs are written to: files and directories that appear when they are complete, and standard output.

use std::fs::{self, File};
use std::io::{self, BufWriter, StdoutLock, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use catalog::fbc::{Catalog, Output};
use tempfile::{NamedTempFile, TempDir};
use tokio_util::sync::CancellationToken;

use crate::cli::catalog::files::CatalogFormat;

impl From<CatalogFormat> for Output {
    fn from(format: CatalogFormat) -> Self {
        match format {
            CatalogFormat::Json => Self::Json,
            CatalogFormat::Yaml => Self::Yaml,
        }
    }
}

/// Writes to standard output. Blocking.
pub(super) fn print(
    write: impl FnOnce(&mut BufWriter<StdoutLock<'_>>) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        // `iib … | head` closes the pipe early; there is nobody left to tell.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output cannot be written"),
    }
}

/// Writes the catalog to a file that must be missing. Blocking.
pub(super) fn file(catalog: &Catalog, output: Output, to: &Path) -> anyhow::Result<()> {
    let failed = || format!("`{}` could not be written", to.display());
    let mut out = BufWriter::new(NamedTempFile::new_in(parent(to)).with_context(failed)?);
    catalog.write(output, &mut out).with_context(failed)?;
    let file = out
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
        .with_context(failed)?;
    file.persist_noclobber(to)
        .map_err(|failure| failure.error)
        .with_context(failed)?;
    Ok(())
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A directory being written; nothing is at its place before [`NewDirectory::publish`].
pub(super) struct NewDirectory {
    /// Beside the place, so that it can be moved there in one step.
    work: TempDir,
    to: PathBuf,
    stop: CancellationToken,
}

/// Refuses a place for a directory that is neither missing nor an empty directory.
pub(super) fn ensure_free(to: &Path) -> anyhow::Result<()> {
    let is_free = match fs::read_dir(to) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    ensure!(
        is_free,
        "the output directory `{}` must be empty",
        to.display()
    );
    Ok(())
}

impl NewDirectory {
    /// Begins a directory at a place that must be missing or empty.
    ///
    /// Once `stop` is cancelled nothing more is written, and the directory does not appear.
    pub(super) fn begin(to: &Path, stop: CancellationToken) -> anyhow::Result<Self> {
        ensure_free(to)?;
        let parent = parent(to);
        fs::create_dir_all(parent)
            .with_context(|| format!("`{}` could not be made", parent.display()))?;
        let work = tempfile::Builder::new()
            .prefix(".catalog-")
            .tempdir_in(parent)
            .with_context(|| format!("nothing can be written to `{}`", parent.display()))?;
        let begun = Self {
            work,
            to: to.to_owned(),
            stop,
        };
        fs::create_dir(begun.root()).context("the output directory could not be made")?;
        Ok(begun)
    }

    /// Not the private directory itself, whose rights nobody else would have.
    fn root(&self) -> PathBuf {
        self.work.path().join("new")
    }

    /// Writes a file at a path below the directory.
    pub(super) fn file(
        &self,
        path: &Path,
        content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        ensure!(!self.stop.is_cancelled(), "interrupted");
        let path = self.root().join(path);
        let write = || {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut file = BufWriter::new(File::create(&path)?);
            content(&mut file)?;
            file.flush()
        };
        write().with_context(|| format!("`{}` could not be written", path.display()))
    }

    /// Moves the directory to its place.
    pub(super) fn publish(self) -> anyhow::Result<()> {
        ensure!(!self.stop.is_cancelled(), "interrupted");
        fs::rename(self.root(), &self.to)
            .with_context(|| format!("`{}` could not be put in place", self.to.display()))
    }
}
