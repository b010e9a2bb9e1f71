//! `iib index add`: the add request without a service.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use builder::{
    AddRequest, Added, Builder, BuilderConfig, Checkpoint, Facts, GraphUpdateMode, Output,
    OutputRepository, Overwrite, OverwriteToken, Phase, Reporter, Stopped,
};
use indicatif::ProgressBar;
use oci::{Format, ImageName, Reference, Tag};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::cli::{GraphMode, IndexAddArgs, OutputFormat};
use crate::{WrongUsage, registries, service, terminal};

/// Adds the bundles and prints what was made. Ctrl-C stops before the next visible step.
pub(crate) async fn run(args: IndexAddArgs) -> anyhow::Result<()> {
    let asked_to_end = service::termination()?;
    let (client, credentials) = registries::client(&args.registries)?;
    let epoch = registries::source_date_epoch()?;
    let format = args.output;
    let manifests = if args.oci {
        Format::Oci
    } else {
        Format::Docker
    };
    let on_lost_arch = args.on_lost_arch;
    let request = request(args).map_err(WrongUsage)?;
    let work_dir = tempfile::tempdir().context("a private directory could not be made")?;
    let config = BuilderConfig {
        epoch,
        format: manifests,
        on_lost_arch,
        ..BuilderConfig::new(work_dir.path())
    };
    let builder = Builder::new(client, credentials, config);
    let progress = Progress::new();
    let added = tokio::select! {
        added = builder.add(&request, &progress, Checkpoint::default()) => Some(added),
        () = asked_to_end => None,
    };
    progress.end();
    let Some(added) = added else {
        bail!("interrupted; what was pushed stays unused until the same command is run again");
    };
    let added = added.map_err(|error| anyhow::anyhow!(error.report()))?;
    terminal::print(&match format {
        OutputFormat::Text => describe(&added),
        OutputFormat::Json => to_json(&added).to_string(),
    });
    Ok(())
}

fn request(args: IndexAddArgs) -> anyhow::Result<AddRequest> {
    let output = output(args.to, args.build_tags)?;
    let overwrite = match (args.overwrite_from_index, args.overwrite_from_index_token) {
        (false, _) => Overwrite::No,
        (true, None) => Overwrite::Yes,
        (true, Some(text)) => Overwrite::WithToken(OverwriteToken::parse(text.expose_secret())?),
    };
    let mut bundles = Vec::new();
    for bundle in args.bundles {
        if !bundles.contains(&bundle) {
            bundles.push(bundle);
        }
    }
    if bundles.is_empty() && args.from_index.is_none() {
        bail!("nothing to add: name bundles with `--bundles`, or an index with `--from-index`");
    }
    if args.arches.is_empty() && args.from_index.is_none() {
        bail!("a new index needs architectures: name them with `--arch`");
    }
    Ok(AddRequest {
        bundles,
        from_index: args.from_index,
        binary_image: Some(args.binary_image),
        add_arches: args.arches.into_iter().collect(),
        overwrite,
        distribution_scope: args.distribution_scope,
        graph_update_mode: match args.mode {
            GraphMode::Replaces => GraphUpdateMode::Replaces,
            GraphMode::Semver => GraphUpdateMode::Semver,
            GraphMode::SemverSkippatch => GraphUpdateMode::SemverSkippatch,
        },
        output,
    })
}

fn output(to: ImageName, build_tags: Vec<Tag>) -> anyhow::Result<Output> {
    let Reference::Tag(tag) = to.reference() else {
        bail!("`--to {to}` names a digest; name a tag to publish under");
    };
    let repository = match to {
        ImageName::Registry(spec) => OutputRepository::Registry(spec.repository().clone()),
        ImageName::Layout { path, .. } => OutputRepository::Layout(path),
    };
    Ok(Output {
        repository,
        tag,
        tag_is_private: false,
        build_tags,
    })
}

fn describe(added: &Added) -> String {
    let mut lines = vec![format!(
        "published  {}",
        added.facts.index_image.as_deref().unwrap_or_default()
    )];
    lines.push(format!("digest     {}", added.digest));
    for (arch, digest) in &added.images {
        lines.push(format!("  {arch:<8} {digest}"));
    }
    for kept in &added.kept {
        lines.push(format!(
            "kept       {} of {}",
            names(&kept.entries).join(", "),
            kept.target
        ));
    }
    lines.push(format!(
        "bundles    {} added, {} already there",
        added.bundles_added.len(),
        added.bundles_present.len()
    ));
    let blobs = &added.blobs;
    lines.push(format!(
        "blobs      {} pushed ({}), {} there already, {} mounted, {} copied ({})",
        blobs.pushed,
        terminal::bytes(blobs.pushed_bytes),
        blobs.present,
        blobs.mounted,
        blobs.copied,
        terminal::bytes(blobs.copied_bytes),
    ));
    lines.push(format!(
        "network    {} requests, {} read, {} written",
        added.usage.requests,
        terminal::bytes(added.usage.bytes_read),
        terminal::bytes(added.usage.bytes_written),
    ));
    lines.join("\n")
}

fn to_json(added: &Added) -> serde_json::Value {
    let images: BTreeMap<String, String> = added
        .images
        .iter()
        .map(|(arch, digest)| (arch.to_string(), digest.to_string()))
        .collect();
    let kept: BTreeMap<String, Vec<String>> = added
        .kept
        .iter()
        .map(|kept| (kept.target.to_string(), names(&kept.entries)))
        .collect();
    json!({
        "index_image": added.facts.index_image,
        "index_image_resolved": added.facts.index_image_resolved,
        "internal_index_image_copy": added.facts.internal_index_image_copy,
        "internal_index_image_copy_resolved": added.facts.internal_index_image_copy_resolved,
        "digest": added.digest,
        "images": images,
        "kept": kept,
        "bundles_added": names(&added.bundles_added),
        "bundles_present": names(&added.bundles_present),
        "blobs": {
            "pushed": added.blobs.pushed,
            "pushed_bytes": added.blobs.pushed_bytes,
            "present": added.blobs.present,
            "mounted": added.blobs.mounted,
            "copied": added.blobs.copied,
            "copied_bytes": added.blobs.copied_bytes,
        },
        "network": {
            "requests": added.usage.requests,
            "bytes_read": added.usage.bytes_read,
            "bytes_written": added.usage.bytes_written,
        },
    })
}

fn names(things: &[impl ToString]) -> Vec<String> {
    things.iter().map(ToString::to_string).collect()
}

/// Phases for a person: a spinner on a terminal, plain lines elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(terminal::spinner);
        Self { bar }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[async_trait]
impl Reporter for Progress {
    async fn phase(&self, phase: &Phase, _facts: &Facts) -> Result<(), Stopped> {
        match &self.bar {
            Some(bar) => bar.set_message(phase.to_string()),
            None => terminal::complain(&phase.to_string()),
        }
        Ok(())
    }

    async fn checkpoint(&self, _checkpoint: &Checkpoint) -> Result<(), Stopped> {
        // Nobody takes a command up again: the person types it again.
        Ok(())
    }

    async fn confirm(&self) -> Result<(), Stopped> {
        Ok(())
    }
}
