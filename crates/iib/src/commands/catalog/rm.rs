//! `iib catalog rm`.

use crate::cli::catalog::PackagesArgs;

/// Removes the packages and tells what went.
pub(crate) async fn run(args: PackagesArgs) -> anyhow::Result<()> {
    let (packages, permissive) = (args.packages, args.permissive);
    let removed = super::change(args.database.path, move |index| {
        index.remove(&packages, permissive)
    })
    .await?;
    super::tell_removed(&removed, args.database.output);
    Ok(())
}
