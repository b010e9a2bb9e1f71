//! tar archives, entry by entry, with bounded memory.
//!
//! Reads what layers are made of: USTAR, GNU (long names, large numbers) and PAX (`path`, `linkpath`, `size`). The tar
//! crate would read long names of any length into memory, so only its header fields are used here.

use std::io::{self, Read};

use tar::{EntryType, Header};

use crate::layer::Owner;

const BLOCK_BYTES: usize = 512;

/// The longest name or set of PAX records that is read.
const MAX_EXTENSION_BYTES: u64 = 1024 * 1024;

/// An entry of an archive. Its content, if it is a file, comes from [`TarReader::content`] before the next entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TarEntry {
    /// The name as it stands in the archive.
    pub(super) path: String,
    /// Who owns it. Numbers that cannot be read count as 0.
    pub(super) owner: Owner,
    /// The permission bits, those for set-id and sticky included.
    pub(super) mode: u32,
    /// What it is.
    pub(super) kind: TarKind,
}

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TarKind {
    /// A directory.
    Directory,
    /// A regular file of that many bytes.
    File { size_bytes: u64 },
    /// A symbolic link.
    Symlink { target: String },
    /// Another name of an earlier entry.
    HardLink { target: String },
    /// A regular file stored without its holes, which we do not put together.
    Sparse,
    /// A device, a pipe or something newer.
    Special,
}

/// Reads an archive once, from front to back.
pub(super) struct TarReader<R> {
    source: Counted<R>,
    content_left: u64,
    padding_left: u64,
}

/// What extension headers say about the entry after them.
#[derive(Default)]
struct Extensions {
    path: Option<String>,
    link: Option<String>,
    size_bytes: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    sparse: bool,
}

/// Knows how much of the source was read.
struct Counted<R> {
    source: R,
    position: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.position = self.position.saturating_add(crate::size::of(count));
        Ok(count)
    }
}

