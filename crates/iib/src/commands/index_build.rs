//! What the commands have in common that make an index image.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use builder::{
    Builder, BuilderConfig, Built, CatalogChange, Checkpoint, Facts, IndexRequest, Output,
    OutputRepository, Overwrite, OverwriteToken, Phase, Reporter, Stopped,
};
use indicatif::ProgressBar;
use oci::{Format, ImageName, Reference, Tag};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{BuildArgs, OutputFormat};
use crate::ledger::{Ledger, Record};
use crate::{blob_cache, registries, service, terminal};

/// Everything a build needs beside its request.
pub(crate) struct Workshop {
    pub(crate) builder: Builder,
    pub(crate) progress: Progress,
    output: OutputFormat,
    _work_dir: TempDir,
}

impl Workshop {
    /// Makes everything ready; `from_index` is the index that may be overwritten.
    pub(crate) async fn open(
        args: &BuildArgs,
        from_index: Option<&ImageName>,
    ) -> anyhow::Result<Self> {
        let (client, credentials) = registries::client(&args.registries)?;
        let work_dir = tempfile::tempdir().context("a private directory could not be made")?;
        let config = BuilderConfig {
            epoch: registries::source_date_epoch()?,
            blob_cache: blob_cache::config(&args.cache)?,
            format: if args.oci {
                Format::Oci
            } else {
                Format::Docker
            },
            on_lost_arch: args.on_lost_arch,
            ..BuilderConfig::new(work_dir.path())
        };
        // An overwrite that cannot be recorded shall fail before anything is built.
        let overwrites = args.overwrite_from_index && !args.dry_run;
        let record = match from_index.filter(|_| overwrites) {
            Some(index) => Some(Ledger::at(&args.state)?.record(index).await?),
            None => None,
        };
        Ok(Self {
            builder: Builder::new(client, credentials, config),
            progress: Progress::new(record),
            output: args.output,
            _work_dir: work_dir,
        })
    }

    /// Lets bundles of `source` and its target without a label of OCP versions count as made for all.
    pub(crate) fn allowing_no_ocp_label(mut self, source: &ImageName) -> Self {
        let mut config = self.builder.config().clone();
        config.no_ocp_label_allow_list.push(source.to_string());
        self.builder = self.builder.with_config(config);
        self
    }

    /// Waits for `work`. Ctrl-C stops it before the next visible step.
    pub(crate) async fn finish<T>(
        self,
        work: impl AsyncFnOnce(&Builder, &Progress) -> Result<T, builder::Error>,
    ) -> anyhow::Result<(T, OutputFormat)> {
        let asked_to_end = service::termination()?;
        let done = tokio::select! {
            done = work(&self.builder, &self.progress) => Some(done),
            () = asked_to_end => None,
        };
        self.progress.end();
        match done {
            None => {
                bail!(
                    "interrupted; what was pushed stays unused until the same command is run again"
                )
            }
            Some(Err(error)) => Err(anyhow::anyhow!(error.report())),
            Some(Ok(done)) => {
                self.progress.confirm().await;
                Ok((done, self.output))
            }
        }
    }
}

/// The part of a request that all have.
pub(crate) fn index_request(
    from_index: Option<ImageName>,
    args: BuildArgs,
) -> anyhow::Result<IndexRequest> {
    let overwrite = match (args.overwrite_from_index, args.overwrite_from_index_token) {
        (false, _) => Overwrite::No,
        (true, None) => Overwrite::Yes,
        (true, Some(text)) => Overwrite::WithToken(OverwriteToken::parse(text.expose_secret())?),
    };
    Ok(IndexRequest {
        from_index,
        binary_image: Some(args.binary_image),
        add_arches: args.arches.into_iter().collect(),
        overwrite,
        distribution_scope: args.distribution_scope,
        output: output(args.to, args.build_tags)?,
        dry_run: args.dry_run,
    })
}

pub(crate) fn output(to: ImageName, build_tags: Vec<Tag>) -> anyhow::Result<Output> {
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

/// An image for a person; `what` are lines on what the request changed.
fn describe(built: &Built, what: Vec<String>) -> String {
    let done = if built.dry_run {
        "dry run   "
    } else {
        "published "
    };
    let name = built.facts.index_image.as_deref().unwrap_or_default();
    let mut lines = vec![format!("{done} {name}")];
    lines.push(format!("digest     {}", built.digest));
    for (arch, digest) in &built.images {
        lines.push(format!("  {arch:<8} {digest}"));
    }
    for kept in &built.kept {
        lines.push(format!(
            "kept       {} of {}",
            kept.entry_names().join(", "),
            kept.target
        ));
    }
    lines.extend(what);
    for (number, layer) in built.layers.iter().enumerate() {
        lines.push(format!(
            "{:<10} {:<8} {:>10}  {}  {}",
            if number == 0 { "layers" } else { "" },
            layer.kind.to_string(),
            terminal::bytes(layer.bytes),
            layer.digest,
            if layer.is_new { "new" } else { "kept" },
        ));
    }
    let blobs = &built.blobs;
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
        built.usage.requests,
        terminal::bytes(built.usage.bytes_read),
        terminal::bytes(built.usage.bytes_written),
    ));
    if let (true, Some(change)) = (built.dry_run, &built.catalog) {
        lines.push(format!("\n{}", change.diff().to_text()));
        lines.extend(graph(change));
    }
    lines.join("\n")
}

/// The upgrade graphs of the touched packages that are left, as one Mermaid chart.
fn graph(change: &CatalogChange) -> Option<String> {
    let after = change.after();
    let names: BTreeSet<&str> = after.packages.iter().map(|it| it.name.as_str()).collect();
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    if names.is_empty() {
        return None;
    }
    let graphs = catalog::graph::select(after, &names, &[]).ok()?;
    Some(catalog::graph::mermaid(&graphs))
}

/// Prints what was made: the image, and what the request changed, for people by `lines`, for programs by `fields`.
pub(crate) fn print(
    output: OutputFormat,
    built: &Built,
    lines: Vec<String>,
    fields: impl IntoIterator<Item = (&'static str, Value)>,
) {
    terminal::print(&match output {
        OutputFormat::Text => describe(built, lines),
        OutputFormat::Json => {
            let mut all = json!(built.summary());
            all["graph"] = json!(built.catalog.as_ref().and_then(graph));
            for (name, value) in fields {
                all[name] = value;
            }
            all.to_string()
        }
    });
}

/// Phases for a person: a spinner on a terminal, plain lines elsewhere.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    /// Where an overwrite is recorded, if there is to be one.
    record: Option<Record>,
}

impl Progress {
    pub(crate) fn new(record: Option<Record>) -> Self {
        let bar = std::io::stderr().is_terminal().then(terminal::spinner);
        Self { bar, record }
    }

    /// Records that the overwrite has happened, if there was one.
    pub(crate) async fn confirm(&self) {
        if let Some(record) = &self.record {
            record.confirm().await;
        }
    }

    pub(crate) fn end(&self) {
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

    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), Stopped> {
        // Nobody takes a command up again: the person types it again. An overwrite may have to be taken back, though.
        match (&self.record, &checkpoint.overwriting) {
            (Some(record), Some(planned)) => record.plan(planned).await.map_err(|error| Stopped {
                reason: terminal::chain(&error),
            }),
            _ => Ok(()),
        }
    }

    async fn confirm(&self) -> Result<(), Stopped> {
        Ok(())
    }
}
