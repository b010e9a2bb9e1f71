//! Tags that requests have moved, or were about to move.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "push")]
pub struct Model {
    /// Repository and tag without the registry, which may have several names.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub tag: String,
    /// What it was moved to.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub digest: String,
    /// What it pointed to before.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub former: String,
    /// The request that did so last.
    pub request_id: i64,
    pub pushed: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
