//! `iib catalog`: catalogs in files.

mod add;
mod cache;
mod convert;
mod deprecate;
pub(super) mod diff;
mod graph;
mod load;
mod migrate;
mod output;
mod prune;
mod prune_stranded;
mod render;
mod rm;
mod validate;

use std::path::PathBuf;

use anyhow::{bail, ensure};
use indexdb::{IndexDb, Removed};
use serde_json::json;

use crate::blocking::blocking;
use crate::cli::OutputFormat;
use crate::cli::catalog::CatalogCommand;
use crate::{registries, service, terminal};

/// Does one of the commands. Ctrl-C stops it: a database has its old content or the new, and a directory does not appear.
pub(crate) async fn run(command: CatalogCommand) -> anyhow::Result<()> {
    let asked_to_end = service::termination()?;
    tokio::select! {
        done = dispatch(command) => done,
        () = asked_to_end => bail!("interrupted"),
    }
}

async fn dispatch(command: CatalogCommand) -> anyhow::Result<()> {
    match command {
        CatalogCommand::Add(args) => Box::pin(add::run(*args)).await,
        CatalogCommand::Rm(args) => rm::run(args).await,
        CatalogCommand::Deprecate(args) => deprecate::run(args).await,
        CatalogCommand::Prune(args) => prune::run(args).await,
        CatalogCommand::PruneStranded(args) => prune_stranded::run(args).await,
        CatalogCommand::Cache(args) => Box::pin(cache::run(*args)).await,
        CatalogCommand::Validate(args) => Box::pin(validate::run(*args)).await,
        CatalogCommand::Render(args) => Box::pin(render::run(*args)).await,
        CatalogCommand::Migrate(args) => Box::pin(migrate::run(*args)).await,
        CatalogCommand::Convert(args) => Box::pin(convert::run(*args)).await,
        CatalogCommand::Graph(args) => Box::pin(graph::run(*args)).await,
        CatalogCommand::Diff(args) => Box::pin(diff::run(*args)).await,
    }
}

/// Runs work that blocks off the runtime, and shows on a terminal that it goes on.
async fn working<T: Send + 'static>(
    doing: &str,
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let bar = terminal::spinner();
    bar.set_message(doing.to_owned());
    blocking(work).await
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
        Ok(done)
    };
    blocking(work).await
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
