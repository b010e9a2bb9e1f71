//! `iib index inspect`: what an index image holds.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use builder::{Builder, BuilderConfig, IndexSummary};
use serde_json::{Value, json};

use crate::cli::{IndexInspectArgs, OutputFormat};
use crate::{registries, service, terminal};

/// Reads the image and prints its summary.
pub(crate) async fn run(args: IndexInspectArgs) -> anyhow::Result<()> {
    let asked_to_end = service::termination()?;
    let (client, credentials) = registries::client(&args.registries)?;
    let work_dir = tempfile::tempdir().context("a private directory could not be made")?;
    let builder = Builder::new(client, credentials, BuilderConfig::new(work_dir.path()));
    let look = async {
        if let Some(path) = &args.database {
            builder.extract_database(&args.image, path).await?;
        }
        builder.inspect(&args.image).await
    };
    let summary = tokio::select! {
        summary = look => summary.map_err(|error| anyhow::anyhow!(error.report()))?,
        () = asked_to_end => bail!("interrupted"),
    };
    terminal::print(&match args.output {
        OutputFormat::Text => describe(&args.image.to_string(), &summary),
        OutputFormat::Json => to_json(&summary).to_string(),
    });
    Ok(())
}

/// The summary for people.
pub(crate) fn describe(name: &str, summary: &IndexSummary) -> String {
    let mut lines = vec![
        format!("image      {name}"),
        format!("digest     {}", summary.digest),
        format!("type       {}", summary.media_type),
    ];
    for (arch, digest) in &summary.images {
        lines.push(format!("  {arch:<8} {digest}"));
    }
    lines.push("labels".to_owned());
    for (label, value) in &summary.labels {
        lines.push(format!("  {label}={value}"));
    }
    lines.push(format!(
        "database   {}, {} package(s), {} bundle(s)",
        terminal::bytes(summary.database_bytes),
        summary.packages.len(),
        summary.bundles.len()
    ));
    for package in &summary.packages {
        lines.push(format!(
            "  {} (default channel {})",
            package.name,
            package.default_channel.as_deref().unwrap_or("none")
        ));
        for channel in &package.channels {
            lines.push(format!(
                "    {:<16} head {}",
                channel.name,
                channel.head.as_deref().unwrap_or("none")
            ));
        }
    }
    lines.join("\n")
}

fn to_json(summary: &IndexSummary) -> Value {
    let images: BTreeMap<String, String> = summary
        .images
        .iter()
        .map(|(arch, digest)| (arch.to_string(), digest.to_string()))
        .collect();
    let packages: Vec<Value> = summary
        .packages
        .iter()
        .map(|package| {
            let channels: Vec<Value> = package
                .channels
                .iter()
                .map(|channel| json!({"name": channel.name, "head": channel.head}))
                .collect();
            json!({"name": package.name, "default_channel": package.default_channel, "channels": channels})
        })
        .collect();
    let bundles: Vec<Value> = summary
        .bundles
        .iter()
        .map(|bundle| {
            json!({
                "name": bundle.csv_name,
                "package": bundle.package,
                "version": bundle.version,
                "bundle_path": bundle.path,
                "channels": bundle.channels,
            })
        })
        .collect();
    json!({
        "digest": summary.digest,
        "media_type": summary.media_type,
        "images": images,
        "labels": summary.labels,
        "database_bytes": summary.database_bytes,
        "packages": packages,
        "bundles": bundles,
    })
}
