//! A request whose index another of ours has moved meanwhile is done again, upon what the index is now.

use futures::future::BoxFuture;
use oci::Digest;

use crate::Builder;
use crate::error::Error;
use crate::progress::{Checkpoint, Facts, Phase, Reporter};
use crate::request::IndexRequest;
use crate::run::Run;

/// How often a request is done again at most: requests that overwrite the same tag do not run at the same time, so once is rare.
const TIMES: u32 = 10;

/// Does `work` in a private directory of its own, and does it again upon the new index when one of ours has moved the tag since the index was looked
/// up. Other images are read again by the digests they had.
pub(crate) async fn run<'run, T>(
    builder: &'run Builder,
    index: &'run IndexRequest,
    reporter: &'run dyn Reporter,
    mut checkpoint: Checkpoint,
    work: impl for<'r> Fn(&'r mut Run<'run>) -> BoxFuture<'r, Result<T, Error>>,
) -> Result<T, Error> {
    let mut left = TIMES;
    loop {
        let mut run = Run::begin(builder, index, reporter, checkpoint).await?;
        let outcome = work(&mut run).await;
        checkpoint = run.end().await;
        let Err(error) = outcome else {
            return outcome;
        };
        let Some(moved_to) = moved_to(&error).filter(|_| left > 0) else {
            return Err(error);
        };
        let Some(name) = &index.from_index else {
            return Err(error);
        };
        if !reporter.is_ours(name, moved_to).await? {
            return Err(error);
        }
        left -= 1;
        tracing::info!("`{name}` was moved to `{moved_to}` by another request");
        checkpoint.forget_index();
        reporter.checkpoint(&checkpoint).await?;
        reporter.phase(&Phase::Rebasing, &Facts::default()).await?;
    }
}

/// Where the index's tag is, if that is what stopped the request.
fn moved_to(error: &Error) -> Option<&Digest> {
    match error {
        Error::IndexChanged { current, .. } => current.as_ref(),
        _ => None,
    }
}
