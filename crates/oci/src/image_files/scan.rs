//! One pass over a layer.

use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use super::archive_copy::{ArchiveCopy, Tee, Unwritable};
use super::error::{ImageFilesError, LimitKind};
use super::keep::{EntryFacts, Keeper, LimitMet};
use super::layer_tree::{LayerTree, MAX_PATH_BYTES};
use super::limits::{Budget, Limits};
use super::tar_reader::{TarKind, TarReader};
use crate::blocking;
use crate::digest::Digest;
use crate::error::Error;
use crate::image_repository::ImageRepository;
use crate::manifest::ImageManifest;

/// Why a layer could not be read, before it is known which one.
#[derive(Debug)]
pub(super) enum ScanError {
    Read(io::Error),
    Limit(LimitKind),
    Escapes { path: String },
    Write { path: PathBuf, source: io::Error },
}

/// An image whose layers are read one by one, with the limits they share.
#[derive(Debug)]
pub(super) struct LayerScanner<'a> {
    source: &'a ImageRepository,
    image: &'a ImageManifest,
    limits: Limits,
    budget: Arc<Budget>,
}

impl<'a> LayerScanner<'a> {
    pub(super) fn new(
        source: &'a ImageRepository,
        image: &'a ImageManifest,
        limits: &Limits,
    ) -> Result<Self, Error> {
        if image.layers.len() > limits.max_layers {
            return Err(ImageFilesError::TooManyLayers {
                image: source.display_name(),
                layers: image.layers.len(),
                limit: limits.max_layers,
            }
            .into());
        }
        Ok(Self {
            source,
            image,
            limits: *limits,
            budget: Arc::new(Budget::new(limits)),
        })
    }

    /// What is left of the limits.
    pub(super) fn budget(&self) -> Arc<Budget> {
        Arc::clone(&self.budget)
    }

    /// Where the image is, for people.
    pub(super) fn image_name(&self) -> String {
        self.source.display_name()
    }

    pub(super) fn layer_count(&self) -> usize {
        self.image.layers.len()
    }

    /// Streams the layer with this number (from the bottom) once, to its end, and offers its files to `keeper`.
    ///
    /// Dropping the future stops the work off the runtime at its next piece of input.
    pub(super) async fn scan<K: Keeper + Send + 'static>(
        &self,
        layer: usize,
        mut keeper: K,
    ) -> Result<(LayerTree, K), Error> {
        let descriptor = &self.image.layers[layer];
        let stream = self.source.blob(descriptor).await?;
        let limits = self.limits;
        let budget = self.budget();
        let name = self.image_name();
        let descriptor = descriptor.clone();
        blocking::read_stream(stream, move |reader| {
            scan(reader, None, &mut keeper, &limits, &budget)
                .map(|tree| (tree, keeper))
                .map_err(|problem| explain(problem, name, &descriptor.digest, &limits))
        })
        .await
    }
}

/// Reads a compressed layer to its end, copies the uncompressed archive to `copy`, and offers its files to `keeper`.
pub(super) fn scan(
    compressed: impl Read,
    copy: Option<&mut ArchiveCopy>,
    keeper: &mut impl Keeper,
    limits: &Limits,
    budget: &Budget,
) -> Result<LayerTree, ScanError> {
    let mut compressed = BufReader::with_capacity(64 * 1024, compressed);
    let tree = {
        let bounded = Bounded {
            source: decompress(&mut compressed).map_err(ScanError::Read)?,
            left: limits.max_total_bytes,
        };
        let mut archive =
            TarReader::new(BufReader::with_capacity(64 * 1024, Tee::new(bounded, copy)));
        let tree = read_entries(&mut archive, keeper, limits, budget)?;
        // What follows the archive's end still belongs to the compressed stream and its checksums.
        io::copy(&mut archive.into_source(), &mut io::sink()).map_err(ScanError::Read)?;
        tree
    };
    // The source completes its check of the digest when it is read to its end.
    io::copy(&mut compressed, &mut io::sink()).map_err(ScanError::Read)?;
    Ok(tree)
}

