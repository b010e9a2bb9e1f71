//! `iib cache ls`: what is in the cache.

use std::path::Path;
use std::time::SystemTime;

use anyhow::Context as _;
use jiff::{Timestamp, Unit};
use oci::{CachedItem, CachedKind};
use serde_json::{Value, json};

use crate::cli::OutputFormat;
use crate::cli::cache::LsArgs;
use crate::{blob_cache, terminal};

/// Prints what is in the cache; nothing is in one that does not exist.
pub(crate) async fn run(args: LsArgs) -> anyhow::Result<()> {
    let (dir, cache) = blob_cache::existing(&args.cache).await?;
    let items = match cache {
        Some(cache) => cache.list().await?,
        None => Vec::new(),
    };
    let limit_bytes = args.cache.cache_limit.0;
    terminal::print(&match args.output {
        OutputFormat::Text => describe(&dir, limit_bytes, &items)?,
        OutputFormat::Json => to_json(&dir, limit_bytes, &items)?.to_string(),
    });
    Ok(())
}

fn describe(dir: &Path, limit_bytes: u64, items: &[CachedItem]) -> anyhow::Result<String> {
    let mut lines = Vec::new();
    for item in items {
        lines.push(format!(
            "{:<5}  {}  {:>10}  {}",
            kind(item.kind),
            item.digest,
            terminal::bytes(item.bytes),
            time(item.last_used)?
        ));
    }
    lines.push(format!(
        "{} item(s), {} of {} in `{}`",
        items.len(),
        terminal::bytes(total(items)),
        terminal::bytes(limit_bytes),
        dir.display()
    ));
    Ok(lines.join("\n"))
}

fn to_json(dir: &Path, limit_bytes: u64, items: &[CachedItem]) -> anyhow::Result<Value> {
    let mut listed = Vec::new();
    for item in items {
        listed.push(json!({
            "kind": kind(item.kind),
            "digest": item.digest,
            "bytes": item.bytes,
            "last_used": time(item.last_used)?,
        }));
    }
    Ok(json!({
        "directory": dir.display().to_string(),
        "limit_bytes": limit_bytes,
        "bytes": total(items),
        "items": listed,
    }))
}

fn total(items: &[CachedItem]) -> u64 {
    items.iter().map(|item| item.bytes).sum()
}

fn kind(kind: CachedKind) -> &'static str {
    match kind {
        CachedKind::Blob => "blob",
        CachedKind::Layer => "layer",
    }
}

fn time(time: SystemTime) -> anyhow::Result<String> {
    let time = Timestamp::try_from(time)
        .and_then(|time| time.round(Unit::Second))
        .context("the time of an item's last use cannot be written; correct the clock")?;
    Ok(time.to_string())
}
