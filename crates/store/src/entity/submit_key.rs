//! Keys that users gave their submits, for as long as they mean them.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "submit_key")]
pub struct Model {
    /// The fingerprint of the key and its user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: Vec<u8>,
    /// The fingerprint of what was submitted.
    pub submission: Vec<u8>,
    /// The first request.
    pub request_id: i64,
    /// How many there are; their numbers follow each other.
    pub requests: i32,
    pub expires: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
