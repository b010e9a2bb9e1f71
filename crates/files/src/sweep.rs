//! Tidying up: what has expired is deleted, what could not be uploaded is tried again.

use futures::TryStreamExt as _;

use crate::directories;
use crate::error::Error;
use crate::files::Files;
use crate::kind::Kind;

/// How many requests are asked about at once.
const ASKED_AT_ONCE: usize = 500;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files deleted.
    pub deleted: u64,
    /// Files that could not be deleted; they are met again by the next sweep.
    pub kept: u64,
}

impl Files {
    /// Deletes the files of the requests that `expired` picks out of those it is asked about. Files that are no request's are left alone.
    ///
    /// A file that cannot be deleted does not keep the others from it. Safe to stop at any time.
    ///
    /// # Errors
    /// Whatever `expired` fails with, or an [`Error`] when files cannot be listed.
    pub async fn sweep<E, Asked>(&self, expired: impl Fn(Vec<i64>) -> Asked) -> Result<Swept, E>
    where
        E: From<Error>,
        Asked: Future<Output = Result<Vec<i64>, E>>,
    {
        let mut swept = Swept::default();
        for kind in Kind::ALL {
            for ids in self.local_ids(kind).await?.chunks(ASKED_AT_ONCE) {
                for id in expired(ids.to_vec()).await? {
                    swept.count(self.remove_local(kind, id).await);
                }
            }
            let Some(bucket) = self.bucket() else {
                continue;
            };
            let mut chunks = bucket.ids(kind).try_chunks(ASKED_AT_ONCE);
            while let Some(ids) = chunks.try_next().await.map_err(|error| error.1)? {
                for id in expired(ids).await? {
                    swept.count(bucket.remove(kind, id).await);
                }
            }
        }
        Ok(swept)
    }

    /// Uploads local files of the requests that `ended` picks out, and deletes them here: what was left because the bucket was away when
    /// they ended. Gives how many. Does nothing without a bucket.
    ///
    /// # Errors
    /// Whatever `ended` fails with, or an [`Error`]; the rest is tried by the next call.
    pub async fn deliver_left<E, Asked>(&self, ended: impl Fn(Vec<i64>) -> Asked) -> Result<u64, E>
    where
        E: From<Error>,
        Asked: Future<Output = Result<Vec<i64>, E>>,
    {
        let mut delivered = 0;
        if self.bucket().is_none() {
            return Ok(delivered);
        }
        for kind in Kind::ALL {
            for ids in self.local_ids(kind).await?.chunks(ASKED_AT_ONCE) {
                for id in ended(ids.to_vec()).await? {
                    self.deliver(kind, id).await?;
                    self.forget_copy(kind, id).await?;
                    delivered += 1;
                }
            }
        }
        Ok(delivered)
    }

    async fn local_ids(&self, kind: Kind) -> Result<Vec<i64>, Error> {
        match self.directory(kind) {
            Some(directory) => directories::ids(kind, directory).await,
            None => Ok(Vec::new()),
        }
    }

    async fn remove_local(&self, kind: Kind, id: i64) -> Result<(), Error> {
        match self.directory(kind) {
            Some(directory) => directories::remove(&directory.join(kind.file_name(id))).await,
            None => Ok(()),
        }
    }
}

impl Swept {
    fn count(&mut self, removed: Result<(), Error>) {
        match removed {
            Ok(()) => self.deleted += 1,
            Err(error) => {
                tracing::warn!(%error, "an expired file stays");
                self.kept += 1;
            }
        }
    }
}
