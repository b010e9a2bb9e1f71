//! The cache of blobs and opened layers, as the command line and the environment describe it.

use std::path::PathBuf;

use anyhow::Context as _;
use oci::{BlobCache, CacheConfig};

use crate::cli::cache::CacheArgs;

/// Where the cache is and how large it may become.
pub(crate) fn config(args: &CacheArgs) -> anyhow::Result<CacheConfig> {
    Ok(CacheConfig {
        dir: directory(args)?,
        limit_bytes: args.cache_limit.0,
    })
}

/// The directory of the cache, and the cache, if the directory exists.
pub(crate) async fn existing(args: &CacheArgs) -> anyhow::Result<(PathBuf, Option<BlobCache>)> {
    let dir = directory(args)?;
    let is_there = dir
        .try_exists()
        .with_context(|| format!("the cache `{}` could not be looked for", dir.display()))?;
    let cache = if is_there {
        Some(BlobCache::open(config(args)?).await?)
    } else {
        None
    };
    Ok((dir, cache))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the configuration that reads the environment"
)]
fn directory(args: &CacheArgs) -> anyhow::Result<PathBuf> {
    if let Some(dir) = &args.cache_dir {
        return Ok(dir.clone());
    }
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            // The XDG base directory specification has relative ones ignored.
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|caches| caches.join("iib"))
        .context("there is no place for the cache: neither XDG_CACHE_HOME nor HOME is an absolute path; name a directory with `--cache-dir`")
}
