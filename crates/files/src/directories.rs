//! Files in directories.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::io::ReaderStream;

use crate::content::Content;
use crate::error::Error;
use crate::kind::Kind;

/// The mode of every file, whatever the process's mask: a group of people may read and tidy up.
pub const MODE: u32 = 0o664;

/// Where files lie on this host. A kind without a directory is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directories {
    /// Logs (`IIB_REQUEST_LOGS_DIR`).
    pub log: Option<PathBuf>,
    /// Related bundles (`IIB_REQUEST_RELATED_BUNDLES_DIR`).
    pub related_bundles: Option<PathBuf>,
    /// Nested bundles (`IIB_REQUEST_RECURSIVE_RELATED_BUNDLES_DIR`).
    pub nested_bundles: Option<PathBuf>,
    /// Reports; the service that this one replaces has none.
    pub reports: Option<PathBuf>,
}

impl Directories {
    /// The directory of `kind`.
    pub fn of(&self, kind: Kind) -> Option<&Path> {
        match kind {
            Kind::Log => self.log.as_deref(),
            Kind::RelatedBundles => self.related_bundles.as_deref(),
            Kind::NestedBundles => self.nested_bundles.as_deref(),
            Kind::Report => self.reports.as_deref(),
        }
    }

    pub(crate) fn path(&self, kind: Kind, id: i64) -> Option<PathBuf> {
        Some(self.of(kind)?.join(kind.file_name(id)))
    }
}

/// The file at `path`; none when there is none.
pub(crate) async fn open(path: &Path) -> Result<Option<Content>, Error> {
    let opened = async {
        let file = tokio::fs::File::open(path).await?;
        let size_bytes = file.metadata().await?.len();
        Ok::<_, std::io::Error>((file, size_bytes))
    };
    match opened.await {
        // What a worker appends meanwhile would not fit the announced length.
        Ok((file, size_bytes)) => Ok(Some(Content::new(
            size_bytes,
            ReaderStream::new(file.take(size_bytes)),
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::local("read", path)(error)),
    }
}

/// Writes `content` to `path`, where nobody sees half of it.
pub(crate) async fn write(
    path: &Path,
    content: impl Stream<Item = std::io::Result<Bytes>>,
) -> Result<(), Error> {
    let mut hidden = path.as_os_str().to_owned();
    hidden.push(".new");
    let hidden = PathBuf::from(hidden);
    let written = async {
        let mut file = tokio::fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .open(&hidden)
            .await?;
        file.set_permissions(Permissions::from_mode(MODE)).await?;
        let mut content = std::pin::pin!(content);
        while let Some(bytes) = content.next().await {
            file.write_all(&bytes?).await?;
        }
        file.sync_all().await?;
        tokio::fs::rename(&hidden, path).await
    };
    written.await.map_err(Error::local("written", path))
}

/// Deletes the file at `path`, which need not be there.
pub(crate) async fn remove(path: &Path) -> Result<(), Error> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::local("deleted", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The requests that have a file of `kind` in `directory`, in no order. A directory that is not there holds none.
pub(crate) async fn ids(kind: Kind, directory: &Path) -> Result<Vec<i64>, Error> {
    let read = async {
        let mut ids = Vec::new();
        let mut entries = match tokio::fs::read_dir(directory).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(ids),
            entries => entries?,
        };
        while let Some(entry) = entries.next_entry().await? {
            ids.extend(entry.file_name().to_str().and_then(|name| kind.id_of(name)));
        }
        Ok(ids)
    };
    read.await.map_err(Error::local("listed", directory))
}
