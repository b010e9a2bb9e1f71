//! The digest a JSON cache has: a checksum over archives of two directories.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::fnv::Fnv;

const BLOCK: usize = 512;
const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// Adds the tar archive of a directory to a checksum, byte for byte as the reference tool archives it (file-based catalog
/// specification, 4.5): all files, in walk order, symbolic links left out. Nothing is written and no file is held in
/// memory.
pub(super) fn add_directory(fnv: &mut Fnv, root: &Path) -> io::Result<()> {
    add_root(fnv, root)?;
    for child in children(root)? {
        add_entry(fnv, &root.join(&child), child.as_bytes())?;
    }
    add_end(fnv);
    Ok(())
}

/// Begins an archive with the directory itself, which may be a link to one.
pub(super) fn add_root(fnv: &mut Fnv, root: &Path) -> io::Result<()> {
    header(fnv, b".", &fs::metadata(root)?);
    Ok(())
}

/// Goes on with a file, or with a directory and everything in it.
pub(super) fn add_entry(fnv: &mut Fnv, path: &Path, name: &[u8]) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    if !metadata.is_dir() && !metadata.is_file() {
        // Reading from a pipe or a device might never end.
        return Err(io::Error::other("it is neither a file nor a directory"));
    }
    header(fnv, name, &metadata);
    if metadata.is_file() {
        return contents(fnv, path, metadata.len());
    }
    for child in children(path)? {
        let name = [name, b"/", child.as_bytes()].concat();
        add_entry(fnv, &path.join(&child), &name)?;
    }
    Ok(())
}

/// Ends an archive.
pub(super) fn add_end(fnv: &mut Fnv) {
    fnv.write(&ZEROS);
    fnv.write(&ZEROS);
}

fn children(path: &Path) -> io::Result<Vec<OsString>> {
    let names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// The file's bytes, filled up to whole blocks.
fn contents(fnv: &mut Fnv, path: &Path, size: u64) -> io::Result<()> {
    let mut file = File::open(path)?.take(size);
    let mut buffer = vec![0; 1 << 16];
    let mut total = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        fnv.write(&buffer[..count]);
        total += count;
    }
    fnv.write(&ZEROS[..total.next_multiple_of(BLOCK) - total]);
    Ok(())
}

fn header(fnv: &mut Fnv, name: &[u8], metadata: &Metadata) {
    let mode = u64::from(metadata.permissions().mode() & 0o777);
    let (kind, size) = if metadata.is_dir() {
        (b'5', 0)
    } else {
        (b'0', metadata.len())
    };
    let (prefix, short) = if name.is_ascii() && name.len() <= 100 {
        (&b""[..], name)
    } else if let Some(parts) = split(name) {
        parts
    } else {
        extended_name(fnv, name);
        (&b""[..], name)
    };
    let mut block = Block::new(&ascii(short), mode, size, kind);
    block.octal(329, 7, 0);
    block.octal(337, 7, 0);
    block.text(345, 155, prefix);
    fnv.write(&block.sealed());
}

/// Splits a name that is too long for its field at a slash, if there is one where both parts fit.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if !name.is_ascii() {
        return None;
    }
    let slash = name[..name.len().min(156)]
        .iter()
        .rposition(|byte| *byte == b'/')?;
    let (prefix, rest) = (&name[..slash], &name[slash + 1..]);
    (!prefix.is_empty() && !rest.is_empty() && rest.len() <= 100).then_some((prefix, rest))
}

/// An extended header that carries the whole name.
fn extended_name(fnv: &mut Fnv, name: &[u8]) {
    // The length counts its own digits.
    let rest = name.len() + " path=\n".len();
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    let body = [format!("{length} path=").as_bytes(), name, b"\n"].concat();
    let (parent, base) = match name.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&name[..=slash], &name[slash + 1..]),
        None => (&b""[..], name),
    };
    let header_name = ascii(&[parent, b"PaxHeaders.0/", base].concat());
    let cut = &header_name[..header_name.len().min(100)];
    let cut = &cut[..cut
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(0, |at| at + 1)];
    let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
    fnv.write(&Block::new(cut, 0, size, b'x').sealed());
    fnv.write(&body);
    fnv.write(&ZEROS[..body.len().next_multiple_of(BLOCK) - body.len()]);
}

fn ascii(name: &[u8]) -> Vec<u8> {
    name.iter().copied().filter(u8::is_ascii).collect()
}

/// A header block of the USTAR format.
struct Block([u8; BLOCK]);

impl Block {
    /// A header without owner and time, device numbers and prefix not yet set.
    fn new(name: &[u8], mode: u64, size: u64, kind: u8) -> Self {
        let mut block = Self(ZEROS);
        block.text(0, 100, name);
        block.octal(100, 7, mode);
        block.octal(108, 7, 0);
        block.octal(116, 7, 0);
        block.octal(124, 11, size);
        block.octal(136, 11, 0);
        block.text(156, 1, &[kind]);
        block.text(257, 8, b"ustar\x0000");
        block
    }

    fn text(&mut self, at: usize, width: usize, text: &[u8]) {
        let length = text.len().min(width);
        self.0[at..at + length].copy_from_slice(&text[..length]);
    }

    fn octal(&mut self, at: usize, digits: usize, value: u64) {
        self.text(at, digits, format!("{value:0digits$o}").as_bytes());
    }

    /// The block with its checksum.
    fn sealed(mut self) -> [u8; BLOCK] {
        self.text(148, 8, b"        ");
        let sum: u64 = self.0.iter().copied().map(u64::from).sum();
        self.text(148, 8, format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_split_at_the_last_slash_that_fits() {
        let name = format!("{}/{}/{}", "a".repeat(90), "b".repeat(50), "c".repeat(60));
        let (prefix, rest) = split(name.as_bytes()).unwrap();
        assert_eq!((prefix.len(), rest.len()), (141, 60));
        assert_eq!(split("c".repeat(101).as_bytes()), None);
        let late = format!("{}/{}", "a".repeat(160), "b");
        assert_eq!(split(late.as_bytes()), None);
    }

    #[test]
    fn checksums_are_the_sum_of_the_header_with_a_blank_field() {
        let block = Block::new(b"a", 0o644, 3, b'0').sealed();
        assert_eq!(&block[100..108], b"0000644\0");
        assert_eq!(&block[124..136], b"00000000003\0");
        assert_eq!(&block[154..156], b"\0 ");
    }
}
