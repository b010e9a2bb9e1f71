//! Catalogs from whatever a command line names.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use bundle::{Bundle, BundleFiles};
use catalog::fbc::{Catalog, Output};
use indexdb::IndexDb;

use crate::cli::catalog::files::{CatalogFormat, MigrateLevel};
use crate::registries;

impl From<CatalogFormat> for Output {
    fn from(format: CatalogFormat) -> Self {
        match format {
            CatalogFormat::Json => Self::Json,
            CatalogFormat::Yaml => Self::Yaml,
        }
    }
}

/// Reads a directory or an index database, as rendering gives it.
pub(super) fn path(path: &Path, level: MigrateLevel) -> anyhow::Result<Catalog> {
    let metadata = fs::metadata(path).with_context(|| {
        format!(
            "`{}` cannot be read; name a directory or an index database",
            path.display()
        )
    })?;
    let catalog = if metadata.is_file() {
        database(path)?
    } else if is_bundle(path) {
        let bundle = Bundle::read(&bundle_files(path)?, "")
            .with_context(|| format!("`{}` holds no usable bundle", path.display()))?;
        of_bundle(&bundle)
    } else {
        Catalog::read_tree(path)?
    };
    finish(catalog, level)
}

/// A catalog of one bundle.
pub(super) fn of_bundle(bundle: &Bundle) -> Catalog {
    Catalog {
        bundles: vec![bundle.to_blob()],
        ..Catalog::default()
    }
}

/// What follows the reading of every input.
pub(super) fn finish(mut catalog: Catalog, level: MigrateLevel) -> anyhow::Result<Catalog> {
    catalog.arrange();
    match level {
        MigrateLevel::None => {}
        MigrateLevel::BundleObjectToCsvMetadata | MigrateLevel::All => {
            catalog.embed_csv_metadata()?;
        }
    }
    Ok(catalog)
}

/// Whether a directory holds a bundle rather than a catalog.
pub(super) fn is_bundle(path: &Path) -> bool {
    ["manifests", "metadata"]
        .iter()
        .all(|folder| path.join(folder).is_dir())
}

/// Reads a copy: opening a database of an older schema migrates it.
fn database(path: &Path) -> anyhow::Result<Catalog> {
    const MAGIC: &[u8] = b"SQLi";
    let bytes = fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    if !bytes.starts_with(MAGIC) {
        bail!(
            "`{}` is no index database; a file-based catalog is named by its directory",
            path.display()
        );
    }
    let work_dir = tempfile::tempdir().context("a private directory could not be made")?;
    let copy = work_dir.path().join("index.db");
    fs::write(&copy, bytes).context("the database could not be copied")?;
    let index = IndexDb::open(&copy, registries::source_date_epoch()?)?;
    index
        .catalog()
        .with_context(|| format!("`{}` cannot be turned into a catalog", path.display()))
}

fn bundle_files(path: &Path) -> anyhow::Result<BundleFiles> {
    Ok(BundleFiles {
        manifests: Some(files(&path.join("manifests"))?),
        metadata: Some(files(&path.join("metadata"))?),
    })
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
