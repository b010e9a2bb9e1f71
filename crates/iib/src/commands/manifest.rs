//! `iib manifest`: manifest lists in registries and directories.

mod destination;
mod inspect;
mod merge;
mod publish;
mod report;
mod source;

use std::num::NonZeroUsize;

use anyhow::bail;

use crate::cli::manifest::ManifestCommand;
use crate::service;

/// How many blobs or manifests are moved at once.
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(8).expect("eight is not zero");

/// Runs the command. Ctrl-C stops it; what is there by then is whole, and the tag is moved last of all.
pub(crate) async fn run(command: ManifestCommand) -> anyhow::Result<()> {
    let asked_to_end = service::termination()?;
    let work = async {
        match command {
            ManifestCommand::Inspect(args) => inspect::run(*args).await,
            ManifestCommand::Merge(args) => merge::run(*args).await,
            ManifestCommand::Publish(args) => publish::run(*args).await,
        }
    };
    tokio::select! {
        done = work => done,
        () = asked_to_end => bail!("interrupted; run the same command again to complete it"),
    }
}
