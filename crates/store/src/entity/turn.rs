//! When users were last given a worker.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "turn")]
pub struct Model {
    /// Empty for requests without a user.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub user_name: String,
    /// Grows with every job that is taken.
    pub turn: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
