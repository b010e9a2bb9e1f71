//! The content of a layout, by digest. Blocking.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

use super::error::LayoutError;
use crate::blocking;
use crate::client::{BlobStream, Check};
use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::manifest::Descriptor;
use crate::size;

/// The size of the pieces blobs are read in.
const PIECE_BYTES: usize = 256 * 1024;

/// How many pieces are read ahead of whoever takes them.
const PIECES_AHEAD: usize = 4;

/// Where the blob lies, or would lie.
pub(crate) fn path(root: &Path, digest: &Digest) -> PathBuf {
    folder(root, digest).join(digest.hex())
}

fn folder(root: &Path, digest: &Digest) -> PathBuf {
    root.join("blobs").join(digest.algorithm().as_str())
}

/// The blob's size; `None` if it is not there.
pub(super) fn size(root: &Path, digest: &Digest) -> Result<Option<u64>, LayoutError> {
    let path = path(root, digest);
    match fs::metadata(&path) {
        Ok(found) => Ok(Some(found.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LayoutError::Io { path, source }),
    }
}

/// Opens the blob.
pub(super) fn open(root: &Path, digest: &Digest) -> Result<File, LayoutError> {
    let path = path(root, digest);
    File::open(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LayoutError::BlobUnknown {
            layout: root.to_owned(),
            digest: digest.clone(),
        },
        _ => LayoutError::Io { path, source },
    })
}

/// Refuses a blob that claims to be larger than `limit`.
pub(super) fn check_limit(root: &Path, descriptor: &Descriptor, limit: u64) -> Result<(), Error> {
    if descriptor.size > limit {
        return Err(Error::TooLarge {
            what: reading(root, &descriptor.digest),
            limit,
        });
    }
    Ok(())
}

/// The whole blob, checked against its digest; `None` if it is not there.
pub(crate) fn read(root: &Path, digest: &Digest, limit: u64) -> Result<Option<Bytes>, Error> {
    let file = match open(root, digest) {
        Ok(file) => file,
        Err(LayoutError::BlobUnknown { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| LayoutError::Io {
            path: path(root, digest),
            source,
        })?;
    if size::of(bytes.len()) > limit {
        return Err(Error::TooLarge {
            what: reading(root, digest),
            limit,
        });
    }
    let mut hasher = Hasher::new(digest.algorithm());
    hasher.update(&bytes);
    let actual = hasher.finish();
    if actual != *digest {
        return Err(Error::DigestMismatch {
            what: reading(root, digest),
            expected: digest.clone(),
            actual,
        });
    }
    Ok(Some(bytes.into()))
}

/// Streams the blob in the opened `file` at `path`; a mismatch of size or digest is the last item. `what` begins error
/// texts.
pub(crate) fn stream(
    mut file: File,
    path: PathBuf,
    descriptor: &Descriptor,
    what: String,
) -> BlobStream {
    let (sender, mut receiver) = mpsc::channel(PIECES_AHEAD);
    // The task ends with the file or with the stream that takes its pieces, so nobody needs to wait for it.
    drop(tokio::task::spawn_blocking(move || {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let item = match file.read(&mut piece) {
                Ok(0) => return,
                Ok(count) => {
                    piece.truncate(count);
                    Ok(Bytes::from(piece))
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => Err(Error::from(LayoutError::Io {
                    path: path.clone(),
                    source,
                })),
            };
            let is_last = item.is_err();
            if sender.blocking_send(item).is_err() || is_last {
                return;
            }
        }
    }));
    let pieces = futures::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    BlobStream::verified(pieces, descriptor, what)
}

/// Stores what `source` gives as the blob `descriptor`, unless it is there: complete, checked and on the disk before it
/// appears under its name.
pub(crate) fn write(
    root: &Path,
    descriptor: &Descriptor,
    source: &mut impl Read,
) -> Result<(), Error> {
    if size(root, &descriptor.digest)? == Some(descriptor.size) {
        return Ok(());
    }
    let file = receive(root, descriptor, source)?;
    publish(file, &path(root, &descriptor.digest))?;
    Ok(())
}

/// Writes what `source` gives to a temporary file, which is the blob `descriptor` then, and makes the directory where
/// it belongs.
pub(crate) fn receive(
    root: &Path,
    descriptor: &Descriptor,
    source: &mut impl Read,
) -> Result<NamedTempFile, Error> {
    let folder = folder(root, &descriptor.digest);
    let unwritable = |source| LayoutError::Io {
        path: folder.clone(),
        source,
    };
    fs::create_dir_all(&folder).map_err(unwritable)?;
    // Temporary files stay out of `blobs`, where readers expect digests only.
    let mut file = temporary(root).map_err(unwritable)?;
    let what = format!("writing the blob to `oci:{}`", root.display());
    let mut check = Check::new(descriptor, what);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = match source.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(blocking::stream_error(error)
                    .unwrap_or_else(|source| unwritable(source).into()));
            }
        };
        check.pass(&piece[..count])?;
        file.write_all(&piece[..count]).map_err(unwritable)?;
    }
    check.end()?;
    Ok(file)
}

/// What the names of files begin with that are being written.
pub(crate) const INCOMING: &str = ".incoming-";

/// A new file in the layout's directory, readable for everybody once it is published. Its lock is held while it is
/// written, so that others can tell it from one that a crash left.
pub(crate) fn temporary(root: &Path) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt as _;
    let file = tempfile::Builder::new()
        .prefix(INCOMING)
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(root)?;
    // Nobody else knows the file yet. Where there are no locks, its age alone protects it.
    drop(file.as_file().try_lock());
    Ok(file)
}

/// Moves a written file to its name; both the content and the name are on the disk afterwards.
pub(crate) fn publish(file: NamedTempFile, target: &Path) -> Result<(), LayoutError> {
    let unwritable = |source| LayoutError::Io {
        path: target.to_owned(),
        source,
    };
    file.as_file().sync_all().map_err(unwritable)?;
    file.persist(target)
        .map_err(|failure| unwritable(failure.error))?;
    if let Some(folder) = target.parent() {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(unwritable)?;
    }
    Ok(())
}

pub(super) fn reading(root: &Path, digest: &Digest) -> String {
    format!("reading `{digest}` of `oci:{}`", root.display())
}
