//! `iib catalog prune-stranded`.

use indexdb::IndexDb;

use crate::cli::catalog::PruneStrandedArgs;

/// Removes the bundles that are in no channel and tells which went.
pub(crate) async fn run(args: PruneStrandedArgs) -> anyhow::Result<()> {
    let removed = super::change(args.database.path, IndexDb::prune_stranded).await?;
    super::tell_removed(&removed, args.database.output);
    Ok(())
}
