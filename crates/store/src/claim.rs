//! Leases: claiming the next job, keeping it, giving it back.

use std::time::Duration;

use api::Secret;
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockBehavior, LockType};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
};

use crate::choice::Choice;
use crate::entity::{job, request, secret};
use crate::error::{During as _, Error};
use crate::fair;
use crate::job::{Job, Lease, Secrets, WorkerId};
use crate::open::Store;
use crate::read;
use crate::ready::{free, on_tag, unhindered};
use crate::report;
use crate::writer::{Context, Operation, Scope};

pub(crate) const CLAIMING: &str = "claiming a job";

impl Store {
    /// Gives a job that nobody works on, or whose lease has run out, to `worker` for the time of `lease`; none when
    /// there is none. It is the oldest of the user whose turn it is: who has fewest in work, and of those who was served longest ago. Jobs
    /// that are put off or whose queue is paused, and those that have to wait for an older one (of a serial queue, or that overwrites the same tag),
    /// are passed over. A clock that is set back does not prolong leases: one that began further ahead than it lasts counts as run out.
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
        // Idle workers poll; they must not keep the writer from its work to find nothing.
        let found = oldest(self.now(), &self.0.context, choice);
        let found = found.one(self.readers()).await;
        if found.during(CLAIMING)?.is_none() {
            return Ok(None);
        }
        self.write(Claim {
            choice: choice.clone(),
            worker: worker.clone(),
            lease,
        })
        .await
    }

    /// Keeps the job for `duration` from now.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when the lease has run out or somebody else has claimed the job, [`Error::Final`] when the request has ended.
    pub async fn renew(&self, lease: &Lease, duration: Duration) -> Result<(), Error> {
        self.write(Renew {
            lease: lease.clone(),
            duration,
        })
        .await
    }

    /// Gives the job back unfinished, for a worker that shuts down: it can be claimed at once, and the attempt does not count.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] and [`Error::Final`] as for [`Self::renew`]; there is nothing left to give back then.
    pub async fn release(&self, lease: &Lease) -> Result<(), Error> {
        self.write(Release(lease.clone())).await
    }
}

struct Claim {
    choice: Choice,
    worker: WorkerId,
    lease: Duration,
}

#[async_trait::async_trait]
impl Operation for Claim {
    type Output = Option<Job>;

