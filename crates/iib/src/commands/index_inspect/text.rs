//! A summary for people.

use builder::{ArchImage, CatalogSummary, IndexImage, IndexSummary, labels};
use oci::Arch;

use super::kind;
use super::totals::{Totals, room};
use crate::terminal;

/// The summary for people.
pub(crate) fn describe(name: &str, summary: &IndexSummary) -> String {
    let image = &summary.image;
    let mut lines = vec![
        format!("image      {name}"),
        format!("digest     {}", image.digest),
        format!("type       {}", image.media_type),
        format!("kind       {}", kind(image.kind)),
    ];
    for (arch, image) in &image.images {
        lines.push(format!("  {arch:<8} {}", image.digest));
    }
    describe_labels(&mut lines, image);
    if let Some((arch, image)) = image.shown() {
        describe_layers(&mut lines, arch, image);
    }
    describe_catalog(&mut lines, &summary.catalog);
    lines.join("\n")
}

/// What the labels that are about indexes begin with.
const INDEX_LABELS: [&str; 2] = ["operators.operatorframework.io.", "com.redhat.index."];

/// The labels of interest; a binary image brings dozens of others.
fn describe_labels(lines: &mut Vec<String>, image: &IndexImage) {
    lines.push("labels".to_owned());
    let is_of_interest = |name: &str| {
        name == labels::ARCHITECTURE || INDEX_LABELS.iter().any(|start| name.starts_with(start))
    };
    let (shown, others): (Vec<_>, Vec<_>) = image
        .labels
        .iter()
        .partition(|(name, _)| is_of_interest(name));
    for (label, value) in shown {
        lines.push(format!("  {label}={value}"));
    }
    if !others.is_empty() {
        lines.push(format!(
            "  and {} more (`-o json` shows them)",
            others.len()
        ));
    }
}

fn describe_layers(lines: &mut Vec<String>, arch: &Arch, image: &ArchImage) {
    lines.push(format!("layers     of {arch}, the lowest first"));
    for (number, layer) in image.layers.iter().enumerate() {
        lines.push(format!(
            "  {:>3}  {:<15} {:>10}  {}",
            number + 1,
            layer.origin.to_string(),
            terminal::bytes(layer.bytes),
            layer.digest
        ));
    }
    lines.push(format!("totals     {}", Totals::of(image)));
    if let Some(left) = &image.room {
        lines.push(format!("room       {}", room(left)));
    }
}

fn describe_catalog(lines: &mut Vec<String>, catalog: &CatalogSummary) {
    let contents = format!(
        "{} package(s), {} channel(s), {} bundle(s)",
        catalog.packages.len(),
        super::totals::channels(catalog),
        catalog.bundles.len()
    );
    lines.push(match catalog.database_bytes {
        Some(bytes) => format!("database   {}, {contents}", terminal::bytes(bytes)),
        None => format!("catalog    {contents}"),
    });
    for package in &catalog.packages {
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
}
