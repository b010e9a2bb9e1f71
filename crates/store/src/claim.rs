//! Leases: claiming the next job, keeping it, giving it back.

use std::time::Duration;

use api::{ResultFields, Secret, State};
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::choice::Choice;
use crate::entity::{job, request, secret};
use crate::error::{During as _, Error};
use crate::job::{Job, Lease, Secrets, Update, WorkerId};
use crate::open::Store;
use crate::read;
use crate::report;

const CLAIMING: &str = "claiming a job";

impl Store {
    /// Gives the oldest job that nobody works on, or whose lease has run out, to `worker` for the time of `lease`; none when
    /// there is none. A clock that is set back does not prolong leases: one that began further ahead than it lasts counts as run out.
    ///
    /// A job that cannot be read (its secrets were sealed with another key, or a later release wrote it) is failed with that reason
    /// instead of being claimed, so that it does not stand in the way of others.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn claim(&self, worker: &WorkerId, lease: Duration) -> Result<Option<Job>, Error> {
        self.claim_one_of(&Choice::Any, worker, lease).await
    }

    /// The same among the jobs of `choice` alone.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn claim_one_of(
        &self,
        choice: &Choice,
        worker: &WorkerId,
        lease: Duration,
    ) -> Result<Option<Job>, Error> {
        loop {
            // Idle workers poll; they must not take the write lock to find nothing.
            if oldest_claimable(self.readers(), self.now(), choice)
                .await?
                .is_none()
            {
                return Ok(None);
            }
            let transaction = self.begin_write().await?;
            let now = self.now();
            let Some(row) = oldest_claimable(&transaction, now, choice).await? else {
                return Ok(None);
            };
            let Some(row) = take(&transaction, row, worker, now, lease).await? else {
                continue;
            };
            let lease = Lease {
                request_id: row.request_id,
                worker: worker.clone(),
                fence: row.fence,
            };
            match self.load(&transaction, &row, lease).await {
                Ok(job) => {
                    transaction.commit().await.during(CLAIMING)?;
                    return Ok(Some(job));
                }
                Err(error @ (Error::Sealing { .. } | Error::Unreadable { .. })) => {
                    tracing::error!(request.id = row.request_id, %error, "failing a job that cannot be read");
                    let update = Update {
                        state: State::Failed,
                        state_reason: format!(
                            "The request cannot be worked on; submit it again ({error})"
                        ),
                        fields: ResultFields::default(),
                    };
                    report::end_without_worker(&transaction, row.request_id, &update, now).await?;
                    transaction.commit().await.during(CLAIMING)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn load(
        &self,
        transaction: &DatabaseTransaction,
        row: &job::Model,
        lease: Lease,
    ) -> Result<Job, Error> {
        let id = row.request_id;
        let missing = || Error::Unreadable {
            request_id: id,
            problem: "its row is missing".to_owned(),
        };
        let request = request::Entity::find_by_id(id)
            .one(transaction)
            .await
            .during(CLAIMING)?
            .ok_or_else(missing)?;
        let mut secrets = Secrets::default();
        let sealed = secret::Entity::find()
            .filter(secret::Column::RequestId.eq(id))
            .all(transaction)
            .await
            .during(CLAIMING)?;
        for secret in sealed {
            let value = self.0.sealing_key.open(id, &secret.name, &secret.sealed)?;
            let kind = Secret::from_name(&secret.name).ok_or_else(|| Error::Unreadable {
                request_id: id,
                problem: format!(
                    "it has a secret `{}`, which this release does not know",
                    secret.name
                ),
            })?;
            secrets.insert(kind, value);
        }
        Ok(Job {
            request_id: id,
            lease,
            payload: read::payload(&request)?,
            secrets,
            queue: row.queue.clone(),
            trace_context: row.trace_context.clone(),
            attempt: u32::try_from(row.attempt).unwrap_or(u32::MAX),
            checkpoint: row
                .checkpoint
                .as_deref()
                .map(|text| read::parse(id, "its checkpoint", text))
                .transpose()?,
            submitted: read::time(id, request.submitted)?,
            user: request.user_name,
        })
    }

    /// Keeps the job for `duration` from now.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when the lease has run out or somebody else has claimed the job, [`Error::Final`] when the request has ended.
    pub async fn renew(&self, lease: &Lease, duration: Duration) -> Result<(), Error> {
        let transaction = self.begin_write().await?;
        let now = self.now();
        report::require_held(&transaction, lease, now).await?;
        job::Entity::update_many()
            .col_expr(job::Column::LeaseBegan, Expr::value(now.as_microsecond()))
            .col_expr(
                job::Column::LeaseExpires,
                Expr::value(end_of(now, duration)),
            )
            .filter(job::Column::RequestId.eq(lease.request_id))
            .exec(&transaction)
            .await
            .during("renewing a lease")?;
        transaction.commit().await.during("renewing a lease")
    }

    /// Gives the job back unfinished, for a worker that shuts down: it can be claimed at once, and the attempt does not count.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] and [`Error::Final`] as for [`Self::renew`]; there is nothing left to give back then.
    pub async fn release(&self, lease: &Lease) -> Result<(), Error> {
        const ACTION: &str = "releasing a job";
        let transaction = self.begin_write().await?;
        report::require_held(&transaction, lease, self.now()).await?;
        job::Entity::update_many()
            .col_expr(job::Column::LeaseOwner, Expr::value(Option::<String>::None))
            .col_expr(job::Column::LeaseBegan, Expr::value(Option::<i64>::None))
            .col_expr(job::Column::LeaseExpires, Expr::value(Option::<i64>::None))
            .col_expr(job::Column::Attempt, Expr::col(job::Column::Attempt).sub(1))
            .filter(job::Column::RequestId.eq(lease.request_id))
            .exec(&transaction)
            .await
            .during(ACTION)?;
        transaction.commit().await.during(ACTION)?;
        self.0.submitted.notify_one();
        Ok(())
    }
}

/// When a lease taken at `now` ends, in microseconds.
fn end_of(now: Timestamp, lease: Duration) -> i64 {
    now.as_microsecond()
        .saturating_add(i64::try_from(lease.as_micros()).unwrap_or(i64::MAX))
}

async fn oldest_claimable<C: ConnectionTrait>(
    connection: &C,
    now: Timestamp,
    choice: &Choice,
) -> Result<Option<job::Model>, Error> {
    let free = Condition::any()
        .add(job::Column::LeaseExpires.is_null())
        .add(job::Column::LeaseExpires.lte(now.as_microsecond()))
        // Began later than now by more than its length: the clock was set back, and nobody shall wait for it to catch up. Hosts whose
        // clocks differ by less than a lease do not take each other's jobs.
        .add(
            Expr::col(job::Column::LeaseBegan)
                .sub(now.as_microsecond())
                .gt(Expr::col(job::Column::LeaseExpires).sub(Expr::col(job::Column::LeaseBegan))),
        );
    job::Entity::find()
        .filter(free)
        .filter(choice.condition())
        .order_by_asc(job::Column::RequestId)
        .limit(1)
        .one(connection)
        .await
        .during(CLAIMING)
}

/// Takes the job if it is still as it was seen. A database whose transactions do not exclude each other needs the comparison.
async fn take(
    transaction: &DatabaseTransaction,
    mut row: job::Model,
    worker: &WorkerId,
    now: Timestamp,
    lease: Duration,
) -> Result<Option<job::Model>, Error> {
    let seen = row.fence;
    row.fence += 1;
    row.attempt = row.attempt.saturating_add(1);
    let taken = job::Entity::update_many()
        .col_expr(job::Column::Fence, Expr::value(row.fence))
        .col_expr(job::Column::Attempt, Expr::value(row.attempt))
        .col_expr(job::Column::LeaseOwner, Expr::value(worker.as_str()))
        .col_expr(job::Column::LeaseBegan, Expr::value(now.as_microsecond()))
        .col_expr(job::Column::LeaseExpires, Expr::value(end_of(now, lease)))
        .filter(job::Column::RequestId.eq(row.request_id))
        .filter(job::Column::Fence.eq(seen))
        .exec(transaction)
        .await
        .during(CLAIMING)?;
    Ok((taken.rows_affected == 1).then_some(row))
}
