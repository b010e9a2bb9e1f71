//! Where a request waits, and for how long yet.

use api::State;
use jiff::{SignedDuration, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use crate::entity::{job, request};
use crate::error::{During as _, Error};
use crate::open::Store;
use crate::read::again;

const ACTION: &str = "looking at a queue";

/// How many ended requests tell how long one takes.
const SAMPLES: u64 = 20;

/// A request that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its queue; none is the default queue.
    pub queue: Option<String>,
    /// Whether somebody works on it.
    pub is_running: bool,
    /// How many requests wait before it in its queue.
    pub ahead: u64,
    /// The first of those, oldest first.
    pub before: Vec<i64>,
    /// How many requests of its queue are worked on.
    pub running: u64,
    /// When work on it may begin if one request of its queue runs at a time, each taking what the newest of its type took in the middle; none
    /// when nothing is known, or it runs.
    pub estimated_start: Option<Timestamp>,
}

impl Store {
    /// Where the request `id` waits, with at most `named` of those before it; none when it has ended, or there is none of that number.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn waiting(&self, id: i64, named: u64) -> Result<Option<Waiting>, Error> {
        again(|| self.look_at_queue(id, named)).await
    }

    async fn look_at_queue(&self, id: i64, named: u64) -> Result<Option<Waiting>, Error> {
        let now = self.now();
        let connection = self.begin_read().await?;
        let Some(own) = job::Entity::find_by_id(id)
            .one(&connection)
            .await
            .during(ACTION)?
        else {
            return Ok(None);
        };
        let same_queue = match &own.queue {
            Some(queue) => job::Column::Queue.eq(queue.as_str()),
            None => job::Column::Queue.is_null(),
        };
        let held = Condition::all()
            .add(job::Column::LeaseExpires.is_not_null())
            .add(job::Column::LeaseExpires.gt(now.as_microsecond()));
        let running = job::Entity::find()
            .filter(same_queue.clone())
            .filter(held.clone())
            .count(&connection)
            .await
            .during(ACTION)?;
        let is_running = own
            .lease_expires
            .is_some_and(|expires| expires > now.as_microsecond());
        if is_running {
            return Ok(Some(Waiting {
                queue: own.queue,
                is_running,
                ahead: 0,
                before: Vec::new(),
                running,
                estimated_start: None,
            }));
        }
        let free = Condition::any()
            .add(job::Column::LeaseExpires.is_null())
            .add(job::Column::LeaseExpires.lte(now.as_microsecond()));
        let waiting_before = job::Entity::find()
            .filter(same_queue)
            .filter(free)
            .filter(job::Column::RequestId.lt(id));
        let ahead = waiting_before
            .clone()
            .count(&connection)
            .await
            .during(ACTION)?;
        let before: Vec<i64> = waiting_before
            .select_only()
            .column(job::Column::RequestId)
            .order_by_asc(job::Column::RequestId)
            .limit(named)
            .into_tuple()
            .all(&connection)
            .await
            .during(ACTION)?;
        let kind: Option<i32> = request::Entity::find_by_id(id)
            .select_only()
            .column(request::Column::RequestType)
            .into_tuple()
            .one(&connection)
            .await
            .during(ACTION)?;
        let mut taken: Vec<i64> = request::Entity::find()
            .select_only()
            .expr(ExprTrait::sub(
                Expr::col(request::Column::Updated),
                Expr::col(request::Column::Submitted),
            ))
            .filter(request::Column::RequestType.eq(kind))
            .filter(request::Column::State.eq(State::Complete.number()))
            .order_by_desc(request::Column::Id)
            .limit(SAMPLES)
            .into_tuple()
            .all(&connection)
            .await
            .during(ACTION)?;
        taken.sort_unstable();
        let middle = taken.get(taken.len() / 2).copied();
        let estimated_start = middle.and_then(|each| {
            let turns = i64::try_from(ahead + u64::from(running > 0)).unwrap_or(i64::MAX);
            let wait = SignedDuration::from_micros(each.saturating_mul(turns));
            now.checked_add(wait).ok()
        });
        Ok(Some(Waiting {
            queue: own.queue,
            is_running,
            ahead,
            before,
            running,
            estimated_start,
        }))
    }
}
