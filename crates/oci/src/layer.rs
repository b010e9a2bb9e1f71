//! Writing layers: the same files give the same bytes, on every machine and with any number of threads.
//!
//! A layer is a tar archive in gzip. Every entry gets the same time, entries are sorted, and the archive is cut into
//! fixed pieces that are compressed independently: the bytes depend on the content alone.

mod error;
mod members;
mod path;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::client::BlobSource;
use crate::digest::DiffId;
use crate::manifest::Descriptor;
use crate::media_type::Format;
use crate::size;

pub use error::{LayerError, LayerPathProblem};
use members::MemberWriter;
pub(crate) use path::ancestors;

/// Who owns a file in an image; by default root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

impl Owner {
    /// User 0, group 0.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };
}

/// Collects the entries of one layer, then writes them.
///
/// The same entries give the same bytes, in whatever order they are added and with any number of threads. Everything
/// here blocks: call it off the runtime.
///
/// Parents need not be declared: each layer carries every parent directory of what it holds, because unpacking resets
/// the owner and mode of a parent a layer leaves out. Parents not declared belong to root with mode 0755, except
/// `/tmp` and `/var/tmp` with mode 01777.
#[derive(Debug)]
pub struct LayerBuilder {
    epoch_seconds: u64,
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    owner: Owner,
    mode: u32,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Directory,
    File(BlobSource),
}

/// A layer that was written: what manifest and config say of it, and where its bytes are.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Type, size and digest of the compressed bytes.
    pub descriptor: Descriptor,
    /// The digest of the uncompressed archive, for the image config.
    pub diff_id: DiffId,
    /// The compressed bytes.
    pub source: BlobSource,
}

impl LayerBuilder {
    /// Starts an empty layer whose entries all carry the modification time `epoch` (seconds since 1970; earlier counts as 1970).
    pub fn new(epoch: i64) -> Self {
        Self {
            epoch_seconds: u64::try_from(epoch).unwrap_or(0),
            entries: BTreeMap::new(),
        }
    }

    /// Adds a directory. `path` is taken from the image's root, with or without the leading `/`; `mode` holds the
    /// permission bits, such as `0o755`.
    ///
    /// # Errors
    /// [`LayerError::InvalidPath`] for a path that cannot be in a layer, [`LayerError::Duplicate`] for a second entry of that path.
    pub fn directory(&mut self, path: &str, owner: Owner, mode: u32) -> Result<(), LayerError> {
        self.insert(path, owner, mode, Content::Directory)
    }

    /// Adds a regular file with `content`, which is read when the layer is written.
    ///
    /// # Errors
    /// As for [`LayerBuilder::directory`].
    pub fn file(
        &mut self,
        path: &str,
        owner: Owner,
        mode: u32,
        content: BlobSource,
    ) -> Result<(), LayerError> {
        self.insert(path, owner, mode, Content::File(content))
    }

    fn insert(
        &mut self,
        path: &str,
        owner: Owner,
        mode: u32,
        content: Content,
    ) -> Result<(), LayerError> {
        let normal = path::normalise(path).map_err(|problem| LayerError::InvalidPath {
            path: path.to_owned(),
            problem,
        })?;
        if self.entries.contains_key(&normal) {
            return Err(LayerError::Duplicate { path: normal });
        }
        let entry = Entry {
            owner,
            mode,
            content,
        };
        self.entries.insert(normal, entry);
        Ok(())
    }

