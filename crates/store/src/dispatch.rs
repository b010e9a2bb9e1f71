//! Jobs that a broker is to be told of: which it has not taken yet, which it has, and which it could not take.

use std::time::Duration;

use api::{ResultFields, State};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use crate::entity::{job, request};
use crate::error::{During as _, Error};
use crate::job::Update;
use crate::open::Store;
use crate::report;

/// A message may get lost, with a queue that is deleted or a broker that loses its disk: a job that nobody has begun for so long is announced again.
const AGAIN_AFTER: Duration = Duration::from_hours(1);

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
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn undispatched(&self, age: Duration, limit: u64) -> Result<Vec<WaitingJob>, Error> {
        let ago = |time: Duration| {
            let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
            self.now().as_microsecond().saturating_sub(micros)
        };
        let old_enough = Query::select()
            .column(request::Column::Id)
            .from(request::Entity)
            .and_where(request::Column::Submitted.lte(ago(age)))
            .to_owned();
        let mut query = job::Entity::find()
            .filter(
                Condition::any()
                    .add(job::Column::Dispatched.is_null())
                    .add(job::Column::Dispatched.lte(ago(AGAIN_AFTER))),
            )
            .filter(job::Column::LeaseExpires.is_null());
        if !age.is_zero() {
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

    /// Notes that a broker has taken the news of these jobs. Those that have ended meanwhile are passed over.
    ///
    /// # Errors
    /// [`Error::Database`]; a broker that is told twice does no harm.
    pub async fn mark_dispatched(&self, ids: &[i64]) -> Result<(), Error> {
        const ACTION: &str = "noting that jobs were dispatched";
        if ids.is_empty() {
            return Ok(());
        }
        let transaction = self.begin_write().await?;
        job::Entity::update_many()
            .col_expr(
                job::Column::Dispatched,
                Expr::value(self.now().as_microsecond()),
            )
            .filter(job::Column::RequestId.is_in(ids.iter().copied()))
            .exec(&transaction)
            .await
            .during(ACTION)?;
        transaction.commit().await.during(ACTION)
    }

    /// Fails those of the requests that no broker was told of and that no worker has begun: job and secrets are gone then. Says which those are.
    ///
    /// # Errors
    /// [`Error::Database`]; nothing is written then.
    pub async fn fail_undispatched(&self, ids: &[i64], reason: &str) -> Result<Vec<i64>, Error> {
        const ACTION: &str = "failing requests that could not be handed over";
        let transaction = self.begin_write().await?;
        let left = job::Entity::find()
            .filter(job::Column::RequestId.is_in(ids.iter().copied()))
            .filter(job::Column::Dispatched.is_null())
            .filter(job::Column::Fence.eq(0))
            .order_by_asc(job::Column::RequestId)
            .all(&transaction)
            .await
            .during(ACTION)?;
        let update = Update {
            state: State::Failed,
            state_reason: reason.to_owned(),
            fields: ResultFields::default(),
        };
        let now = self.now();
        let mut failed = Vec::with_capacity(left.len());
        for job in left {
            report::end_without_worker(&transaction, job.request_id, &update, now).await?;
            failed.push(job.request_id);
        }
        transaction.commit().await.during(ACTION)?;
        Ok(failed)
    }
}
