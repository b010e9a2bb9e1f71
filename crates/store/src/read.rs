//! Reading requests. The number of statements does not depend on how many requests a page holds.

use std::collections::{BTreeMap, HashMap};

use api::{Payload, RequestType, RequestView, State, StateEntry};
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, JoinType, PaginatorTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::entity::{batch, history, image, request, request_bundle};
use crate::error::{During as _, Error};
use crate::filter::{Form, ListFilter, Listing, Page};
use crate::images::end_of_prefix;
use crate::open::Store;

const ACTION: &str = "reading requests";

impl Store {
    /// One request with its history; none when there is none of that number.
    ///
    /// # Errors
    /// [`Error::Database`], or [`Error::Unreadable`] when a later release wrote it.
    pub async fn request(&self, id: i64) -> Result<Option<RequestView>, Error> {
        let transaction = self.begin_read().await?;
        let Some(row) = request::Entity::find_by_id(id)
            .one(&transaction)
            .await
            .during(ACTION)?
        else {
            return Ok(None);
        };
        Ok(assemble(&transaction, vec![row], Form::Verbose)
            .await?
            .pop())
    }

    /// The type of a request; none when there is none of that number.
    ///
    /// # Errors
    /// As for [`Self::request`].
    pub async fn request_type(&self, id: i64) -> Result<Option<RequestType>, Error> {
        let number: Option<i32> = request::Entity::find_by_id(id)
            .select_only()
            .column(request::Column::RequestType)
            .into_tuple()
            .one(self.readers())
            .await
            .during(ACTION)?;
        number
            .map(|number| {
                RequestType::from_number(number).ok_or_else(|| Error::Unreadable {
                    request_id: id,
                    problem: format!("there is no type `{number}`"),
                })
            })
            .transpose()
    }

    /// One page of the requests that fit a filter, newest first.
    ///
    /// # Errors
    /// [`Error::UnknownImage`] when a filter names an image no request ever mentioned; [`Error::Database`] and [`Error::Unreadable`]
    /// as for [`Self::request`].
    pub async fn list(&self, filter: &ListFilter, page: Page) -> Result<Listing, Error> {
        let transaction = self.begin_read().await?;
        let condition = condition(&transaction, filter).await?;
        let fitting = request::Entity::find().filter(condition);
        let total = fitting.clone().count(&transaction).await.during(ACTION)?;
        let offset = page.number.saturating_sub(1).saturating_mul(page.per_page);
        // Databases count in 63 bits; a page that far out is empty anyway.
        if offset >= total || i64::try_from(offset).is_err() {
            return Ok(Listing {
                items: Vec::new(),
                total,
            });
        }
        let rows = fitting
            .order_by_desc(request::Column::Id)
            .offset(offset)
            .limit(Ord::min(page.per_page, total))
            .all(&transaction)
            .await
            .during(ACTION)?;
        Ok(Listing {
            items: assemble(&transaction, rows, page.form).await?,
            total,
        })
    }
}

/// Turns a filter into SQL after checking that the images it names are known at all.
async fn condition<C: ConnectionTrait>(
    connection: &C,
    filter: &ListFilter,
) -> Result<Condition, Error> {
    use request::Column;

    let mut condition = Condition::all()
        .add_option(filter.state.map(|state| Column::State.eq(state.number())))
        .add_option(
            filter
                .request_type
                .map(|kind| Column::RequestType.eq(kind.number())),
        )
        .add_option(filter.batch.map(|batch| Column::BatchId.eq(batch)))
        .add_option(
            filter
                .user
                .as_ref()
                .map(|user| Column::UserName.eq(user.as_str())),
        );
    for (name, column, reference) in [
        ("from_index", Column::FromIndexId, &filter.from_index),
        ("index_image", Column::IndexImageId, &filter.index_image),
    ] {
        if let Some(reference) = reference {
            let fits = Condition::all().add(image::Column::Reference.eq(reference.as_str()));
            let id = some_image(connection, fits, name, reference).await?;
            condition = condition.add(column.eq(id));
        }
    }
    if let Some(prefix) = &filter.from_index_startswith {
        let fits = Condition::all()
            .add(image::Column::Reference.gte(prefix.as_str()))
            .add_option(end_of_prefix(prefix).map(|end| image::Column::Reference.lt(end)));
        some_image(connection, fits.clone(), "from_index_startswith", prefix).await?;
        let ids: SelectStatement = Query::select()
            .column(image::Column::Id)
            .from(image::Entity)
            .cond_where(fits)
            .take();
        condition = condition.add(Expr::col(Column::FromIndexId).in_subquery(ids));
    }
    Ok(condition)
}

