//! Reading requests by their numbers, and how rows become what answers show. The number of statements does not depend on the number of
//! requests.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{Payload, RequestType, RequestView, State};
use jiff::Timestamp;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseConnection, EntityTrait as _, QueryFilter as _,
    QuerySelect as _,
};

use crate::entity::request;
use crate::error::{During as _, Error};
use crate::filter::Form;
use crate::history;
use crate::images::{Operators, padded};
use crate::open::Store;
use crate::share::Questions;

pub(crate) const ACTION: &str = "reading requests";

/// How many requests are read by one statement.
const TOGETHER: usize = 64;

/// Requests that are asked for by their numbers.
pub(crate) type Requests = Questions<i64, Option<RequestView>>;

impl Store {
    /// One request with its history; none when there is none of that number. Callers at the same time share statements.
    ///
    /// # Errors
    /// [`Error::Database`], or [`Error::Unreadable`] when a later release wrote it.
    pub async fn request(&self, id: i64) -> Result<Option<RequestView>, Error> {
        self.0.requests.ask(id).await
    }

    /// The type of a request; none when there is none of that number.
    ///
    /// # Errors
    /// As for [`Self::request`].
    pub async fn request_type(&self, id: i64) -> Result<Option<RequestType>, Error> {
        let number: Option<i32> = again(|| async {
            request::Entity::find_by_id(id)
                .select_only()
                .column(request::Column::RequestType)
                .into_tuple()
                .one(self.readers())
                .await
                .during(ACTION)
        })
        .await?;
        number
            .map(|number| {
                RequestType::from_number(number).ok_or_else(|| Error::Unreadable {
                    request_id: id,
                    problem: format!("there is no type `{number}`"),
                })
            })
            .transpose()
    }
}

/// Answers who asks for requests, for as long as it is polled.
pub(crate) async fn answer_requests(requests: Arc<Requests>, connection: DatabaseConnection) {
    loop {
        let asked = requests.take(TOGETHER).await;
        let ids: Vec<i64> = asked.iter().map(|question| question.key).collect();
        let rows = again(|| rows_with_operators(&connection, &ids)).await;
        for question in asked {
            let id = question.key;
            question.answer(match &rows {
                Ok((rows, operators)) => {
                    let row = rows.iter().find(|row| row.id == id);
                    row.map(|row| view(row.clone(), Form::Verbose, operators))
                        .transpose()
                }
                Err(error) => Err(error.clone()),
            });
        }
    }
}

async fn rows_with_operators(
    connection: &DatabaseConnection,
    ids: &[i64],
) -> Result<(Vec<request::Model>, Operators), Error> {
    let rows = request::Entity::find()
        .filter(request::Column::Id.is_in(padded(ids)))
        .all(connection)
        .await
        .during(ACTION)?;
    let operators = operators_of(connection, &rows).await?;
    Ok((rows, operators))
}

/// Reads, and reads again when the connection was lost: the database was restarted, and the pool has other connections.
pub(crate) async fn again<T, F>(read: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    // Each connection of a pool may have been lost.
    const TRIES: u32 = 6;
    let mut tried = 1;
    loop {
        match read().await {
            Err(error) if error.is_connection_lost() && tried < TRIES => tried += 1,
            outcome => return outcome,
        }
    }
}

/// The operators of the bundles that the rows name.
async fn operators_of<C: ConnectionTrait>(
    connection: &C,
    rows: &[request::Model],
) -> Result<Operators, Error> {
    // A row that cannot be read is reported where it is shown.
    let payloads: Vec<Payload> = rows
        .iter()
        .filter(|row| row.request_type == RequestType::Add.number())
        .filter_map(|row| payload(row).ok())
        .collect();
    let bundles: BTreeSet<&str> = payloads
        .iter()
        .flat_map(Payload::bundles)
        .map(String::as_str)
        .collect();
    Operators::read(connection, bundles).await
}

/// Adds to the rows what other tables know of them, keeping their order.
pub(crate) async fn assemble<C: ConnectionTrait>(
    connection: &C,
    rows: Vec<request::Model>,
    form: Form,
) -> Result<Vec<RequestView>, Error> {
    let operators = operators_of(connection, &rows).await?;
    rows.into_iter()
        .map(|row| view(row, form, &operators))
        .collect()
}

/// What an answer shows of a row.
pub(crate) fn view(
    row: request::Model,
    form: Form,
    operators: &Operators,
) -> Result<RequestView, Error> {
    let id = row.id;
    let payload = payload(&row)?;
    let (annotations, history) = match form {
        Form::Short => (None, Vec::new()),
        Form::Verbose => (row.annotations.as_deref(), history::read(id, &row.history)?),
    };
    Ok(RequestView {
        id,
        batch: row.batch_id,
        batch_annotations: annotations
            .map(|text| parse(id, "its batch's annotations", text))
            .transpose()?,
        state: state(id, row.state)?,
        updated: time(id, row.updated)?,
        state_history: history,
        bundle_mapping: operators.mapping(payload.bundles()),
        payload,
        result: parse(id, "its result", &row.result)?,
        user: row.user_name,
        state_reason: row.state_reason,
    })
}

/// The payload of a row.
pub(crate) fn payload(row: &request::Model) -> Result<Payload, Error> {
    Payload::from_stored(&row.payload).map_err(|error| Error::Unreadable {
        request_id: row.id,
        problem: error.to_string(),
    })
}

/// A state from its number.
pub(crate) fn state(request_id: i64, number: i32) -> Result<State, Error> {
    State::from_number(number).ok_or_else(|| Error::Unreadable {
        request_id,
        problem: format!("there is no state `{number}`"),
    })
}

/// A time from its microseconds.
pub(crate) fn time(request_id: i64, microseconds: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(microseconds).map_err(|_| Error::Unreadable {
        request_id,
        problem: format!("`{microseconds}` is no time"),
    })
}

/// JSON of a column.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(
    request_id: i64,
    what: &str,
    text: &str,
) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Unreadable {
        request_id,
        problem: format!("{what} is damaged: {error}"),
    })
}
