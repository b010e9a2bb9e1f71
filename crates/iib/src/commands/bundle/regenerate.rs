//! `iib bundle regenerate`: a bundle made anew.

use anyhow::bail;
use builder::{BundleChanges, Checkpoint, Output, RegenerateRequest, Regenerated};
use serde_json::{Value, json};
use similar::TextDiff;

use crate::cli::OutputFormat;
use crate::cli::bundle::BundleRegenerateArgs;
use crate::commands::index_build::{Progress, output};
use crate::{service, terminal};

pub(crate) async fn run(args: BundleRegenerateArgs) -> anyhow::Result<()> {
    let asked_to_end = service::termination()?;
    let (builder, _work_dir) =
        super::builder(&args.registries, &args.cache, &args.organization, args.oci)?;
    // Nothing is written to where a dry run would publish.
    let to = args.to.clone().unwrap_or_else(|| args.image.clone());
    let request = RegenerateRequest {
        from_bundle: args.image.clone(),
        organization: args.organization.organization.clone(),
        replacements: args.replacements.iter().cloned().collect(),
        auths: None,
        output: if args.dry_run {
            unused(&to)?
        } else {
            output(to, Vec::new())?
        },
    };
    let work = async {
        if args.dry_run {
            let changes = builder.preview_regenerated(&request).await?;
            return Ok((changes, None));
        }
        let progress = Progress::new(None);
        let done = builder
            .regenerate(&request, &progress, Checkpoint::default())
            .await;
        progress.end();
        let done = done?;
        Ok::<_, builder::Error>((done.changes.clone(), Some(done)))
    };
    let (changes, done) = tokio::select! {
        done = work => done.map_err(|error| anyhow::anyhow!(error.report()))?,
        () = asked_to_end => bail!("interrupted"),
    };
    terminal::print(&match args.output {
        OutputFormat::Text => text(&changes, done.as_ref()),
        OutputFormat::Json => to_json(&changes, done.as_ref()).to_string(),
    });
    Ok(())
}

/// An output that is never written to; an image by digest has no tag of its own.
fn unused(image: &oci::ImageName) -> anyhow::Result<Output> {
    let repository = match image {
        oci::ImageName::Registry(spec) => {
            builder::OutputRepository::Registry(spec.repository().clone())
        }
        oci::ImageName::Layout { path, .. } => builder::OutputRepository::Layout(path.clone()),
    };
    Ok(Output {
        repository,
        tag: "dry-run".parse()?,
        tag_is_private: true,
        build_tags: Vec::new(),
    })
}

/// What changed, as a patch.
fn diff(changes: &BundleChanges) -> String {
    let mut text = String::new();
    for (path, file) in &changes.files {
        let [before, after] =
            [&file.before, &file.after].map(|bytes| String::from_utf8_lossy(bytes));
        let diff = TextDiff::from_lines(before.as_ref(), after.as_ref());
        let (old, new) = (format!("a/{path}"), format!("b/{path}"));
        text.push_str(&diff.unified_diff().header(&old, &new).to_string());
    }
    text
}

fn text(changes: &BundleChanges, done: Option<&Regenerated>) -> String {
    let mut lines = Vec::new();
    if let Some(done) = done {
        let name = done.facts.bundle_image.as_deref().unwrap_or_default();
        lines.push(format!("published  {name}"));
        lines.push(format!("digest     {}", done.digest));
        for (arch, digest) in &done.images {
            lines.push(format!("  {arch:<8} {digest}"));
        }
        for path in changes.files.keys() {
            lines.push(format!("changed    {path}"));
        }
    } else {
        lines.push(diff(changes).trim_end().to_owned());
    }
    for (label, value) in &changes.labels {
        lines.push(format!("label      {label}={value}"));
    }
    for bundle in changes.related_bundles.iter().flatten() {
        lines.push(format!("related    {bundle}"));
    }
    lines.retain(|line| !line.is_empty());
    if lines.is_empty() {
        return "nothing changes".to_owned();
    }
    lines.join("\n")
}

fn to_json(changes: &BundleChanges, done: Option<&Regenerated>) -> Value {
    let mut all = json!({
        "files": changes.files.keys().collect::<Vec<_>>(),
        "diff": diff(changes),
        "labels": changes.labels,
        "related_bundles": changes.related_bundles,
    });
    if let Some(done) = done {
        all["bundle_image"] = json!(done.facts.bundle_image);
        all["digest"] = json!(done.digest.to_string());
        all["requests"] = json!(done.usage.requests);
    }
    all
}
