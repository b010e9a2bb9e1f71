//! `iib index add`: the add request without a service.

use anyhow::bail;
use builder::{AddRequest, Checkpoint, RelatedImages};
use oci::PullSpec;
use serde_json::json;

use super::index_build::{self, Workshop};
use crate::WrongUsage;
use crate::cli::IndexAddArgs;

/// Adds the bundles and prints what was made.
pub(crate) async fn run(args: IndexAddArgs) -> anyhow::Result<()> {
    let workshop = Workshop::open(&args.build, args.from_index.as_ref()).await?;
    let request = request(args).map_err(WrongUsage)?;
    let (added, output) = workshop
        .finish(async |builder, progress| {
            builder.add(&request, progress, Checkpoint::default()).await
        })
        .await?;
    let bundles = format!(
        "bundles    {} added, {} already there",
        added.bundles_added.len(),
        added.bundles_present.len()
    );
    let names =
        |specs: &[PullSpec]| json!(specs.iter().map(ToString::to_string).collect::<Vec<_>>());
    let fields = [
        ("bundles_added", names(&added.bundles_added)),
        ("bundles_present", names(&added.bundles_present)),
    ];
    index_build::print(output, &added.built, vec![bundles], fields);
    Ok(())
}

fn request(args: IndexAddArgs) -> anyhow::Result<AddRequest> {
    let new_without_arches = args.build.arches.is_empty() && args.from_index.is_none();
    let index = index_build::index_request(args.from_index, args.build)?;
    let mut bundles = Vec::new();
    for bundle in args.bundles {
        if !bundles.contains(&bundle) {
            bundles.push(bundle);
        }
    }
    if bundles.is_empty() && index.from_index.is_none() {
        bail!("nothing to add: name bundles with `--bundles`, or an index with `--from-index`");
    }
    if new_without_arches {
        bail!("a new index needs architectures: name them with `--arch`");
    }
    Ok(AddRequest {
        gating: None,
        index,
        bundles,
        deprecations: args.deprecate,
        graph_update_mode: args.mode.into(),
        related_images: RelatedImages::Any,
    })
}
