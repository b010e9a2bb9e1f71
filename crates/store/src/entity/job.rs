//! Requests that are not finished: who works on them, until when.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: i64,
    /// None is the default queue.
    #[sea_orm(column_type = "Text", nullable)]
    pub queue: Option<String>,
    /// The tag it overwrites: of requests that share one, one runs at a time, in the order of their numbers.
    #[sea_orm(column_type = "Text", nullable)]
    pub serial_key: Option<String>,
    /// Grows with every claim.
    pub fence: i64,
    pub attempt: i32,
    #[sea_orm(column_type = "Text", nullable)]
    pub lease_owner: Option<String>,
    /// When the lease was taken or last renewed, by the clock of then. None while nobody works on it.
    pub lease_began: Option<i64>,
    /// None while nobody works on it.
    pub lease_expires: Option<i64>,
    /// JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub checkpoint: Option<String>,
    /// The fingerprint of what was submitted, of its first request; none where nothing is one with others in flight.
    pub submission: Option<Vec<u8>>,
    /// When a broker took the news that it waits. None: not yet, or there is no broker.
    pub dispatched: Option<i64>,
    /// Who submitted it, for workers to be fair.
    #[sea_orm(column_type = "Text", nullable)]
    pub user_name: Option<String>,
    /// How often it failed for a cause that passes.
    pub retries: i32,
    /// Nobody takes it before then.
    pub held_until: Option<i64>,
    /// Where in a trace it was submitted, for the worker to go on from.
    #[sea_orm(column_type = "Text", nullable)]
    pub trace_context: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
