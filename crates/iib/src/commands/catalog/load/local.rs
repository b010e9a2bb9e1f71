//! Files, directories and standard input. Blocking.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use bundle::{Bundle, BundleFiles};

use super::{Content, Database, Directory};

/// What SQLite databases begin with, as far as the reference tool looks.
const DATABASE_MAGIC: &[u8; 4] = b"SQLi";

/// Reads standard input to its end.
pub(super) fn stdin() -> anyhow::Result<Content> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .context("standard input cannot be read")?;
    ensure!(
        !bytes.trim_ascii().is_empty(),
        "standard input is empty; write a catalog in JSON or YAML to it"
    );
    ensure!(
        !bytes.starts_with(DATABASE_MAGIC),
        "standard input is an index database; name it by its file"
    );
    Ok(Content::Stream(bytes))
}

/// Opens what is at the path.
pub(super) fn path(path: &Path) -> anyhow::Result<Content> {
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!(
            "there is no such file or directory; an image is named with its registry"
        ),
        _ => error.into(),
    })?;
    if metadata.is_dir() {
        return directory(path);
    }
    ensure!(
        metadata.is_file(),
        "it is neither a file nor a directory; use `-` to read a stream"
    );
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    (&mut file)
        .take(DATABASE_MAGIC.len() as u64)
        .read_to_end(&mut start)?;
    file.rewind()?;
    if start == DATABASE_MAGIC {
        return Ok(Content::Database(Database {
            path: path.to_owned(),
            _work: None,
        }));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Content::Stream(bytes))
}

fn directory(path: &Path) -> anyhow::Result<Content> {
    if path.join("oci-layout").is_file() {
        bail!(
            "it is an OCI layout; name its image with `oci:{}`, and its tag behind a colon",
            path.display()
        );
    }
    let [manifests, metadata] = ["manifests", "metadata"].map(|folder| path.join(folder));
    if !(manifests.is_dir() && metadata.is_dir()) {
        return Ok(Content::Directory(Directory {
            path: path.to_owned(),
            work: None,
        }));
    }
    let files = BundleFiles {
        manifests: Some(files(&manifests)?),
        metadata: Some(files(&metadata)?),
    };
    // A directory has no pull spec.
    let bundle = Bundle::read(&files, "").context("it holds no usable bundle")?;
    Ok(Content::Bundle(Box::new(bundle)))
}

fn files(folder: &Path) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let reading = || format!("`{}` cannot be read", folder.display());
    for entry in fs::read_dir(folder).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str())
            && path.is_file()
        {
            let bytes =
                fs::read(&path).with_context(|| format!("`{}` cannot be read", path.display()))?;
            files.insert(name.to_owned(), bytes);
        }
    }
    Ok(files)
}
