//! What takes no jobs for now: a queue, or a worker process. What is in work goes on.

use jiff::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, EntityTrait as _, QueryOrder as _};

use crate::entity::pause;
use crate::error::{During as _, Error};
use crate::open::Store;
use crate::read;
use crate::text::key;
use crate::writer::{Operation, Scope};

pub(crate) const QUEUE: &str = "queue";
const WORKER: &str = "worker";

const ACTION: &str = "pausing";

/// What can be paused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pause {
    /// A queue: nobody takes its jobs. `default` is that of requests without one.
    Queue(String),
    /// The worker processes of this name: they take no jobs.
    Worker(String),
}

/// What is paused, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    /// What.
    pub what: Pause,
    /// Since when.
    pub since: Timestamp,
}

impl Pause {
    fn row(&self) -> (String, String) {
        let (kind, name) = match self {
            Self::Queue(name) => (QUEUE, name),
            Self::Worker(name) => (WORKER, name),
        };
        (kind.to_owned(), key(name).into_owned())
    }
}

impl Store {
    /// Pauses `what` until it is resumed, across restarts. What is paused already stays so.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn pause(&self, what: &Pause) -> Result<(), Error> {
        self.write(Begin(what.clone())).await
    }

    /// Ends the pause of `what`, and says whether there was one.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn resume(&self, what: &Pause) -> Result<bool, Error> {
        self.write(End(what.clone())).await
    }

    /// What is paused. Kinds that a later release knows are left out.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn pauses(&self) -> Result<Vec<Paused>, Error> {
        let rows = pause::Entity::find()
            .order_by_asc(pause::Column::Kind)
            .order_by_asc(pause::Column::Name)
            .all(self.readers())
            .await
            .during("looking at what is paused")?;
        rows.into_iter()
            .filter_map(|row| {
                let what = match row.kind.as_str() {
                    QUEUE => Pause::Queue(row.name),
                    WORKER => Pause::Worker(row.name),
                    _ => return None,
                };
                Some(read::time(0, row.since).map(|since| Paused { what, since }))
            })
            .collect()
    }
}

struct Begin(Pause);

#[async_trait::async_trait]
impl Operation for Begin {
    type Output = ();

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        let (kind, name) = self.0.row();
        let row = pause::ActiveModel {
            kind: Set(kind),
            name: Set(name),
            since: Set(scope.now.as_microsecond()),
        };
        pause::Entity::insert(row)
            .on_conflict(
                OnConflict::columns([pause::Column::Kind, pause::Column::Name])
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(scope.transaction)
            .await
            .during(ACTION)
            .map(drop)
    }
}

struct End(Pause);

#[async_trait::async_trait]
impl Operation for End {
    type Output = bool;

    async fn run(&self, scope: &Scope<'_>) -> Result<bool, Error> {
        let ended = pause::Entity::delete_by_id(self.0.row())
            .exec(scope.transaction)
            .await
            .during("resuming")?;
        // Every idle worker of this process may have work now; others find it when they look.
        scope.will_wake(1);
        Ok(ended.rows_affected > 0)
    }
}
