//! Notes beside opened layers. Blocking.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::CacheError;
use super::places::{Places, archive_of, at};
use crate::client::BlobSource;
use crate::digest::Digest;
use crate::layout::blobs;

const MAX_NAME_BYTES: usize = 200;

/// A note beside a layer: a file for positioned reads. Cheap to clone; it stays usable when the layer is evicted.
///
/// A note appears whole or not at all, but nothing checks its bytes later: whoever writes notes puts in what they need
/// to tell a damaged one.
#[derive(Clone, Debug)]
pub struct Note {
    file: Arc<File>,
    size_bytes: u64,
}

impl Note {
    /// The file.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Its size in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn of(file: File, path: &Path) -> Result<Self, CacheError> {
        let size_bytes = file.metadata().map_err(at(path))?.len();
        Ok(Self {
            file: Arc::new(file),
            size_bytes,
        })
    }
}

/// The name of a note, which is safe as the name of a file.
#[derive(Clone, Debug)]
pub(super) struct NoteName(String);

impl NoteName {
    pub(super) fn parse(name: &str) -> Result<Self, CacheError> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
        };
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(allowed) {
            return Err(CacheError::NoteName {
                name: name.to_owned(),
            });
        }
        Ok(Self(name.to_owned()))
    }

    /// The prefix keeps notes apart from the layer's own files, and makes names of dots harmless.
    fn file_in(&self, layer: &Path) -> PathBuf {
        layer.join(format!("note.{}", self.0))
    }
}

/// The note, if it is there.
pub(super) fn find(
    places: &Places,
    layer: &Digest,
    name: &NoteName,
) -> Result<Option<Note>, CacheError> {
    let home = places.layer(layer);
    let path = name.file_in(&home);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(&path)(error)),
    };
    // A note may be all that is needed of a layer.
    if let Ok(archive) = File::open(archive_of(&home)) {
        places.touch(&archive);
    }
    Note::of(file, &path).map(Some)
}

/// Writes the note; one of that name is replaced. When the layer is not in the cache any more, the note lives as long
/// as what is returned.
pub(super) fn put(
    places: &Places,
    layer: &Digest,
    name: &NoteName,
    content: &BlobSource,
) -> Result<Note, CacheError> {
    let target = name.file_in(&places.layer(layer));
    let mut incoming = blobs::temporary(places.root()).map_err(at(places.root()))?;
    match content {
        BlobSource::Bytes(bytes) => incoming.write_all(bytes).map_err(at(&target))?,
        BlobSource::File(path) => {
            let mut source = File::open(path).map_err(at(path))?;
            io::copy(&mut source, incoming.as_file_mut()).map_err(at(&target))?;
        }
    }
    incoming.as_file().sync_data().map_err(at(&target))?;
    let note = Note::of(File::open(incoming.path()).map_err(at(&target))?, &target)?;
    match incoming.persist(&target) {
        Ok(_) => Ok(note),
        Err(failure) if failure.error.kind() == io::ErrorKind::NotFound => Ok(note),
        Err(failure) => Err(at(&target)(failure.error)),
    }
}