fn read_entries(
    archive: &mut TarReader<impl Read>,
    keeper: &mut impl Keeper,
    limits: &Limits,
    budget: &Budget,
) -> Result<LayerTree, ScanError> {
    let mut tree = LayerTree::default();
    let mut ordinal = 0;
    while let Some(entry) = archive.next_entry().map_err(ScanError::Read)? {
        budget.take_entry().map_err(ScanError::Limit)?;
        let (size_bytes, link_bytes) = match &entry.kind {
            TarKind::File { size_bytes } => (*size_bytes, 0),
            TarKind::Symlink { target } | TarKind::HardLink { target } => (0, target.len()),
            TarKind::Directory | TarKind::Sparse | TarKind::Special => (0, 0),
        };
        if entry.path.len().max(link_bytes) > MAX_PATH_BYTES {
            let problem = "an entry's name is longer than 4096 bytes";
            let error = io::Error::new(io::ErrorKind::InvalidData, problem);
            return Err(ScanError::Read(error));
        }
        let named = tree.name_bytes();
        let name = entry.path.clone();
        let facts = EntryFacts {
            owner: entry.owner,
            mode: entry.mode,
            offset: archive.position(),
        };
        let placed = tree
            .add(entry, ordinal)
            .map_err(|_| ScanError::Escapes { path: name })?;
        budget
            .take_names(tree.name_bytes() - named)
            .map_err(ScanError::Limit)?;
        if let Some(placed) = &placed {
            keeper.see(&placed.path, facts);
        }
        if let Some(placed) = placed
            && placed.is_content
            && keeper.wants(&placed.path, ordinal)
        {
            if size_bytes > limits.max_file_bytes {
                return Err(ScanError::Limit(LimitKind::File));
            }
            keeper.keep(ordinal, size_bytes, &mut archive.content())?;
        }
        ordinal += 1;
    }
    Ok(tree)
}

/// The uncompressed bytes of a layer. Media types are not believed: the first bytes tell.
fn decompress<'a>(compressed: &'a mut impl BufRead) -> io::Result<Box<dyn Read + 'a>> {
    let mut start = Vec::new();
    compressed.take(4).read_to_end(&mut start)?;
    let is_gzip = start.starts_with(&[0x1f, 0x8b]);
    // A zstd frame, or a skippable one before it (RFC 8878, section 3.1).
    let is_zstd = matches!(
        *start,
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18]
    );
    let whole = io::Cursor::new(start).chain(compressed);
    Ok(if is_gzip {
        Box::new(MultiGzDecoder::new(whole))
    } else if is_zstd {
        Box::new(zstd::stream::read::Decoder::with_buffer(whole)?)
    } else {
        Box::new(whole)
    })
}

/// Refuses to give more than `left` bytes.
struct Bounded<R> {
    source: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.left = self
            .left
            .checked_sub(crate::size::of(count))
            .ok_or_else(|| io::Error::other(LimitMet(LimitKind::Total)))?;
        Ok(count)
    }
}

/// The error for a problem with the layer `layer` of an image in `image`.
pub(super) fn explain(problem: ScanError, image: String, layer: &Digest, limits: &Limits) -> Error {
    let layer = layer.clone();
    let exceeded = |kind: LimitKind, image, layer| ImageFilesError::LimitExceeded {
        image,
        layer,
        limit: kind.value(limits),
        kind,
    };
    match problem {
        ScanError::Read(error) => match find_cause(error) {
            Cause::Source(error) => return error,
            Cause::Limit(kind) => exceeded(kind, image, layer),
            Cause::Unwritable(Unwritable { path, source }) => {
                ImageFilesError::Write { path, source }
            }
            Cause::Archive(source) => ImageFilesError::Malformed {
                image,
                layer,
                source,
            },
        },
        ScanError::Limit(kind) => exceeded(kind, image, layer),
        ScanError::Escapes { path } => ImageFilesError::Escapes { image, layer, path },
        ScanError::Write { path, source } => ImageFilesError::Write { path, source },
    }
    .into()
}

/// What stands behind a failure to read, which passed through readers that know only `io::Error`.
enum Cause {
    /// The source of the compressed bytes failed.
    Source(Error),
    /// A limit was met.
    Limit(LimitKind),
    /// The copy cannot be written.
    Unwritable(Unwritable),
    /// The bytes are at fault.
    Archive(io::Error),
}

fn find_cause(error: io::Error) -> Cause {
    let error = match blocking::stream_error(error) {
        Ok(error) => return Cause::Source(error),
        Err(error) => error,
    };
    let error = match error.downcast::<LimitMet>() {
        Ok(LimitMet(kind)) => return Cause::Limit(kind),
        Err(error) => error,
    };
    match error.downcast::<Unwritable>() {
        Ok(unwritable) => Cause::Unwritable(unwritable),
        Err(error) => Cause::Archive(error),
    }
}
