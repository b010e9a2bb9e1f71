//! Messages about changes: when they are due (section 10 of the contract). What is in them the [`Announcer`] says.

use api::{RequestType, RequestView, State};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use serde_json::{Map, Value};

use crate::entity::{batch, request};
use crate::error::{During as _, Error};
use crate::filter::Form;
use crate::images::Operators;
use crate::read;
use crate::writer::Scope;

/// Words the messages about changes. It is asked inside the transaction that makes the change, so it must be quick and must not block.
pub trait Announcer: Send + Sync {
    /// The message about a request with a new state; none when nobody wants it.
    fn build(&self, view: &RequestView) -> Option<Message>;

    /// The message about a batch that was submitted or has ended; none when nobody wants it.
    fn batch(&self, batch: &BatchView) -> Option<Message>;
}

/// A message to send once the change it is about is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where to.
    pub destination: String,
    /// What consumers select messages by.
    pub properties: Map<String, Value>,
    /// What it says.
    pub body: String,
}

/// What a message may tell about a batch.
#[derive(Clone, Debug)]
pub struct BatchView {
    /// Its number.
    pub batch: i64,
    /// What the submitter noted on it.
    pub annotations: Option<Map<String, Value>>,
    /// Who submitted it.
    pub user: Option<String>,
    /// In progress while any of its requests is; then failed if any failed.
    pub state: State,
    /// Its requests, by number.
    pub requests: Vec<BatchRequest>,
}

/// A request of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRequest {
    /// Its number.
    pub id: i64,
    /// The organization it is for; none for types without.
    pub organization: Option<String>,
    /// Its type.
    pub request_type: RequestType,
}

impl From<&RequestView> for BatchRequest {
    fn from(view: &RequestView) -> Self {
        Self {
            id: view.id,
            organization: view.payload.organization().map(ToOwned::to_owned),
            request_type: view.request_type(),
        }
    }
}

/// Announces requests that were just submitted as one batch: each of them, then the batch.
pub(crate) fn submitted(scope: &Scope<'_>, views: &[RequestView]) {
    let (Some(announcer), Some(first)) = (&scope.context.announcer, views.first()) else {
        return;
    };
    scope.will_send(views.iter().filter_map(|view| announcer.build(view)));
    let batch = BatchView {
        batch: first.batch,
        annotations: first.batch_annotations.clone(),
        user: first.user.clone(),
        state: State::InProgress,
        requests: views.iter().map(BatchRequest::from).collect(),
    };
    scope.will_send(announcer.batch(&batch));
}

/// Announces a request with a new state entry, and its batch once none of it is in progress.
pub(crate) async fn changed(scope: &Scope<'_>, row: &request::Model) -> Result<(), Error> {
    const ACTION: &str = "looking for the other requests of a batch";
    let Some(announcer) = &scope.context.announcer else {
        return Ok(());
    };
    // Others of its batch may be ending in other processes. Whoever comes last through this lock sees them all.
    let several = batch::Entity::find_by_id(row.batch_id)
        .lock_exclusive()
        .one(scope.transaction)
        .await
        .during(ACTION)?;
    // A row that cannot be read cannot be announced, but it can still end.
    let Some(view) = view_of(scope, row.clone()).await? else {
        return Ok(());
    };
    scope.will_send(announcer.build(&view));
    if !view.state.is_final() {
        return Ok(());
    }
    let mut batch = BatchView {
        batch: view.batch,
        annotations: view.batch_annotations.clone(),
        user: view.user.clone(),
        state: view.state,
        requests: vec![BatchRequest::from(&view)],
    };
    if several.is_some() {
        let rows = request::Entity::find()
            .filter(request::Column::BatchId.eq(row.batch_id))
            .order_by_asc(request::Column::Id)
            .all(scope.transaction)
            .await
            .during(ACTION)?;
        let of_state = |state: State| rows.iter().any(|row| row.state == state.number());
        if of_state(State::InProgress) {
            return Ok(());
        }
        batch.state = if of_state(State::Failed) {
            State::Failed
        } else {
            State::Complete
        };
        batch.requests = rows
            .into_iter()
            .filter_map(|row| read::view(row, Form::Short, &Operators::default()).ok())
            .map(|view| BatchRequest::from(&view))
            .collect();
    }
    scope.will_send(announcer.batch(&batch));
    Ok(())
}

async fn view_of(scope: &Scope<'_>, row: request::Model) -> Result<Option<RequestView>, Error> {
    let id = row.id;
    match read::assemble(scope.transaction, vec![row], Form::Verbose).await {
        Ok(mut views) => Ok(views.pop()),
        Err(error @ Error::Unreadable { .. }) => {
            tracing::error!(request.id = id, %error, "nobody is told of a request that cannot be read");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
