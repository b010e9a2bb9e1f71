//! How much is to do: for metrics.

use jiff::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, FromQueryResult, JoinType, QuerySelect as _};

use crate::entity::{job, request};
use crate::error::{During as _, Error};
use crate::open::Store;
use crate::read;

/// The unfinished requests of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueLoad {
    /// Its name; none is the default queue.
    pub queue: Option<String>,
    /// How many nobody has claimed yet.
    pub waiting: u32,
    /// How many a worker has claimed.
    pub held: u32,
    /// When the oldest of them all was submitted.
    pub oldest: Timestamp,
}

#[derive(FromQueryResult)]
struct Row {
    queue: Option<String>,
    jobs: i64,
    held: i64,
    oldest: i64,
}

impl Store {
    /// The queues that have unfinished requests, in one statement.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn queue_loads(&self) -> Result<Vec<QueueLoad>, Error> {
        let joined = job::Entity::belongs_to(request::Entity)
            .from(job::Column::RequestId)
            .to(request::Column::Id)
            .into();
        let rows: Vec<Row> = job::Entity::find()
            .select_only()
            .column(job::Column::Queue)
            .column_as(job::Column::RequestId.count(), "jobs")
            // Counts what is not null.
            .column_as(job::Column::LeaseOwner.count(), "held")
            .column_as(request::Column::Submitted.min(), "oldest")
            .join(JoinType::InnerJoin, joined)
            .group_by(job::Column::Queue)
            .into_model()
            .all(self.readers())
            .await
            .during("counting what is to do")?;
        rows.into_iter()
            .map(|row| {
                let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
                Ok(QueueLoad {
                    waiting: count(row.jobs.saturating_sub(row.held)),
                    held: count(row.held),
                    oldest: read::time(0, row.oldest)?,
                    queue: row.queue,
                })
            })
            .collect()
    }
}
