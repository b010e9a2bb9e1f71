//! `iib cache`: what is kept on disk of images that were read.

mod ls;
mod prune;

use crate::cli::cache::CacheCommand;

/// Does one of the commands. They may be stopped at any moment: an item is there or it is not.
pub(crate) async fn run(command: CacheCommand) -> anyhow::Result<()> {
    match command {
        CacheCommand::Ls(args) => ls::run(args).await,
        CacheCommand::Prune(args) => prune::run(args).await,
    }
}
