//! Messages about changes, written with them and not sent yet.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(column_type = "Text")]
    pub destination: String,
    /// A JSON object.
    #[sea_orm(column_type = "Text")]
    pub properties: String,
    #[sea_orm(column_type = "Text")]
    pub body: String,
    pub created: i64,
    /// How many times sending it failed.
    pub attempts: i32,
    /// Nobody else takes it before then: it is being sent, or waits after a failure.
    pub held_until: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
