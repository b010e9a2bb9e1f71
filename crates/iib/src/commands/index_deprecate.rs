//! `iib index deprecate`: the request that sets what is deprecated of a package, without a service.

use std::path::Path;

use anyhow::Context as _;
use builder::{Checkpoint, DeprecationsRequest};

use super::index_build::{self, Workshop};
use crate::WrongUsage;
use crate::cli::index_change::IndexDeprecateArgs;

/// Sets the deprecations and prints what was made.
pub(crate) async fn run(args: IndexDeprecateArgs) -> anyhow::Result<()> {
    let schema = read(&args.schema).await?;
    let workshop = Workshop::open(&args.build, Some(&args.from_index)).await?;
    let request = DeprecationsRequest {
        package: args.package,
        schema,
        index: index_build::index_request(Some(args.from_index), args.build).map_err(WrongUsage)?,
    };
    let (built, output) = workshop
        .finish(async |builder, progress| {
            builder
                .deprecate(&request, progress, Checkpoint::default())
                .await
        })
        .await?;
    let lines = vec![format!("deprecated as `{}` says", args.schema.display())];
    index_build::print(output, &built, lines, []);
    Ok(())
}

async fn read(schema: &Path) -> anyhow::Result<String> {
    if schema == Path::new("-") {
        let read = tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin()));
        return read.await?.context("standard input cannot be read");
    }
    let read = tokio::fs::read_to_string(schema).await;
    read.with_context(|| {
        format!(
            "the deprecation schema `{}` cannot be read",
            schema.display()
        )
    })
}
