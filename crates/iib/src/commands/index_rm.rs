//! `iib index rm`: the request that removes packages without a service.

use builder::{Checkpoint, RemoveRequest};
use serde_json::json;

use super::index_build::{self, Workshop};
use crate::WrongUsage;
use crate::cli::index_change::IndexRmArgs;

/// Removes the packages and prints what was made.
pub(crate) async fn run(args: IndexRmArgs) -> anyhow::Result<()> {
    let workshop = Workshop::open(&args.build, Some(&args.from_index)).await?;
    let request = RemoveRequest {
        packages: args.packages.into_iter().collect(),
        index: index_build::index_request(Some(args.from_index), args.build).map_err(WrongUsage)?,
    };
    let (removed, output) = workshop
        .finish(async |builder, progress| {
            builder
                .remove(&request, progress, Checkpoint::default())
                .await
        })
        .await?;
    let list = |names: &std::collections::BTreeSet<String>| {
        names
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut lines = vec![format!("removed    {}", list(&removed.packages))];
    if !removed.absent.is_empty() {
        lines.push(format!("not there  {}", list(&removed.absent)));
    }
    let fields = [
        ("packages_removed", json!(removed.packages)),
        ("packages_absent", json!(removed.absent)),
    ];
    index_build::print(output, &removed.built, lines, fields);
    Ok(())
}
