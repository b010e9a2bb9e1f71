//! Whose turn it is: of the users with jobs that may be begun, the one with fewest in work, and of those the one who was served longest ago.

use std::collections::HashMap;

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    QuerySelect as _, Select,
};

use crate::claim::CLAIMING;
use crate::entity::{job, turn};
use crate::error::{During as _, Error};
use crate::writer::Scope;

/// The oldest job of each user among `jobs`, in the order in which it is their turn.
pub(crate) async fn in_turn(
    scope: &Scope<'_>,
    jobs: Select<job::Entity>,
) -> Result<Vec<i64>, Error> {
    let connection = scope.transaction;
    let oldest: Vec<(Option<String>, i64)> = jobs
        .select_only()
        .column(job::Column::UserName)
        .column_as(job::Column::RequestId.min(), "oldest")
        .group_by(job::Column::UserName)
        .into_tuple()
        .all(connection)
        .await
        .during(CLAIMING)?;
    if let [] | [_] = oldest[..] {
        return Ok(oldest.into_iter().map(|(_, id)| id).collect());
    }
    let in_work: HashMap<Option<String>, i64> = in_work(scope).await?;
    let turns: HashMap<String, i64> = turns(connection).await?;
    let mut users: Vec<_> = oldest
        .into_iter()
        .map(|(user, id)| {
            let running = in_work.get(&user).copied().unwrap_or(0);
            let last = turns.get(user.as_deref().unwrap_or_default()).copied();
            (running, last, id)
        })
        .collect();
    users.sort_unstable();
    Ok(users.into_iter().map(|(_, _, id)| id).collect())
}

async fn in_work(scope: &Scope<'_>) -> Result<HashMap<Option<String>, i64>, Error> {
    let rows: Vec<(Option<String>, i64)> = job::Entity::find()
        .select_only()
        .column(job::Column::UserName)
        .column_as(job::Column::RequestId.count(), "running")
        .filter(job::Column::LeaseExpires.gt(scope.now.as_microsecond()))
        .group_by(job::Column::UserName)
        .into_tuple()
        .all(scope.transaction)
        .await
        .during(CLAIMING)?;
    Ok(rows.into_iter().collect())
}

async fn turns<C: ConnectionTrait>(connection: &C) -> Result<HashMap<String, i64>, Error> {
    let rows = turn::Entity::find()
        .all(connection)
        .await
        .during(CLAIMING)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.user_name, row.turn))
        .collect())
}

/// Notes that `user` was served.
pub(crate) async fn served(scope: &Scope<'_>, user: Option<&str>) -> Result<(), Error> {
    let last: Option<Option<i64>> = turn::Entity::find()
        .select_only()
        .column_as(turn::Column::Turn.max(), "last")
        .into_tuple()
        .one(scope.transaction)
        .await
        .during(CLAIMING)?;
    let row = turn::ActiveModel {
        user_name: Set(user.unwrap_or_default().to_owned()),
        turn: Set(last.flatten().unwrap_or(0).saturating_add(1)),
    };
    turn::Entity::insert(row)
        .on_conflict(
            OnConflict::column(turn::Column::UserName)
                .update_column(turn::Column::Turn)
                .to_owned(),
        )
        .exec_without_returning(scope.transaction)
        .await
        .during(CLAIMING)
        .map(drop)
}
