//! `iib catalog prune`.

use crate::cli::catalog::PackagesArgs;

/// Removes all packages but those named and tells what went.
pub(crate) async fn run(args: PackagesArgs) -> anyhow::Result<()> {
    let keep = args.packages.into_iter().collect();
    let permissive = args.permissive;
    let removed = super::change(args.database.path, move |index| {
        index.prune(&keep, permissive)
    })
    .await?;
    super::tell_removed(&removed, args.database.output);
    Ok(())
}
