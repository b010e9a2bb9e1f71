//! `iib catalog validate`.

use anyhow::Context as _;
use catalog::fbc::Catalog;

use crate::cli::catalog::files::ValidateArgs;

/// Judges the catalog; prints nothing if it is valid.
pub(crate) async fn run(args: ValidateArgs) -> anyhow::Result<()> {
    let work = move || {
        Catalog::read_tree(&args.catalog)?
            .validate()
            .with_context(|| format!("the catalog `{}` is not valid", args.catalog.display()))
    };
    tokio::task::spawn_blocking(work)
        .await
        .context("the work on the catalog was cut off")?
}
