//! `iib index add-fragment`: the request for catalog fragments without a service.

use builder::{Checkpoint, FragmentsRequest};
use serde_json::json;

use super::index_build::{self, Workshop};
use crate::WrongUsage;
use crate::cli::IndexAddFragmentArgs;

/// Puts the packages in and prints what was made.
pub(crate) async fn run(args: IndexAddFragmentArgs) -> anyhow::Result<()> {
    let workshop = Workshop::open(&args.build, Some(&args.from_index)).await?;
    let request = FragmentsRequest {
        fragments: args.fragments,
        index: index_build::index_request(Some(args.from_index), args.build).map_err(WrongUsage)?,
    };
    let (added, output) = workshop
        .finish(async |builder, progress| {
            builder
                .add_fragments(&request, progress, Checkpoint::default())
                .await
        })
        .await?;
    let packages = format!("packages   {}", added.packages.join(", "));
    let fields = [("packages", json!(added.packages))];
    index_build::print(output, &added.built, vec![packages], fields);
    Ok(())
}
