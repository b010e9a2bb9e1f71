//! `iib index add`: the add request without a service.

use anyhow::bail;
use builder::{AddRequest, Added, Checkpoint, GraphUpdateMode};
use oci::PullSpec;
use serde_json::{Value, json};

use super::index_build::{self, Workshop};
use crate::cli::{GraphMode, IndexAddArgs, OutputFormat};
use crate::{WrongUsage, terminal};

/// Adds the bundles and prints what was made.
pub(crate) async fn run(args: IndexAddArgs) -> anyhow::Result<()> {
    let workshop = Workshop::open(&args.build, args.from_index.as_ref()).await?;
    let request = request(args).map_err(WrongUsage)?;
    let (added, output) = workshop
        .finish(async |builder, progress| {
            builder.add(&request, progress, Checkpoint::default()).await
        })
        .await?;
    terminal::print(&match output {
        OutputFormat::Text => {
            let bundles = format!(
                "bundles    {} added, {} already there",
                added.bundles_added.len(),
                added.bundles_present.len()
            );
            index_build::describe(&added.built, vec![bundles])
        }
        OutputFormat::Json => to_json(&added).to_string(),
    });
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
        index,
        bundles,
        graph_update_mode: match args.mode {
            GraphMode::Replaces => GraphUpdateMode::Replaces,
            GraphMode::Semver => GraphUpdateMode::Semver,
            GraphMode::SemverSkippatch => GraphUpdateMode::SemverSkippatch,
        },
    })
}

fn to_json(added: &Added) -> Value {
    let names = |specs: &[PullSpec]| specs.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut fields = index_build::to_json(&added.built);
    fields.insert(
        "bundles_added".to_owned(),
        json!(names(&added.bundles_added)),
    );
    fields.insert(
        "bundles_present".to_owned(),
        json!(names(&added.bundles_present)),
    );
    Value::Object(fields)
}
