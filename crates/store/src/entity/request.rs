//! Requests, each with all that an answer shows of it but the operators of its bundles.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "request")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
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
    /// Every state it was in, as JSON, oldest first.
    #[sea_orm(column_type = "Text")]
    pub history: String,
    /// What the submitter noted on its batch: a JSON object.
    #[sea_orm(column_type = "Text", nullable)]
    pub annotations: Option<String>,
    /// Filled only for types that are found by their from-index.
    #[sea_orm(column_type = "Text", nullable)]
    pub from_index: Option<String>,
    /// Filled only for types that are found by their index image.
    #[sea_orm(column_type = "Text", nullable)]
    pub index_image: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
