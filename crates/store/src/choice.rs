//! Which jobs a worker takes.

use std::collections::BTreeSet;

use sea_orm::sea_query::{Alias, Expr, ExprTrait as _, IntoIden as _, Query};
use sea_orm::{ColumnTrait as _, Condition};

use crate::entity::job;

/// Which jobs a worker takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Every job.
    Any,
    /// That of one request.
    Request(i64),
    /// That of one request and those before it in its queue.
    UpTo(i64),
    /// Those that wait in one of these queues; none is the default queue.
    Queues(BTreeSet<Option<String>>),
    /// Those among these that a worker has begun and left: it died, or gave them back.
    Left(Box<Self>),
}

impl Choice {
    pub(crate) fn condition(&self) -> Condition {
        match self {
            Self::Any => Condition::all(),
            Self::Request(id) => Condition::all().add(job::Column::RequestId.eq(*id)),
            Self::UpTo(id) => {
                let other = Alias::new("told").into_iden();
                let queue = Query::select()
                    .column((other.clone(), job::Column::Queue))
                    .from_as(job::Entity, other.clone())
                    .and_where(Expr::col((other, job::Column::RequestId)).eq(*id))
                    .take();
                let before = Condition::all()
                    .add(job::Column::Queue.in_subquery(queue))
                    .add(job::Column::RequestId.lt(*id));
                Condition::any()
                    .add(job::Column::RequestId.eq(*id))
                    .add(before)
            }
            Self::Queues(queues) => {
                let named = queues.iter().flatten().map(String::as_str);
                let condition = Condition::any().add(job::Column::Queue.is_in(named));
                if queues.contains(&None) {
                    condition.add(job::Column::Queue.is_null())
                } else {
                    condition
                }
            }
            Self::Left(among) => Condition::all()
                .add(among.condition())
                .add(job::Column::Fence.gt(0)),
        }
    }
}
