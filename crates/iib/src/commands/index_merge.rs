//! `iib index merge`: the request that merges two indexes without a service.

use builder::{Checkpoint, MergeRequest};
use serde_json::json;

use super::index_build::{self, Workshop};
use crate::WrongUsage;
use crate::cli::index_change::IndexMergeArgs;

/// Merges the indexes and prints what was made.
pub(crate) async fn run(args: IndexMergeArgs) -> anyhow::Result<()> {
    let mut workshop = Workshop::open(&args.build, args.from_index.as_ref()).await?;
    if args.ignore_bundle_ocp_version {
        // Who runs the command says what is allowed.
        workshop = workshop.allowing_no_ocp_label(&args.source);
    }
    let request = MergeRequest {
        source: args.source,
        deprecations: args.deprecate,
        graph_update_mode: args.mode.into(),
        ignore_bundle_ocp_version: args.ignore_bundle_ocp_version,
        requester: None,
        index: index_build::index_request(args.from_index, args.build).map_err(WrongUsage)?,
    };
    let (merged, output) = workshop
        .finish(async |builder, progress| {
            builder
                .merge(&request, progress, Checkpoint::default())
                .await
        })
        .await?;
    let lines = vec![format!(
        "bundles    {} added, {} deprecated",
        merged.added.len(),
        merged.deprecated.len()
    )];
    let added: Vec<String> = merged.added.iter().map(ToString::to_string).collect();
    let fields = [
        ("bundles_added", json!(added)),
        ("bundles_deprecated", json!(merged.deprecated)),
        ("no_longer_opted_in", json!(merged.no_longer_opted_in)),
    ];
    index_build::print(output, &merged.built, lines, fields);
    Ok(())
}
