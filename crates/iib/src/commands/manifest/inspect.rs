//! `iib manifest inspect`: what an image's name points to.

use oci::{Descriptor, EntryName, ImageName, Listed};
use serde_json::{Map, Value, json};

use super::source::Source;
use crate::cli::OutputFormat;
use crate::cli::manifest::InspectArgs;
use crate::{registries, terminal};

const ANNOTATIONS: &str = "annotations";

/// Reads the manifest and prints what it says.
pub(super) async fn run(args: InspectArgs) -> anyhow::Result<()> {
    let (client, _) = registries::client(&args.registries)?;
    let source = Source::read(&client, args.image).await?;
    let shown = Shown {
        name: &source.name,
        manifest: source.raw.descriptor(),
        own: own_fields(&source),
        entries: match &source.listed {
            Listed::List(list) => Some(list.named().collect()),
            Listed::Image { .. } => None,
        },
        platform: match &source.listed {
            Listed::Image { platform, .. } => platform.as_ref().map(ToString::to_string),
            Listed::List(_) => None,
        },
    };
    terminal::print(&match args.output {
        OutputFormat::Text => shown.describe(),
        OutputFormat::Json => shown.to_json().to_string(),
    });
    Ok(())
}

/// What is printed.
struct Shown<'source> {
    name: &'source ImageName,
    manifest: Descriptor,
    /// The manifest's own annotations.
    own: Map<String, Value>,
    /// The platform a single image's config says.
    platform: Option<String>,
    /// The entries of a list.
    entries: Option<Vec<(EntryName, &'source Descriptor)>>,
}

fn own_fields(source: &Source) -> Map<String, Value> {
    let document: Option<Map<String, Value>> = serde_json::from_slice(&source.raw.bytes).ok();
    let annotations = document.and_then(|mut document| document.remove(ANNOTATIONS));
    match annotations {
        Some(Value::Object(annotations)) => annotations,
        _ => Map::new(),
    }
}

impl Shown<'_> {
    fn describe(&self) -> String {
        let mut lines = vec![
            format!("image      {}", self.name),
            format!("digest     {}", self.manifest.digest),
            format!("type       {}", self.manifest.media_type),
            format!("size       {}", terminal::bytes(self.manifest.size)),
        ];
        if let Some(platform) = &self.platform {
            lines.push(format!("platform   {platform}"));
        }
        lines.extend(annotation_lines(&self.own, "  "));
        let Some(entries) = &self.entries else {
            return lines.join("\n");
        };
        lines.push(format!("entries    {}", entries.len()));
        for (name, entry) in entries {
            let platform = entry.platform.as_ref();
            let platform = platform.map_or("no platform".to_owned(), ToString::to_string);
            lines.push(format!("  {name}"));
            lines.push(format!("    {}", entry.digest));
            lines.push(format!(
                "    {platform}, {}, {}",
                entry.media_type,
                terminal::bytes(entry.size)
            ));
            let annotations = entry.rest.get(ANNOTATIONS).and_then(Value::as_object);
            lines.extend(
                annotations
                    .iter()
                    .flat_map(|all| annotation_lines(all, "    ")),
            );
        }
        lines.join("\n")
    }

    fn to_json(&self) -> Value {
        let entries = self.entries.as_ref().map(|entries| {
            let entries = entries.iter();
            entries
                .map(|(name, entry)| entry_json(name, entry))
                .collect::<Vec<_>>()
        });
        json!({
            "image": self.name.to_string(),
            "digest": self.manifest.digest,
            "media_type": self.manifest.media_type,
            "size_bytes": self.manifest.size,
            "platform": self.platform,
            "annotations": self.own,
            "entries": entries,
        })
    }
}

fn entry_json(name: &EntryName, entry: &Descriptor) -> Value {
    json!({
        "entry": name.to_string(),
        "digest": entry.digest,
        "media_type": entry.media_type,
        "artifact_type": entry.rest.get("artifactType"),
        "size_bytes": entry.size,
        "platform": entry.platform,
        "annotations": entry.rest.get(ANNOTATIONS),
    })
}

fn annotation_lines(annotations: &Map<String, Value>, indent: &str) -> Vec<String> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    annotations
        .iter()
        .map(|(key, value)| format!("{indent}{key}={}", text(value)))
        .collect()
}
