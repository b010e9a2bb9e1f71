//! What workers report: states, results, checkpoints, the end. Ours show a lease; those of other programs have none.

use api::{Patch, RequestView, ResultFields, State, StateEntry};
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QuerySelect as _,
};

use crate::announce;
use crate::entity::{job, request, secret};
use crate::error::{During as _, Error};
use crate::filter::Form;
use crate::history;
use crate::images;
use crate::job::{Lease, Update};
use crate::open::Store;
use crate::read;
use crate::text::{key, storable};
use crate::writer::{Operation, Scope};

const ACTION: &str = "recording an update";

impl Store {
    /// Writes a state and the result fields that go with it, together. The state and reason of the newest entry add no entry. A final
    /// state ends the job as [`Self::finish`] does.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when the lease has run out or somebody else has claimed the job, [`Error::Final`] when the request has ended;
    /// nothing is written then.
    pub async fn report(&self, lease: &Lease, update: &Update) -> Result<(), Error> {
        self.write(Report {
            lease: lease.clone(),
            update: update.clone(),
        })
        .await
    }

    /// Ends the request: the final state is written, and job and secrets are gone with it.
    ///
    /// # Errors
    /// [`Error::NotFinal`] when the update is not about a final state; otherwise as for [`Self::report`].
    pub async fn finish(&self, lease: &Lease, update: &Update) -> Result<(), Error> {
        if !update.state.is_final() {
            return Err(Error::NotFinal {
                request_id: lease.request_id,
            });
        }
        self.report(lease, update).await
    }

    /// Writes what a worker of another program reports, who holds no lease: a state if it names one, and result fields, together. A final
    /// state may be repeated with another reason, and the other fields change whatever the state. A request that ends so is taken from the
    /// worker who holds it.
    ///
    /// # Errors
    /// [`Error::NoSuchRequest`]; [`Error::StateIsFinal`] when the request would leave a final state. Nothing is written then.
    pub async fn patch(&self, id: i64, patch: &Patch) -> Result<RequestView, Error> {
        self.write(Patched {
            id,
            patch: patch.clone(),
        })
        .await
    }

    /// Keeps `data` with the job for a later attempt, instead of what was kept before. It should be small and hold no secret.
    ///
    /// # Errors
    /// As for [`Self::report`].
    pub async fn checkpoint(&self, lease: &Lease, data: &serde_json::Value) -> Result<(), Error> {
        self.write(Checkpoint {
            lease: lease.clone(),
            data: data.to_string(),
        })
        .await
    }
}

struct Report {
    lease: Lease,
    update: Update,
}

#[async_trait::async_trait]
impl Operation for Report {
    type Output = ();

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        record(scope, &self.lease, &self.update).await
    }
}

/// Writes `update` for the holder of the lease.
pub(crate) async fn record(scope: &Scope<'_>, lease: &Lease, update: &Update) -> Result<(), Error> {
    let row = require_held(scope, lease).await?;
    let result = read::parse(row.id, "its result", &row.result)?;
    let state = (update.state, update.state_reason.as_str());
    apply(scope, row, result, Some(state), &update.fields)
        .await
        .map(drop)
}

struct Patched {
    id: i64,
    patch: Patch,
}

#[async_trait::async_trait]
impl Operation for Patched {
    type Output = RequestView;

    async fn run(&self, scope: &Scope<'_>) -> Result<RequestView, Error> {
        let id = self.id;
        let missing = Error::NoSuchRequest { request_id: id };
        let row = find(scope.transaction, id).await?.ok_or(missing)?;
        let former = read::state(id, row.state)?;
        let state = self.patch.state.as_ref();
        let state = state.map(|(state, reason)| (*state, reason.as_str()));
        if let Some((wanted, _)) = state
            && former.is_final()
            && wanted != former
        {
            return Err(Error::StateIsFinal { state: former });
        }
        let result = read::parse(id, "its result", &row.result)?;
        let changed = apply(scope, row, result, state, &self.patch.fields).await?;
        if state.is_some_and(|(state, _)| state.is_final()) {
            scope.will_take_job();
        }
        read::assemble(scope.transaction, vec![changed], Form::Verbose)
            .await?
            .pop()
            .ok_or(Error::NoSuchRequest { request_id: id })
    }
}

struct Checkpoint {
    lease: Lease,
    data: String,
}

#[async_trait::async_trait]
impl Operation for Checkpoint {
    type Output = ();

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        require_held(scope, &self.lease).await?;
        keep(scope, self.lease.request_id, &self.data).await
    }
}

/// Keeps `data` with the job of a request.
pub(crate) async fn keep(scope: &Scope<'_>, request_id: i64, data: &str) -> Result<(), Error> {
    job::Entity::update_many()
        .col_expr(job::Column::Checkpoint, Expr::value(data))
        .filter(job::Column::RequestId.eq(request_id))
        .exec(scope.transaction)
        .await
        .during(ACTION)
        .map(drop)
}

