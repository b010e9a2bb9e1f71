//! Requests, each with its newest state.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "request")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub batch_id: i64,
    pub request_type: i32,
    #[sea_orm(column_type = "Text", nullable)]
    pub user_name: Option<String>,
    pub state: i32,
    #[sea_orm(column_type = "Text")]
    pub state_reason: String,
    pub submitted: i64,
    pub updated: i64,
    /// The stored form of a payload.
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    /// Result fields as JSON.
    #[sea_orm(column_type = "Text")]
    pub result: String,
    /// Filled only for types that are found by their from-index.
    pub from_index_id: Option<i64>,
    /// Filled only for types that are found by their index image.
    pub index_image_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
