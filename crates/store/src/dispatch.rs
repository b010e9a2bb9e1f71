//! Jobs that a broker is to be told of: which it has not taken yet, which it has, and which it could not take.

use std::time::Duration;

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use crate::entity::{job, request};
use crate::error::{During as _, Error};
use crate::known;
use crate::open::Store;
use crate::ready::{is_serial, unhindered};
use crate::report;
use crate::writer::{Operation, Scope};

/// A message may get lost, with a queue that is deleted or a broker that loses its disk: a job that nobody has begun for so long is announced again.
const AGAIN_AFTER: Duration = Duration::from_hours(1);

/// Numbers per statement.
const CHUNK: usize = 500;

/// A job that waits for a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingJob {
    /// The request.
    pub request_id: i64,
    /// The queue it waits in; none is the default queue.
    pub queue: Option<String>,
}

impl Store {
    /// The oldest jobs that wait and that no broker was told of within the last hour, at most `limit`; only those submitted at least `age` ago.
    /// Jobs of queues that are not serial are left out as long as they could not be claimed.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn undispatched(&self, age: Duration, limit: u64) -> Result<Vec<WaitingJob>, Error> {
        let ago = |time: Duration| {
            let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
            self.now().as_microsecond().saturating_sub(micros)
        };
        let mut query = job::Entity::find()
            .filter(
                Condition::any()
                    .add(job::Column::Dispatched.is_null())
                    .add(job::Column::Dispatched.lte(ago(AGAIN_AFTER))),
            )
            .filter(job::Column::LeaseExpires.is_null())
            // One that has to wait would be taken from its queue for nothing; of a serial queue, all come in their order.
            .filter(
                Condition::any()
                    .add(is_serial(&self.0.context))
                    .add(unhindered(self.now(), &self.0.context)),
            );
        if !age.is_zero() {
            let old_enough = Query::select()
                .column(request::Column::Id)
                .from(request::Entity)
                .and_where(request::Column::Submitted.lte(ago(age)))
                .to_owned();
            query = query.filter(job::Column::RequestId.in_subquery(old_enough));
        }
        let rows = query
            .order_by_asc(job::Column::RequestId)
            .limit(limit)
            .all(self.readers())
            .await
            .during("looking for jobs to dispatch")?;
        Ok(rows
            .into_iter()
            .map(|row| WaitingJob {
                request_id: row.request_id,
                queue: row.queue,
            })
            .collect())
    }

    /// Whether the request has a job: it waits, or somebody works on it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn has_job(&self, id: i64) -> Result<bool, Error> {
        let found = job::Entity::find_by_id(id).one(self.readers()).await;
        Ok(found.during("looking for a job")?.is_some())
    }

    /// Notes that a broker has taken the news of these jobs. Those that have ended meanwhile are passed over.
    ///
    /// # Errors
    /// [`Error::Database`]; a broker that is told twice does no harm.
    pub async fn mark_dispatched(&self, ids: &[i64]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        self.write(Dispatched(ids.to_vec())).await
    }

    /// Has a broker told again of a job that nobody has begun, once it can be: the message about it came when it could not be claimed.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn undispatch(&self, id: i64) -> Result<(), Error> {
        if self.has_job(id).await? {
            self.write(Undispatched(id)).await?;
        }
        Ok(())
    }

    /// Fails those of the requests that no broker was told of and that no worker has begun: job and secrets are gone then, and so is the key of
    /// a submission of which all have failed. Says which those are.
    ///
    /// # Errors
    /// [`Error::Database`]; nothing is written then.
    pub async fn fail_undispatched(&self, ids: &[i64], reason: &str) -> Result<Vec<i64>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.write(FailUndispatched {
            ids: ids.to_vec(),
            reason: reason.to_owned(),
        })
        .await
    }
}

struct Dispatched(Vec<i64>);

#[async_trait::async_trait]
impl Operation for Dispatched {
    type Output = ();

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        for ids in self.0.chunks(CHUNK) {
            job::Entity::update_many()
                .col_expr(
                    job::Column::Dispatched,
                    Expr::value(scope.now.as_microsecond()),
                )
                .filter(job::Column::RequestId.is_in(ids.iter().copied()))
                .exec(scope.transaction)
                .await
                .during("noting that jobs were dispatched")?;
        }
        Ok(())
    }
}

struct Undispatched(i64);

#[async_trait::async_trait]
impl Operation for Undispatched {
    type Output = ();

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        job::Entity::update_many()
            .col_expr(job::Column::Dispatched, Expr::value(Option::<i64>::None))
            .filter(job::Column::RequestId.eq(self.0))
            .filter(job::Column::LeaseExpires.is_null())
            .exec(scope.transaction)
            .await
            .during("putting a message off")
            .map(drop)
    }
}

struct FailUndispatched {
    ids: Vec<i64>,
    reason: String,
}

#[async_trait::async_trait]
impl Operation for FailUndispatched {
    type Output = Vec<i64>;

    async fn run(&self, scope: &Scope<'_>) -> Result<Vec<i64>, Error> {
        let mut failed = Vec::new();
        for ids in self.ids.chunks(CHUNK) {
            // Locked, so that no worker of another process begins one meanwhile.
            let left = job::Entity::find()
                .filter(job::Column::RequestId.is_in(ids.iter().copied()))
                .filter(job::Column::Dispatched.is_null())
                .filter(job::Column::Fence.eq(0))
                .order_by_asc(job::Column::RequestId)
                .lock_exclusive()
                .all(scope.transaction)
                .await
                .during("failing requests that could not be handed over")?;
            for job in left {
                report::end_without_worker(scope, job.request_id, &self.reason).await?;
                failed.push(job.request_id);
            }
        }
        known::forget_refused(scope, &failed).await?;
        Ok(failed)
    }
}