async fn some_image<C: ConnectionTrait>(
    connection: &C,
    fits: Condition,
    filter: &'static str,
    reference: &str,
) -> Result<i64, Error> {
    let found = image::Entity::find()
        .filter(fits)
        .limit(1)
        .one(connection)
        .await
        .during(ACTION)?;
    found
        .map(|model| model.id)
        .ok_or_else(|| Error::UnknownImage {
            filter,
            reference: reference.to_owned(),
        })
}

/// Adds to the rows what other tables know of them, keeping their order.
pub(crate) async fn assemble<C: ConnectionTrait>(
    connection: &C,
    rows: Vec<request::Model>,
    form: Form,
) -> Result<Vec<RequestView>, Error> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut mappings = mappings(connection, &ids).await?;
    let (mut histories, annotations) = match form {
        Form::Short => (HashMap::new(), HashMap::new()),
        Form::Verbose => (
            histories(connection, &ids).await?,
            annotations(connection, &rows).await?,
        ),
    };
    rows.into_iter()
        .map(|row| {
            let id = row.id;
            let annotations = annotations
                .get(&row.batch_id)
                .map(|text| parse(id, "its batch's annotations", text))
                .transpose()?;
            Ok(RequestView {
                id,
                batch: row.batch_id,
                batch_annotations: annotations,
                state: state(id, row.state)?,
                updated: time(id, row.updated)?,
                state_history: histories.remove(&id).unwrap_or_default(),
                payload: payload(&row)?,
                result: parse(id, "its result", &row.result)?,
                bundle_mapping: mappings.remove(&id).unwrap_or_default(),
                user: row.user_name,
                state_reason: row.state_reason,
            })
        })
        .collect()
}

/// The payload of a row.
pub(crate) fn payload(row: &request::Model) -> Result<Payload, Error> {
    Payload::from_stored(&row.payload).map_err(|error| Error::Unreadable {
        request_id: row.id,
        problem: error.to_string(),
    })
}

async fn mappings<C: ConnectionTrait>(
    connection: &C,
    ids: &[i64],
) -> Result<HashMap<i64, BTreeMap<String, Vec<String>>>, Error> {
    let rows: Vec<(i64, String, String)> = request_bundle::Entity::find()
        .select_only()
        .column(request_bundle::Column::RequestId)
        .column(image::Column::Operator)
        .column(image::Column::Reference)
        .join(JoinType::InnerJoin, image_of_bundle())
        .filter(request_bundle::Column::RequestId.is_in(ids.iter().copied()))
        .filter(image::Column::Operator.is_not_null())
        .order_by_asc(request_bundle::Column::RequestId)
        .order_by_asc(request_bundle::Column::Position)
        .into_tuple()
        .all(connection)
        .await
        .during(ACTION)?;
    let mut mappings: HashMap<i64, BTreeMap<String, Vec<String>>> = HashMap::new();
    for (request_id, operator, reference) in rows {
        mappings
            .entry(request_id)
            .or_default()
            .entry(operator)
            .or_default()
            .push(reference);
    }
    Ok(mappings)
}

fn image_of_bundle() -> sea_orm::RelationDef {
    request_bundle::Entity::belongs_to(image::Entity)
        .from(request_bundle::Column::ImageId)
        .to(image::Column::Id)
        .into()
}

async fn histories<C: ConnectionTrait>(
    connection: &C,
    ids: &[i64],
) -> Result<HashMap<i64, Vec<StateEntry>>, Error> {
    let rows = history::Entity::find()
        .filter(history::Column::RequestId.is_in(ids.iter().copied()))
        .order_by_asc(history::Column::RequestId)
        .order_by_desc(history::Column::Id)
        .all(connection)
        .await
        .during(ACTION)?;
    let mut histories: HashMap<i64, Vec<StateEntry>> = HashMap::new();
    for row in rows {
        let id = row.request_id;
        let entry = StateEntry {
            state: state(id, row.state)?,
            state_reason: row.state_reason,
            updated: time(id, row.updated)?,
        };
        histories.entry(id).or_default().push(entry);
    }
    Ok(histories)
}

async fn annotations<C: ConnectionTrait>(
    connection: &C,
    rows: &[request::Model],
) -> Result<HashMap<i64, String>, Error> {
    let batches = batch::Entity::find()
        .filter(batch::Column::Id.is_in(rows.iter().map(|row| row.batch_id)))
        .filter(batch::Column::Annotations.is_not_null())
        .all(connection)
        .await
        .during(ACTION)?;
    Ok(batches
        .into_iter()
        .filter_map(|batch| Some((batch.id, batch.annotations?)))
        .collect())
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