    async fn run(&self, scope: &Scope<'_>) -> Result<Option<Job>, Error> {
        loop {
            let Some(row) = self.find(scope).await? else {
                return Ok(None);
            };
            let row = self.take(scope, row).await?;
            let lease = Lease {
                request_id: row.request_id,
                worker: self.worker.clone(),
                fence: row.fence,
            };
            match load(scope, &row, lease).await {
                Ok(job) => return Ok(Some(job)),
                Err(error @ (Error::Sealing { .. } | Error::Unreadable { .. })) => {
                    tracing::error!(request.id = row.request_id, %error, "failing a job that cannot be read");
                    let reason =
                        format!("The request cannot be worked on; submit it again ({error})");
                    report::end_without_worker(scope, row.request_id, &reason).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Claim {
    /// Finds the job whose turn it is, and locks it.
    async fn find(&self, scope: &Scope<'_>) -> Result<Option<job::Model>, Error> {
        let candidates = claimable(scope.now, scope.context, &self.choice);
        for id in fair::in_turn(scope, candidates).await? {
            if let Some(row) = self.lock(scope, &Choice::Request(id)).await? {
                return Ok(Some(row));
            }
        }
        // Others were faster everywhere: whatever is left.
        self.lock(scope, &self.choice).await
    }

    /// Locks the oldest job of `choice`. Other processes claim at the same time: those they have locked are passed over.
    async fn lock(&self, scope: &Scope<'_>, choice: &Choice) -> Result<Option<job::Model>, Error> {
        let found = oldest(scope.now, scope.context, choice)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .one(scope.transaction)
            .await
            .during(CLAIMING)?;
        let Some(row) = found else {
            return Ok(None);
        };
        let Some(serial_key) = &row.serial_key else {
            return Ok(Some(row));
        };
        // Somebody may just be beginning another one of the same tag: that is waited for, and then looked at again.
        let others = on_tag(serial_key).lock_exclusive();
        others.all(scope.transaction).await.during(CLAIMING)?;
        oldest(scope.now, scope.context, &Choice::Request(row.request_id))
            .one(scope.transaction)
            .await
            .during(CLAIMING)
    }

    async fn take(&self, scope: &Scope<'_>, mut row: job::Model) -> Result<job::Model, Error> {
        row.fence += 1;
        row.attempt = row.attempt.saturating_add(1);
        let ends = end_of(scope.now, self.lease);
        job::Entity::update_many()
            .col_expr(job::Column::Fence, Expr::value(row.fence))
            .col_expr(job::Column::Attempt, Expr::value(row.attempt))
            .col_expr(job::Column::LeaseOwner, Expr::value(self.worker.as_str()))
            .col_expr(
                job::Column::LeaseBegan,
                Expr::value(scope.now.as_microsecond()),
            )
            .col_expr(job::Column::LeaseExpires, Expr::value(ends))
            .col_expr(job::Column::HeldUntil, Expr::value(Option::<i64>::None))
            .filter(job::Column::RequestId.eq(row.request_id))
            .exec(scope.transaction)
            .await
            .during(CLAIMING)?;
        fair::served(scope, row.user_name.as_deref()).await?;
        Ok(row)
    }
}

async fn load(scope: &Scope<'_>, row: &job::Model, lease: Lease) -> Result<Job, Error> {
    let id = row.request_id;
    let unreadable = |problem: String| Error::Unreadable {
        request_id: id,
        problem,
    };
    let request = request::Entity::find_by_id(id)
        .one(scope.transaction)
        .await
        .during(CLAIMING)?
        .ok_or_else(|| unreadable("its row is missing".to_owned()))?;
    let sealed = secret::Entity::find()
        .filter(secret::Column::RequestId.eq(id))
        .all(scope.transaction)
        .await
        .during(CLAIMING)?;
    let mut secrets = Secrets::default();
    for secret in sealed {
        let key = &scope.context.sealing_key;
        let value = key.open(id, &secret.name, &secret.sealed)?;
        let kind = Secret::from_name(&secret.name).ok_or_else(|| {
            let name = &secret.name;
            unreadable(format!(
                "it has a secret `{name}`, which this release does not know"
            ))
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
        retries: u32::try_from(row.retries).unwrap_or(u32::MAX),
        checkpoint: row
            .checkpoint
            .as_deref()
            .map(|text| read::parse(id, "its checkpoint", text))
            .transpose()?,
        submitted: read::time(id, request.submitted)?,
        user: request.user_name,
    })
}

struct Renew {
    lease: Lease,
    duration: Duration,
}

#[async_trait::async_trait]
impl Operation for Renew {
    type Output = ();

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        report::require_held(scope, &self.lease).await?;
        job::Entity::update_many()
            .col_expr(
                job::Column::LeaseBegan,
                Expr::value(scope.now.as_microsecond()),
            )
            .col_expr(
                job::Column::LeaseExpires,
                Expr::value(end_of(scope.now, self.duration)),
            )
            .filter(job::Column::RequestId.eq(self.lease.request_id))
            .exec(scope.transaction)
            .await
            .during("renewing a lease")
            .map(drop)
    }
}

struct Release(Lease);

#[async_trait::async_trait]
impl Operation for Release {
    type Output = ();

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        report::require_held(scope, &self.0).await?;
        job::Entity::update_many()
            .col_expr(job::Column::LeaseOwner, Expr::value(Option::<String>::None))
            .col_expr(job::Column::LeaseBegan, Expr::value(Option::<i64>::None))
            .col_expr(job::Column::LeaseExpires, Expr::value(Option::<i64>::None))
            .col_expr(job::Column::Attempt, Expr::col(job::Column::Attempt).sub(1))
            .filter(job::Column::RequestId.eq(self.0.request_id))
            .exec(scope.transaction)
            .await
            .during("releasing a job")?;
        scope.will_wake(1);
        Ok(())
    }
}

/// When a lease taken at `now` ends, in microseconds.
pub(crate) fn end_of(now: Timestamp, lease: Duration) -> i64 {
    now.as_microsecond()
        .saturating_add(i64::try_from(lease.as_micros()).unwrap_or(i64::MAX))
}

/// The jobs of the choice that can be claimed.
fn claimable(now: Timestamp, context: &Context, choice: &Choice) -> Select<job::Entity> {
    job::Entity::find()
        .filter(free(now))
        .filter(unhindered(now, context))
        .filter(choice.condition())
}

/// The oldest of them.
fn oldest(now: Timestamp, context: &Context, choice: &Choice) -> Select<job::Entity> {
    claimable(now, context, choice)
        .order_by_asc(job::Column::RequestId)
        .limit(1)
}
