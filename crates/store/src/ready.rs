//! Which jobs may be begun now: nobody works on them, nothing holds them back, and none is before them.

use jiff::Timestamp;
use sea_orm::sea_query::{
    Alias, DynIden, Expr, ExprTrait as _, IntoIden as _, Query, SelectStatement, SimpleExpr,
};
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _};

use crate::entity::{job, pause};
use crate::pause::QUEUE;
use crate::writer::Context;

/// What the queue without a name is called.
pub(crate) const DEFAULT_QUEUE: &str = "default";

/// Nobody works on it.
pub(crate) fn free(now: Timestamp) -> Condition {
    Condition::any()
        .add(job::Column::LeaseExpires.is_null())
        .add(job::Column::LeaseExpires.lte(now.as_microsecond()))
        // Began later than now by more than its length: the clock was set back, and nobody shall wait for it to catch up. Hosts whose
        // clocks differ by less than a lease do not take each other's jobs.
        .add(
            Expr::col(job::Column::LeaseBegan)
                .sub(now.as_microsecond())
                .gt(Expr::col(job::Column::LeaseExpires).sub(Expr::col(job::Column::LeaseBegan))),
        )
}

/// It is not put off, its queue is not paused, and of those with which it must not run at the same time none is before it.
pub(crate) fn unhindered(now: Timestamp, context: &Context) -> Condition {
    let held = Condition::any()
        .add(job::Column::HeldUntil.is_null())
        .add(job::Column::HeldUntil.lte(now.as_microsecond()));
    Condition::all()
        .add(held)
        .add(is_paused(&job::Entity.into_iden()).not())
        .add(Expr::exists(before_on_tag()).not())
        .add(
            is_serial(context)
                .and(Expr::exists(before_in_queue()))
                .not(),
        )
}

/// Whether its queue has one request worked on at a time.
pub(crate) fn is_serial(context: &Context) -> SimpleExpr {
    let queues = context.serial_queues.iter().map(String::as_str);
    // The default queue, which is none, is in no list.
    Expr::col((job::Entity, job::Column::Queue))
        .is_not_null()
        .and(Expr::col((job::Entity, job::Column::Queue)).is_in(queues))
}

/// Whether the queue of a job of the table `jobs` is paused.
fn is_paused(jobs: &DynIden) -> SimpleExpr {
    let queue = Expr::col((jobs.clone(), job::Column::Queue)).if_null(DEFAULT_QUEUE);
    let pauses = Query::select()
        .expr(Expr::val(1))
        .from(pause::Entity)
        .and_where(Expr::col((pause::Entity, pause::Column::Kind)).eq(QUEUE))
        .and_where(Expr::col((pause::Entity, pause::Column::Name)).eq(queue))
        .take();
    Expr::exists(pauses)
}

/// Jobs that overwrite the same tag and come first: one that was begun stays the one to go on with until it has ended, else it is the oldest. One
/// that was not begun does not stand in the way while its queue is paused.
fn before_on_tag() -> SelectStatement {
    let other = Alias::new("other").into_iden();
    let of_other = |column| Expr::col((other.clone(), column));
    let own = |column| Expr::col((job::Entity, column));
    let older = || of_other(job::Column::RequestId).lt(own(job::Column::RequestId));
    let begun = Condition::all()
        .add(of_other(job::Column::Fence).gt(0))
        .add(of_other(job::Column::RequestId).ne(own(job::Column::RequestId)))
        .add(own(job::Column::Fence).eq(0).or(older()));
    let waits = Condition::all()
        .add(own(job::Column::Fence).eq(0))
        .add(older())
        .add(is_paused(&other).not());
    Query::select()
        .expr(Expr::val(1))
        .from_as(job::Entity, other.clone())
        .and_where(of_other(job::Column::SerialKey).eq(own(job::Column::SerialKey)))
        .cond_where(Condition::any().add(begun).add(waits))
        .take()
}

/// Older jobs of the same queue.
fn before_in_queue() -> SelectStatement {
    let other = Alias::new("other").into_iden();
    let of_other = |column| Expr::col((other.clone(), column));
    let own = |column| Expr::col((job::Entity, column));
    Query::select()
        .expr(Expr::val(1))
        .from_as(job::Entity, other.clone())
        .and_where(of_other(job::Column::Queue).eq(own(job::Column::Queue)))
        .and_where(of_other(job::Column::RequestId).lt(own(job::Column::RequestId)))
        .take()
}

/// The jobs that overwrite the same tag.
pub(crate) fn on_tag(serial_key: &str) -> sea_orm::Select<job::Entity> {
    use sea_orm::{QueryFilter as _, QueryOrder as _};
    job::Entity::find()
        .filter(job::Column::SerialKey.eq(serial_key))
        .order_by_asc(job::Column::RequestId)
}
