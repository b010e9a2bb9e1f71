//! `iib catalog cache`.

use anyhow::{Context as _, bail};
use catalog::cache::{self, Integrity};
use serde_json::json;

use crate::cli::OutputFormat;
use crate::cli::catalog::CacheArgs;
use crate::terminal;

/// Writes the cache, or checks it, and tells its digest.
pub(crate) async fn run(args: CacheArgs) -> anyhow::Result<()> {
    let output = args.output;
    let digest = tokio::task::spawn_blocking(move || write_or_check(&args))
        .await
        .context("the work on the cache was cut off")??;
    terminal::print(&match output {
        OutputFormat::Text => format!("digest     {digest}"),
        OutputFormat::Json => json!({ "digest": digest }).to_string(),
    });
    Ok(())
}

fn write_or_check(args: &CacheArgs) -> anyhow::Result<String> {
    if !args.check {
        return Ok(cache::write(&args.catalog, &args.cache_dir, args.format)?);
    }
    let (catalog, dir) = (args.catalog.display(), args.cache_dir.display());
    match cache::check(&args.catalog, &args.cache_dir)? {
        Integrity::Current { digest } => Ok(digest),
        Integrity::Stale { recorded, computed } => bail!(
            "the cache in `{dir}` does not belong to `{catalog}`: its digest is `{recorded}`, but that of what is there is `{computed}`; write it again with `iib catalog cache`"
        ),
        Integrity::Absent => {
            bail!("`{dir}` holds no finished cache; write one with `iib catalog cache`")
        }
    }
}
