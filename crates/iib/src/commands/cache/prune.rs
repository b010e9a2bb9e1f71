//! `iib cache prune`: a smaller cache.

use oci::Pruned;
use serde_json::json;

use crate::cli::OutputFormat;
use crate::cli::cache::PruneArgs;
use crate::{blob_cache, terminal};

/// Prunes the cache and prints what became of it; one that does not exist is small enough.
pub(crate) async fn run(args: PruneArgs) -> anyhow::Result<()> {
    let (dir, cache) = blob_cache::existing(&args.cache).await?;
    let to = args.to.unwrap_or(args.cache.cache_limit);
    let pruned = match cache {
        Some(cache) => cache.prune(to.0).await?,
        None => Pruned::default(),
    };
    let Pruned {
        removed,
        removed_bytes,
        kept,
        kept_bytes,
    } = pruned;
    terminal::print(&match args.output {
        OutputFormat::Text => format!(
            "removed {removed} item(s), {}; {kept} item(s), {} are left in `{}`",
            terminal::bytes(removed_bytes),
            terminal::bytes(kept_bytes),
            dir.display()
        ),
        OutputFormat::Json => json!({
            "directory": dir.display().to_string(),
            "removed": removed,
            "removed_bytes": removed_bytes,
            "kept": kept,
            "kept_bytes": kept_bytes,
        })
        .to_string(),
    });
    Ok(())
}