/// The row of a request, which nobody else changes until the transaction ends.
async fn find(
    transaction: &DatabaseTransaction,
    request_id: i64,
) -> Result<Option<request::Model>, Error> {
    request::Entity::find_by_id(request_id)
        .lock_exclusive()
        .one(transaction)
        .await
        .during(ACTION)
}

/// The request of a lease that is still good. A lease that has run out is lost even when nobody has claimed the job yet: its
/// holder cannot know.
pub(crate) async fn require_held(
    scope: &Scope<'_>,
    lease: &Lease,
) -> Result<request::Model, Error> {
    let request_id = lease.request_id;
    let lost = Error::LeaseLost { request_id };
    let Some(row) = find(scope.transaction, request_id).await? else {
        return Err(lost);
    };
    let state = read::state(request_id, row.state)?;
    if state.is_final() {
        return Err(Error::Final { request_id, state });
    }
    let job = job::Entity::find_by_id(request_id)
        .lock_exclusive()
        .one(scope.transaction)
        .await
        .during(ACTION)?;
    let held = job.is_some_and(|job| {
        job.fence == lease.fence
            && job.lease_owner.as_deref() == Some(lease.worker.as_str())
            && job
                .lease_expires
                .is_some_and(|expires| scope.now.as_microsecond() < expires)
    });
    if held { Ok(row) } else { Err(lost) }
}

/// Fails a request that no worker can end, such as one whose job cannot be read. Result fields that are damaged start anew.
pub(crate) async fn end_without_worker(
    scope: &Scope<'_>,
    request_id: i64,
    reason: &str,
) -> Result<(), Error> {
    match find(scope.transaction, request_id).await? {
        Some(row) => {
            let result = serde_json::from_str(&row.result).unwrap_or_default();
            let state = Some((State::Failed, reason));
            apply(scope, row, result, state, &ResultFields::default())
                .await
                .map(drop)
        }
        None => remove_job(scope.transaction, request_id).await,
    }
}

/// Writes a change to a row, announces a new state, and gives the row as it is now.
async fn apply(
    scope: &Scope<'_>,
    mut row: request::Model,
    mut result: ResultFields,
    state: Option<(State, &str)>,
    fields: &ResultFields,
) -> Result<request::Model, Error> {
    images::record(scope, fields.image_references().collect()).await?;
    if let Some(mapping) = &fields.bundle_mapping {
        images::set_operators(scope, mapping).await?;
    }
    result.merge(fields);
    row.result = serde_json::to_string(&result)
        .expect("result fields have string keys only and serialize without failing");
    if let Some(index_image) = &fields.index_image
        && read::payload(&row).is_ok_and(|payload| payload.listed_by_index_image())
    {
        row.index_image = Some(key(index_image).into_owned());
    }
    let is_new = match state {
        Some((state, reason)) => enter(&mut row, state, reason, scope.now)?,
        None => false,
    };
    let change = request::ActiveModel {
        state: Set(row.state),
        state_reason: Set(row.state_reason.clone()),
        updated: Set(row.updated),
        history: Set(row.history.clone()),
        result: Set(row.result.clone()),
        index_image: Set(row.index_image.clone()),
        ..Default::default()
    };
    request::Entity::update_many()
        .set(change)
        .filter(request::Column::Id.eq(row.id))
        .exec(scope.transaction)
        .await
        .during(ACTION)?;
    if state.is_some_and(|(state, _)| state.is_final()) {
        remove_job(scope.transaction, row.id).await?;
        // One that had to wait for it may be begun.
        scope.will_wake(1);
    }
    if is_new {
        announce::changed(scope, &row).await?;
    }
    Ok(row)
}

/// Adds an entry to the history, unless the newest one says the same. Whether it did.
fn enter(
    row: &mut request::Model,
    state: State,
    reason: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let reason = storable(reason);
    if row.state == state.number() && row.state_reason == reason {
        return Ok(false);
    }
    let entry = StateEntry {
        state,
        state_reason: reason.into_owned(),
        // A clock that was set back must not make the newest entry look older than the one before.
        updated: now.max(read::time(row.id, row.updated)?),
    };
    row.history = history::append(&row.history, &entry);
    row.state = state.number();
    row.updated = entry.updated.as_microsecond();
    row.state_reason = entry.state_reason;
    Ok(true)
}

async fn remove_job(transaction: &DatabaseTransaction, request_id: i64) -> Result<(), Error> {
    job::Entity::delete_by_id(request_id)
        .exec(transaction)
        .await
        .during(ACTION)?;
    secret::Entity::delete_many()
        .filter(secret::Column::RequestId.eq(request_id))
        .exec(transaction)
        .await
        .during(ACTION)?;
    Ok(())
}
