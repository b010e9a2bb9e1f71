//! The layer of a bundle image, byte for byte as the recorded images have it: a POSIX archive in a gzip stream of stored blocks.

use std::path::Path;

use tar::{EntryType, Header};

/// The size of an archive is a multiple of this.
const RECORD: usize = 10_240;
const BLOCK: usize = 512;
/// How much a stored block of a gzip stream holds.
const STORED: usize = 65_535;
/// The longest name a header holds; longer ones have a header of their own.
const NAME: usize = 100;

/// The archive of a bundle's `manifests` and `metadata`: all that is below, in the order of names.
pub(super) fn archive(bundle: &Path) -> std::io::Result<Vec<u8>> {
    let mut archive = Vec::new();
    for top in ["manifests", "metadata"] {
        let mut names = Vec::new();
        if bundle.join(top).is_dir() {
            names.push(top.to_owned());
            list(bundle, top, &mut names)?;
        }
        names.sort();
        for name in names {
            let path = bundle.join(&name);
            if path.is_dir() {
                append(&mut archive, &format!("{name}/"), EntryType::Directory, &[]);
            } else {
                append(
                    &mut archive,
                    &name,
                    EntryType::Regular,
                    &std::fs::read(path)?,
                );
            }
        }
    }
    // Two empty blocks end an archive.
    archive.resize((archive.len() + 2 * BLOCK).next_multiple_of(RECORD), 0);
    Ok(archive)
}

/// Adds the names of everything below a directory; links to directories are not followed.
fn list(bundle: &Path, directory: &str, names: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(bundle.join(directory))? {
        let entry = entry?;
        let name = format!("{directory}/{}", entry.file_name().to_string_lossy());
        names.push(name.clone());
        if entry.file_type()?.is_dir() {
            list(bundle, &name, names)?;
        }
    }
    Ok(())
}

fn append(archive: &mut Vec<u8>, name: &str, kind: EntryType, content: &[u8]) {
    if name.len() > NAME || !name.is_ascii() {
        let record = record("path", name);
        let header = header("././@PaxHeader", EntryType::XHeader, 0, record.len());
        append_blocks(archive, &header, record.as_bytes());
    }
    let mode = if kind == EntryType::Directory {
        0o755
    } else {
        0o644
    };
    append_blocks(archive, &header(name, kind, mode, content.len()), content);
}

fn append_blocks(archive: &mut Vec<u8>, header: &Header, content: &[u8]) {
    archive.extend_from_slice(header.as_bytes());
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
}

/// An extended header's record, which begins with its own length.
fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    loop {
        let whole = length.to_string().len() + rest.len();
        if whole == length {
            return format!("{length}{rest}");
        }
        length = whole;
    }
}

fn header(name: &str, kind: EntryType, mode: u32, size: usize) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(u64::try_from(size).unwrap_or(u64::MAX));
    // Where a name does not fit, the extended header counts.
    let ascii = name.chars().map(|c| if c.is_ascii() { c } else { '?' });
    let ascii: String = ascii.take(NAME).collect();
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.name[..ascii.len()].copy_from_slice(ascii.as_bytes());
    }
    header.set_cksum();
    let sum = header.cksum().unwrap_or_default();
    if let Some(ustar) = header.as_ustar_mut() {
        // Six digits, as most programs write it; the library writes seven.
        ustar
            .cksum
            .copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    header
}

/// A gzip stream that compresses nothing, so that it does not depend on any library.
pub(super) fn gzip_stored(bytes: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut parts = bytes.chunks(STORED).peekable();
    if parts.peek().is_none() {
        stream.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(part) = parts.next() {
        let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
        stream.push(u8::from(parts.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend_from_slice(part);
    }
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    stream.extend(crc.sum().to_le_bytes());
    stream.extend(crc.amount().to_le_bytes());
    stream
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn archives_are_read_back_with_long_and_foreign_names() {
        let folder = tempfile::tempdir().unwrap();
        let long = format!("{}.yaml", "n".repeat(120));
        for name in [long.as_str(), "ü.yaml", "a.yaml"] {
            let path = folder.path().join("manifests").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        let bytes = archive(folder.path()).unwrap();
        assert_eq!(bytes.len() % RECORD, 0);
        let mut names = Vec::new();
        for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            names.push((entry.path().unwrap().to_str().unwrap().to_owned(), text));
        }
        let expected = [
            ("manifests/".to_owned(), String::new()),
            ("manifests/a.yaml".to_owned(), "a.yaml".to_owned()),
            (format!("manifests/{long}"), long.clone()),
            ("manifests/ü.yaml".to_owned(), "ü.yaml".to_owned()),
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn stored_streams_unpack() {
        for length in [0, 1, STORED, STORED + 1, 3 * STORED] {
            let bytes: Vec<u8> = (0..=255).cycle().take(length).collect();
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&gzip_stored(&bytes)[..])
                .read_to_end(&mut unpacked)
                .unwrap();
            assert!(unpacked == bytes, "{length} bytes");
        }
    }
}
