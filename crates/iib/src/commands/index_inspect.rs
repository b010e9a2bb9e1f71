//! `iib index inspect`: what an index image holds.

mod json;
mod picture;
mod text;
mod totals;

use std::path::Path;

use anyhow::{Context as _, bail};
use builder::{IndexKind, LayerOrigin};

pub(crate) use self::text::describe;

use crate::blocking::blocking;
use crate::cli::OutputFormat;
use crate::cli::index::IndexInspectArgs;
use crate::{blob_cache, registries, service, terminal};

/// Reads the image and prints its summary.
pub(crate) async fn run(args: IndexInspectArgs) -> anyhow::Result<()> {
    let asked_to_end = service::termination()?;
    let cache = blob_cache::config(&args.cache)?;
    let (builder, _work_dir) = registries::builder(&args.registries, Some(cache))?;
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
    let name = args.image.to_string();
    if let Some(path) = args.svg {
        let svg = picture::svg(&name, &summary.image);
        blocking(move || write(&path, &svg)).await?;
    }
    terminal::print(&match args.output {
        OutputFormat::Text => describe(&name, &summary),
        OutputFormat::Json => json::to_json(&summary).to_string(),
    });
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| {
        format!(
            "the picture could not be written to `{}`; check the directory and its permissions",
            path.display()
        )
    })
}

/// The name of a kind of index.
pub(crate) fn kind(kind: IndexKind) -> &'static str {
    match kind {
        IndexKind::Database => "sqlite",
        IndexKind::FileBased => "file-based",
    }
}

/// The name of a kind of layer, for programs.
pub(crate) fn layer_kind(origin: LayerOrigin) -> String {
    match origin {
        LayerOrigin::BinaryImage => "binary_image".to_owned(),
        LayerOrigin::Own(kind) => kind.to_string(),
        LayerOrigin::Other => "other".to_owned(),
    }
}
