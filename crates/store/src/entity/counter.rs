//! One row: the numbers given last, and how many requests there are.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "counter")]
pub struct Model {
    /// Always [`THE_ROW`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    pub last_request: i64,
    pub last_batch: i64,
    /// Requests in the table; fewer than `last_request` when some came with numbers of their own.
    pub requests: i64,
}

/// The number of the only row.
pub const THE_ROW: i32 = 1;

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
