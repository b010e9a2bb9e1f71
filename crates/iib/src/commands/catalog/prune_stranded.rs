//! `iib catalog prune-stranded`.

use indexdb::IndexDb;

use crate::cli::catalog::DatabaseArgs;

/// Removes the bundles that are in no channel and tells which went.
pub(crate) async fn run(args: DatabaseArgs) -> anyhow::Result<()> {
    let removed = super::change(args.path, IndexDb::prune_stranded).await?;
    super::tell_removed(&removed, args.output);
    Ok(())
}
