//! Messages on their way out: a relay takes some, sends them, and says how it went.

use std::time::Duration;

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockBehavior, LockType};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use crate::announce::Message;
use crate::claim::end_of;
use crate::entity::outbox;
use crate::error::{During as _, Error};
use crate::open::Store;
use crate::writer::{Operation, Scope};

/// Rows per statement.
const CHUNK: usize = 64;

const ACTION: &str = "keeping messages to send";

/// A message that a relay is to send.
#[derive(Clone, Debug)]
pub struct Unsent {
    /// Its number, which grows in the order of the changes.
    pub id: i64,
    /// The message.
    pub message: Message,
    /// When the change was made.
    pub created: Timestamp,
    /// How many times sending it failed.
    pub attempts: u32,
}

impl Store {
    /// Takes the oldest messages that wait, at most `limit`, for a relay to send within `hold`; after that another relay may take them. A
    /// relay that dies between sending and [`Self::sent`] has them sent twice: consumers see each at least once.
    ///
    /// # Errors
    /// [`Error::Database`]; [`Error::Unreadable`] when a later release wrote them.
    pub async fn unsent(&self, limit: u64, hold: Duration) -> Result<Vec<Unsent>, Error> {
        let due = outbox::Entity::find()
            .filter(outbox::Column::HeldUntil.lte(self.now().as_microsecond()))
            .limit(1)
            .one(self.readers())
            .await
            .during(ACTION)?;
        // An idle relay polls; it must not keep the writer from its work.
        if due.is_none() {
            return Ok(Vec::new());
        }
        self.write(Take { limit, hold }).await
    }

    /// Forgets messages that were sent.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn sent(&self, ids: Vec<i64>) -> Result<(), Error> {
        self.write(Sent(ids)).await
    }

    /// Notes that a message could not be sent and is to be tried again after `pause`.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn failed_to_send(&self, id: i64, pause: Duration) -> Result<(), Error> {
        self.write(Failed { id, pause }).await
    }

    /// Completes once there were messages to send in this process since the last such completion. Other processes are not seen, so poll
    /// as well.
    pub fn messages_wait(&self) -> impl Future<Output = ()> + Send + 'static {
        let notify = std::sync::Arc::clone(&self.0.context.to_send);
        async move { notify.notified().await }
    }
}

/// Writes messages with the changes of the transaction.
pub(crate) async fn write(scope: &Scope<'_>, messages: Vec<Message>) -> Result<(), Error> {
    let now = scope.now.as_microsecond();
    let rows: Vec<_> = messages
        .into_iter()
        .map(|message| outbox::ActiveModel {
            destination: Set(message.destination),
            properties: Set(serde_json::Value::Object(message.properties).to_string()),
            body: Set(message.body),
            created: Set(now),
            attempts: Set(0),
            held_until: Set(0),
            ..Default::default()
        })
        .collect();
    for chunk in rows.chunks(CHUNK) {
        outbox::Entity::insert_many(chunk.to_vec())
            .exec_without_returning(scope.transaction)
            .await
            .during(ACTION)?;
    }
    Ok(())
}

struct Take {
    limit: u64,
    hold: Duration,
}

#[async_trait::async_trait]
impl Operation for Take {
    type Output = Vec<Unsent>;

    async fn run(&self, scope: &Scope<'_>) -> Result<Vec<Unsent>, Error> {
        let rows = outbox::Entity::find()
            .filter(outbox::Column::HeldUntil.lte(scope.now.as_microsecond()))
            .order_by_asc(outbox::Column::Id)
            .limit(self.limit)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(scope.transaction)
            .await
            .during(ACTION)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        outbox::Entity::update_many()
            .col_expr(
                outbox::Column::HeldUntil,
                Expr::value(end_of(scope.now, self.hold)),
            )
            .filter(outbox::Column::Id.is_in(rows.iter().map(|row| row.id)))
            .exec(scope.transaction)
            .await
            .during(ACTION)?;
        rows.into_iter().map(unsent).collect()
    }
}

fn unsent(row: outbox::Model) -> Result<Unsent, Error> {
    let damaged = |what: &'static str| Error::UnreadableMessage { id: row.id, what };
    Ok(Unsent {
        id: row.id,
        created: Timestamp::from_microsecond(row.created).map_err(|_| damaged("its time"))?,
        attempts: u32::try_from(row.attempts).unwrap_or_default(),
        message: Message {
            properties: serde_json::from_str(&row.properties)
                .map_err(|_| damaged("its properties"))?,
            destination: row.destination,
            body: row.body,
        },
    })
}

struct Sent(Vec<i64>);

#[async_trait::async_trait]
impl Operation for Sent {
    type Output = ();

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        outbox::Entity::delete_many()
            .filter(outbox::Column::Id.is_in(self.0.iter().copied()))
            .exec(scope.transaction)
            .await
            .during(ACTION)
            .map(drop)
    }
}

struct Failed {
    id: i64,
    pause: Duration,
}

#[async_trait::async_trait]
impl Operation for Failed {
    type Output = ();

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        outbox::Entity::update_many()
            .col_expr(
                outbox::Column::Attempts,
                Expr::col(outbox::Column::Attempts).add(1),
            )
            .col_expr(
                outbox::Column::HeldUntil,
                Expr::value(end_of(scope.now, self.pause)),
            )
            .filter(outbox::Column::Id.eq(self.id))
            .exec(scope.transaction)
            .await
            .during(ACTION)
            .map(drop)
    }
}