impl<R: Read> TarReader<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source: Counted {
                source,
                position: 0,
            },
            content_left: 0,
            padding_left: 0,
        }
    }

    /// The content of the entry that was returned last.
    pub(super) fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    /// How many bytes of the archive were read: right after an entry was returned, where its content begins.
    pub(super) fn position(&self) -> u64 {
        self.source.position
    }

    /// Gives the source back, to read it to its end.
    pub(super) fn into_source(self) -> R {
        self.source.source
    }

    /// The next entry, or `None` at the archive's end.
    pub(super) fn next_entry(&mut self) -> io::Result<Option<TarEntry>> {
        let mut extensions = Extensions::default();
        loop {
            self.skip_rest()?;
            let Some(block) = self.header_block()? else {
                return Ok(None);
            };
            let header = Header::from_byte_slice(&block);
            let kind = header.entry_type();
            let size_bytes = header.entry_size()?;
            match kind {
                EntryType::GNULongName => {
                    extensions.path = Some(until_nul(&self.extension(size_bytes)?));
                }
                EntryType::GNULongLink => {
                    extensions.link = Some(until_nul(&self.extension(size_bytes)?));
                }
                EntryType::XHeader => parse_pax(&self.extension(size_bytes)?, &mut extensions)?,
                EntryType::XGlobalHeader => self.expect_content(size_bytes),
                _ => return self.entry(header, size_bytes, extensions).map(Some),
            }
        }
    }

    fn entry(
        &mut self,
        header: &Header,
        header_size: u64,
        extensions: Extensions,
    ) -> io::Result<TarEntry> {
        let path = extensions
            .path
            .unwrap_or_else(|| lossy(&header.path_bytes()));
        let size_bytes = extensions.size_bytes.unwrap_or(header_size);
        let link = || {
            let in_header = || lossy(&header.link_name_bytes().unwrap_or_default());
            extensions.link.clone().unwrap_or_else(in_header)
        };
        let kind = match header.entry_type() {
            EntryType::Directory => TarKind::Directory,
            EntryType::Symlink => TarKind::Symlink { target: link() },
            EntryType::Link => TarKind::HardLink { target: link() },
            EntryType::Char | EntryType::Block | EntryType::Fifo => TarKind::Special,
            EntryType::GNUSparse => {
                self.skip_sparse_map(header)?;
                self.expect_content(size_bytes);
                TarKind::Sparse
            }
            EntryType::Regular | EntryType::Continuous => {
                self.expect_content(size_bytes);
                if extensions.sparse {
                    TarKind::Sparse
                } else if path.ends_with('/') {
                    // Old archives have no type for directories.
                    TarKind::Directory
                } else {
                    TarKind::File { size_bytes }
                }
            }
            _ => {
                self.expect_content(size_bytes);
                TarKind::Special
            }
        };
        let id = |extension: Option<u64>, in_header: io::Result<u64>| {
            let number = extension.or(in_header.ok()).unwrap_or(0);
            u32::try_from(number).unwrap_or(0)
        };
        let owner = Owner {
            uid: id(extensions.uid, header.uid()),
            gid: id(extensions.gid, header.gid()),
        };
        Ok(TarEntry {
            path,
            owner,
            mode: header.mode().unwrap_or(0) & 0o7777,
            kind,
        })
    }

    fn expect_content(&mut self, size_bytes: u64) {
        let block = crate::size::of(BLOCK_BYTES);
        self.content_left = size_bytes;
        self.padding_left = (block - size_bytes % block) % block;
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        let rest = self
            .content_left
            .checked_add(self.padding_left)
            .ok_or_else(|| malformed("an entry is larger than any file"))?;
        if io::copy(&mut (&mut self.source).take(rest), &mut io::sink())? < rest {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.content_left = 0;
        self.padding_left = 0;
        Ok(())
    }

    fn extension(&mut self, size_bytes: u64) -> io::Result<Vec<u8>> {
        if size_bytes > MAX_EXTENSION_BYTES {
            return Err(malformed(
                "an entry's name or attributes are longer than 1 MiB",
            ));
        }
        self.expect_content(size_bytes);
        let mut bytes = Vec::new();
        self.content().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The next header, or `None` for a block of zeros or the end of the source.
    fn header_block(&mut self) -> io::Result<Option<[u8; BLOCK_BYTES]>> {
        let mut block = [0; BLOCK_BYTES];
        let mut filled = 0;
        while filled < BLOCK_BYTES {
            match self.source.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let promised = Header::from_byte_slice(&block).cksum()?;
        // The checksum is taken with its own field, bytes 148 to 155, as spaces.
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| {
                if (148..156).contains(&at) {
                    32
                } else {
                    u32::from(*byte)
                }
            })
            .sum();
        if sum != promised {
            return Err(malformed(
                "the checksum of an entry's header does not match",
            ));
        }
        Ok(Some(block))
    }

    fn skip_sparse_map(&mut self, header: &Header) -> io::Result<()> {
        let mut more = header.as_gnu().is_some_and(tar::GnuHeader::is_extended);
        while more {
            let mut block = [0; BLOCK_BYTES];
            self.source.read_exact(&mut block)?;
            more = block[504] == 1;
        }
        Ok(())
    }
}

/// Reads the current entry's content.
pub(super) struct Content<'a, R>(&'a mut TarReader<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let reader = &mut *self.0;
        let count = (&mut reader.source)
            .take(reader.content_left)
            .read(buffer)?;
        if count == 0 && reader.content_left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reader.content_left -= crate::size::of(count);
        Ok(count)
    }
}

/// PAX records: `LENGTH KEY=VALUE\n`, where the length counts the whole record. Values may hold newlines.
fn parse_pax(mut records: &[u8], extensions: &mut Extensions) -> io::Result<()> {
    let wrong = || malformed("an entry's PAX records are malformed");
    while !records.is_empty() {
        let space = records
            .iter()
            .position(|byte| *byte == b' ')
            .ok_or_else(wrong)?;
        let length: usize = number(&records[..space]).ok_or_else(wrong)?;
        if length <= space + 1 || length > records.len() {
            return Err(wrong());
        }
        let record = records[space + 1..length]
            .strip_suffix(b"\n")
            .ok_or_else(wrong)?;
        let equals = record
            .iter()
            .position(|byte| *byte == b'=')
            .ok_or_else(wrong)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        match key {
            b"path" => extensions.path = Some(lossy(value)),
            b"linkpath" => extensions.link = Some(lossy(value)),
            b"uid" => extensions.uid = number(value),
            b"gid" => extensions.gid = number(value),
            b"size" => extensions.size_bytes = Some(number(value).ok_or_else(wrong)?),
            b"GNU.sparse.name" => {
                extensions.path = Some(lossy(value));
                extensions.sparse = true;
            }
            key if key.starts_with(b"GNU.sparse.") => extensions.sparse = true,
            _ => {}
        }
        records = &records[length..];
    }
    Ok(())
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn until_nul(bytes: &[u8]) -> String {
    lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default())
}

fn malformed(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
