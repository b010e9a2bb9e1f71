//! `iib index empty`: the request for an index without packages, without a service.

use builder::{Checkpoint, EmptyRequest};

use super::index_build::{self, Workshop};
use crate::WrongUsage;
use crate::cli::index_change::IndexEmptyArgs;

/// Makes the empty index and prints it.
pub(crate) async fn run(args: IndexEmptyArgs) -> anyhow::Result<()> {
    let workshop = Workshop::open(&args.build, Some(&args.from_index)).await?;
    let request = EmptyRequest {
        file_based: args.file_based,
        labels: args.labels.into_iter().collect(),
        index: index_build::index_request(Some(args.from_index), args.build).map_err(WrongUsage)?,
    };
    let (built, output) = workshop
        .finish(async |builder, progress| {
            builder
                .empty(&request, progress, Checkpoint::default())
                .await
        })
        .await?;
    index_build::print(output, &built, Vec::new(), []);
    Ok(())
}
