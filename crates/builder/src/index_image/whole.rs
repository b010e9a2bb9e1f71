//! A whole catalog as new layers: on first contact with an image of another tool, and when deltas do not do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use catalog::cache;
use oci::{BlobSource, Layer, LayerBuilder, Owner};

use super::change::{empty_directories_of, files_of};
use super::{CACHE, CACHE_OWNER, CONFIGS, PROFILE, add_cache_directories};
use crate::config::BuilderConfig;
use crate::error::{ContentError, Error};

/// The layers of a whole catalog.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) base: Layer,
    pub(crate) cache: Layer,
}

/// Judges the catalog in `configs` and writes it and its serve cache as layers. Blocking.
pub(crate) fn whole(
    config: &BuilderConfig,
    origin: &str,
    configs: &Path,
    directory: &Path,
    base_layers: usize,
) -> Result<Whole, Error> {
    let cache_dir = directory.join("cache");
    let options = cache::Options {
        format: Some(cache::Format::Pogreb),
        profile: PROFILE,
    };
    cache::write(configs, &cache_dir, options).map_err(|source| ContentError::Cache {
        origin: origin.to_owned(),
        source: Box::new(source),
    })?;

    let mut base = LayerBuilder::new(config.epoch);
    // A catalog without packages is a directory without files.
    base.directory(CONFIGS, Owner::ROOT, 0o755)
        .map_err(Error::Layer)?;
    // What a removal emptied stays, as the reference service leaves it (spec workflows 5.2).
    for path in empty_directories_of(configs)? {
        base.directory(&format!("{CONFIGS}/{path}"), Owner::ROOT, 0o755)
            .map_err(Error::Layer)?;
    }
    for (path, file) in files_of(configs)? {
        base.file(
            &format!("{CONFIGS}/{path}"),
            Owner::ROOT,
            0o644,
            BlobSource::File(file),
        )
        .map_err(Error::Layer)?;
    }
    let base = base
        .write(&directory.join("base.tar.gz"), config.format)
        .map_err(Error::Layer)?;

    let mut layer = LayerBuilder::new(config.epoch);
    add_cache_directories(&mut layer, base_layers)?;
    for (path, file) in files_of(&cache_dir)? {
        let mode = fs::metadata(&file)
            .map_err(|source| Error::Io {
                path: file.clone(),
                source,
            })?
            .permissions()
            .mode();
        layer
            .file(
                &format!("{CACHE}/{path}"),
                CACHE_OWNER,
                mode & 0o777,
                BlobSource::File(file),
            )
            .map_err(Error::Layer)?;
    }
    let cache = layer
        .write(&directory.join("cache.tar.gz"), config.format)
        .map_err(Error::Layer)?;
    Ok(Whole { base, cache })
}