    /// Writes the layer to the file `to` and returns its digests. The file appears when it is complete.
    ///
    /// The archive streams through: memory is a few MiB per thread whatever the layer's size. Compression runs on the
    /// current rayon pool; nothing in the result depends on its size.
    ///
    /// # Errors
    /// [`LayerError`] when a content file cannot be read or changes while it is read, when a file is also the parent of
    /// another entry, or when `to` cannot be written.
    pub fn write(mut self, to: &Path, format: Format) -> Result<Layer, LayerError> {
        self.add_parents()?;
        let unwritable = |source: io::Error| LayerError::Write {
            path: to.to_owned(),
            source,
        };
        let folder = match to.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let temporary = NamedTempFile::new_in(folder).map_err(unwritable)?;
        let mut archive = tar::Builder::new(MemberWriter::new(temporary));
        for (path, entry) in &self.entries {
            self.append(&mut archive, path, entry, to)?;
        }
        let written = archive
            .into_inner()
            .and_then(MemberWriter::finish)
            .map_err(unwritable)?;
        written
            .sink
            .persist(to)
            .map_err(|failure| unwritable(failure.error))?;
        Ok(Layer {
            descriptor: Descriptor::new(format.layer(), written.size_bytes, written.digest),
            diff_id: written.diff_id,
            source: BlobSource::File(to.to_owned()),
        })
    }

    fn add_parents(&mut self) -> Result<(), LayerError> {
        let mut missing = BTreeMap::new();
        for path in self.entries.keys() {
            for parent in path::ancestors(path) {
                match self.entries.get(parent) {
                    Some(entry) if matches!(entry.content, Content::Directory) => {}
                    Some(_) => {
                        return Err(LayerError::ParentIsFile {
                            path: path.clone(),
                            parent: parent.to_owned(),
                        });
                    }
                    None => {
                        missing.insert(parent.to_owned(), usual_directory(parent));
                    }
                }
            }
        }
        self.entries.append(&mut missing);
        Ok(())
    }

    fn append(
        &self,
        archive: &mut tar::Builder<MemberWriter<NamedTempFile>>,
        path: &str,
        entry: &Entry,
        to: &Path,
    ) -> Result<(), LayerError> {
        let mut header = tar::Header::new_gnu();
        header.set_uid(entry.owner.uid.into());
        header.set_gid(entry.owner.gid.into());
        header.set_mode(entry.mode);
        header.set_mtime(self.epoch_seconds);
        let unwritable = |source| LayerError::Write {
            path: to.to_owned(),
            source,
        };
        match &entry.content {
            Content::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_size(0);
                archive
                    .append_data(&mut header, format!("{path}/"), io::empty())
                    .map_err(unwritable)
            }
            Content::File(BlobSource::Bytes(bytes)) => {
                header.set_entry_type(tar::EntryType::Regular);
                header.set_size(size::of(bytes.len()));
                archive
                    .append_data(&mut header, path, bytes.as_ref())
                    .map_err(unwritable)
            }
            Content::File(BlobSource::File(file)) => {
                let unreadable = |source| LayerError::Read {
                    path: file.clone(),
                    source,
                };
                let opened = File::open(file).map_err(unreadable)?;
                let expected = opened.metadata().map_err(unreadable)?.len();
                header.set_entry_type(tar::EntryType::Regular);
                header.set_size(expected);
                let mut reader = CountingReader::new(opened, expected);
                let appended = archive.append_data(&mut header, path, &mut reader);
                if let Some(source) = reader.failure {
                    return Err(unreadable(source));
                }
                appended.map_err(unwritable)?;
                if reader.count != expected {
                    return Err(LayerError::Changed {
                        path: file.clone(),
                        expected,
                    });
                }
                Ok(())
            }
        }
    }
}

/// The directory a parent is when nobody says otherwise.
fn usual_directory(path: &str) -> Entry {
    Entry {
        owner: Owner::ROOT,
        mode: match path {
            "tmp" | "var/tmp" => 0o1777,
            _ => 0o755,
        },
        content: Content::Directory,
    }
}

/// Reads a content file of known size and tells its own failures from those of the archive it is copied to.
struct CountingReader {
    file: File,
    expected: u64,
    count: u64,
    failure: Option<io::Error>,
}

impl CountingReader {
    fn new(file: File, expected: u64) -> Self {
        Self {
            file,
            expected,
            count: 0,
            failure: None,
        }
    }
}

impl Read for CountingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.file.read(buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                self.failure = Some(error);
                return Err(io::Error::other("the content could not be read"));
            }
        };
        self.count += size::of(read);
        // Bytes beyond the announced size would become a broken header: end here, the count tells.
        if self.count > self.expected {
            return Ok(0);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
