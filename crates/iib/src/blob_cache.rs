//! The cache of blobs and opened layers, as the command line and the environment describe it.

use std::path::PathBuf;

use anyhow::Context as _;
use oci::{BlobCache, CacheConfig};

use crate::cli::cache::CacheArgs;
use crate::user_dirs;

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

fn directory(args: &CacheArgs) -> anyhow::Result<PathBuf> {
    let chosen = args.cache_dir.clone().or_else(user_dirs::cache);
    chosen.context("there is no place for the cache: neither XDG_CACHE_HOME nor HOME is an absolute path; name a directory with `--cache-dir`")
}
