//! `iib catalog`: catalogs in files.

mod add;
mod cache;
mod convert;
mod deprecate;
mod load;
mod migrate;
mod output;
mod prune;
mod prune_stranded;
mod render;
mod rm;
mod validate;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use indexdb::{IndexDb, Removed};
use serde_json::json;

use crate::cli::OutputFormat;
use crate::cli::catalog::CatalogCommand;
use crate::{registries, terminal};

/// Does one of the commands.
pub(crate) async fn run(command: CatalogCommand) -> anyhow::Result<()> {
    match command {
        CatalogCommand::Add(args) => Box::pin(add::run(*args)).await,
        CatalogCommand::Rm(args) => rm::run(args).await,
        CatalogCommand::Deprecate(args) => deprecate::run(args).await,
        CatalogCommand::Prune(args) => prune::run(args).await,
        CatalogCommand::PruneStranded(args) => prune_stranded::run(args).await,
        CatalogCommand::Cache(args) => cache::run(args).await,
        CatalogCommand::Validate(args) => validate::run(args).await,
        CatalogCommand::Render(args) => Box::pin(render::run(*args)).await,
        CatalogCommand::Migrate(args) => migrate::run(args).await,
        CatalogCommand::Convert(args) => convert::run(args).await,
    }
}

/// Changes an existing database in place and leaves no free space in it.
async fn change<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(&mut IndexDb) -> Result<T, indexdb::Error> + Send + 'static,
) -> anyhow::Result<T> {
    let epoch = registries::source_date_epoch()?;
    ensure!(
        path.is_file(),
        "`{}` is no file; name an index database, or make one with `iib catalog add`",
        path.display()
    );
    let work = move || {
        let mut index = IndexDb::open(&path, epoch)?;
        let done = work(&mut index)?;
        index.finish_compact()?;
        Ok::<_, indexdb::Error>(done)
    };
    Ok(tokio::task::spawn_blocking(work)
        .await
        .context("the work on the database was cut off")??)
}

/// Warns of what was passed over.
fn warn(skipped: &[indexdb::Error]) {
    for error in skipped {
        terminal::complain(&format!("warning: {error}"));
    }
}

/// Says what a removal did.
fn tell_removed(removed: &Removed, format: OutputFormat) {
    warn(&removed.skipped);
    terminal::print(&match format {
        OutputFormat::Text => format!(
            "removed    {} packages, {} bundles",
            removed.packages.len(),
            removed.bundles.len()
        ),
        OutputFormat::Json => json!({
            "packages_removed": removed.packages,
            "bundles_removed": removed.bundles,
            "skipped": messages(&removed.skipped),
        })
        .to_string(),
    });
}

fn messages(errors: &[indexdb::Error]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}
