//! `iib catalog add`.

use std::path::Path;

use anyhow::Context as _;
use builder::{Builder, BuilderConfig};
use bundle::Bundle;
use indexdb::{AddOptions, Added, IndexDb, Mode};
use serde_json::json;

use crate::cli::catalog::AddArgs;
use crate::cli::{GraphMode, OutputFormat};
use crate::{registries, terminal};

/// Adds the bundles and tells which are new.
pub(crate) async fn run(args: AddArgs) -> anyhow::Result<()> {
    let (format, permissive) = (args.database.output, args.permissive);
    let added = match add(args).await {
        Err(error) if permissive => {
            terminal::complain(&format!("warning: {}", terminal::chain(&error)));
            Added::default()
        }
        added => added?,
    };
    terminal::print(&match format {
        OutputFormat::Text => format!(
            "added      {} bundles, {} of them in place of another",
            added.bundles.len(),
            added.overwritten.len()
        ),
        OutputFormat::Json => json!({
            "bundles_added": added.bundles,
            "bundles_overwritten": added.overwritten,
            "packages": added.packages,
        })
        .to_string(),
    });
    Ok(())
}

async fn add(args: AddArgs) -> anyhow::Result<Added> {
    let (client, credentials) = registries::client(&args.registries)?;
    let epoch = registries::source_date_epoch()?;
    // Reading bundles writes nothing, so there is no directory to work in.
    let config = BuilderConfig::new("");
    let bundles = Builder::new(client, credentials, config)
        .read_bundles(&args.bundles)
        .await
        .map_err(|error| anyhow::anyhow!(error.report()))?;
    let options = AddOptions {
        mode: match args.mode {
            GraphMode::Replaces => Mode::Replaces,
            GraphMode::Semver => Mode::Semver,
            GraphMode::SemverSkippatch => Mode::SemverSkippatch,
        },
        overwrite_latest: args.overwrite_latest,
        substitutes_for: args.enable_alpha,
        profile: args.profile,
    };
    let path = args.database.path;
    let work = move || {
        let is_new = !path.exists();
        let added = store(&path, is_new, epoch, &bundles, options);
        if added.is_err() && is_new && path.exists() {
            std::fs::remove_file(&path)
                .with_context(|| format!("`{}` could not be removed again", path.display()))?;
        }
        Ok(added?)
    };
    super::blocking(work).await
}

fn store(
    path: &Path,
    is_new: bool,
    epoch: i64,
    bundles: &[Bundle],
    options: AddOptions,
) -> Result<Added, indexdb::Error> {
    let mut index = if is_new {
        IndexDb::create(path, epoch)?
    } else {
        IndexDb::open(path, epoch)?
    };
    let added = index.add(bundles, &options)?;
    index.finish()?;
    Ok(added)
}
