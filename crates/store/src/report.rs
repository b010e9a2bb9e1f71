//! What a worker reports while it holds the lease: states, results, checkpoints, the end.

use std::collections::BTreeSet;

use api::{Patch, RequestView, ResultFields, State, StateEntry};
use jiff::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
};

use crate::entity::{job, request, secret};
use crate::error::{During as _, Error};
use crate::filter::Form;
use crate::images;
use crate::job::{Lease, Update};
use crate::open::Store;
use crate::read;
use crate::submit::record_state;

const ACTION: &str = "recording an update";

impl Store {
    /// Writes a state and the result fields that go with it, together. The state and reason of the newest entry add no entry. A final
    /// state ends the job as [`Self::finish`] does.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when the lease has run out or somebody else has claimed the job, [`Error::Final`] when the request has ended;
    /// nothing is written then.
    pub async fn report(&self, lease: &Lease, update: &Update) -> Result<(), Error> {
        let transaction = self.begin_write().await?;
        let now = self.now();
        let row = require_held(&transaction, lease, now).await?;
        let result = read::parse(row.id, "its result", &row.result)?;
        let state = (update.state, update.state_reason.as_str());
        apply(&transaction, row, result, Some(state), &update.fields, now).await?;
        transaction.commit().await.during(ACTION)
    }

    /// Writes what a worker of another program reports, who holds no lease: a state if it names one, and result fields, together. A final
    /// state may be repeated with another reason, and the other fields change whatever the state. A request that ends so is taken from the
    /// worker who holds it.
    ///
    /// # Errors
    /// [`Error::NoSuchRequest`]; [`Error::StateIsFinal`] when the request would leave a final state. Nothing is written then.
    pub async fn patch(&self, id: i64, patch: &Patch) -> Result<RequestView, Error> {
        let transaction = self.begin_write().await?;
        let row = request::Entity::find_by_id(id)
            .one(&transaction)
            .await
            .during(ACTION)?
            .ok_or(Error::NoSuchRequest { request_id: id })?;
        let former = read::state(id, row.state)?;
        let state = patch
            .state
            .as_ref()
            .map(|(state, reason)| (*state, reason.as_str()));
        if let Some((wanted, _)) = state
            && former.is_final()
            && wanted != former
        {
            return Err(Error::StateIsFinal { state: former });
        }
        let result = read::parse(id, "its result", &row.result)?;
        apply(&transaction, row, result, state, &patch.fields, self.now()).await?;
        let changed = request::Entity::find_by_id(id)
            .all(&transaction)
            .await
            .during(ACTION)?;
        let view = read::assemble(&transaction, changed, Form::Verbose)
            .await?
            .pop()
            .ok_or(Error::NoSuchRequest { request_id: id })?;
        transaction.commit().await.during(ACTION)?;
        Ok(view)
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

    /// Keeps `data` with the job for a later attempt, instead of what was kept before. It should be small and hold no secret.
    ///
    /// # Errors
    /// As for [`Self::report`].
    pub async fn checkpoint(&self, lease: &Lease, data: &serde_json::Value) -> Result<(), Error> {
        let transaction = self.begin_write().await?;
        require_held(&transaction, lease, self.now()).await?;
        job::Entity::update_many()
            .col_expr(job::Column::Checkpoint, Expr::value(data.to_string()))
            .filter(job::Column::RequestId.eq(lease.request_id))
            .exec(&transaction)
            .await
            .during(ACTION)?;
        transaction.commit().await.during(ACTION)
    }
}

/// The request of a lease that is still good. A lease that has run out is lost even when nobody has claimed the job yet: its
/// holder cannot know.
pub(crate) async fn require_held(
    transaction: &DatabaseTransaction,
    lease: &Lease,
    now: Timestamp,
) -> Result<request::Model, Error> {
    let request_id = lease.request_id;
    let lost = Error::LeaseLost { request_id };
    let Some(row) = request::Entity::find_by_id(request_id)
        .one(transaction)
        .await
        .during(ACTION)?
    else {
        return Err(lost);
    };
    let state = read::state(request_id, row.state)?;
    if state.is_final() {
        return Err(Error::Final { request_id, state });
    }
    let job = job::Entity::find_by_id(request_id)
        .one(transaction)
        .await
        .during(ACTION)?;
    let held = job.is_some_and(|job| {
        job.fence == lease.fence
            && job.lease_owner.as_deref() == Some(lease.worker.as_str())
            && job
                .lease_expires
                .is_some_and(|expires| now.as_microsecond() < expires)
    });
    if held { Ok(row) } else { Err(lost) }
}

/// Ends a request that no worker can end, such as one whose job cannot be read. Result fields that are damaged start anew.
pub(crate) async fn end_without_worker(
    transaction: &DatabaseTransaction,
    request_id: i64,
    update: &Update,
    now: Timestamp,
) -> Result<(), Error> {
    match request::Entity::find_by_id(request_id)
        .one(transaction)
        .await
        .during(ACTION)?
    {
        Some(row) => {
            let result = serde_json::from_str(&row.result).unwrap_or_default();
            let state = (update.state, update.state_reason.as_str());
            apply(transaction, row, result, Some(state), &update.fields, now).await
        }
        None => remove_job(transaction, request_id).await,
    }
}

async fn apply(
    transaction: &DatabaseTransaction,
    row: request::Model,
    mut result: ResultFields,
    state: Option<(State, &str)>,
    fields: &ResultFields,
    now: Timestamp,
) -> Result<(), Error> {
    let references: BTreeSet<&str> = fields.image_references().collect();
    let known = images::record(transaction, references).await?;
    if let Some(mapping) = &fields.bundle_mapping {
        images::set_operators(transaction, mapping).await?;
    }
    result.merge(fields);
    let mut change = request::ActiveModel {
        id: Set(row.id),
        result: Set(serde_json::to_string(&result)
            .expect("result fields have string keys only and serialize without failing")),
        ..Default::default()
    };
    if let Some(index_image) = images::id_of(&known, fields.index_image.as_deref())
        && read::payload(&row).is_ok_and(|payload| payload.listed_by_index_image())
    {
        change.index_image_id = Set(Some(index_image));
    }
    if let Some((state, reason)) = state
        && (row.state != state.number() || row.state_reason != reason)
    {
        // A clock that was set back must not make the newest entry look older than the one before.
        let updated = now.max(read::time(row.id, row.updated)?);
        change.state = Set(state.number());
        change.state_reason = Set(reason.to_owned());
        change.updated = Set(updated.as_microsecond());
        let entry = StateEntry {
            state,
            state_reason: reason.to_owned(),
            updated,
        };
        record_state(transaction, row.id, &entry).await?;
    }
    request::Entity::update_many()
        .set(change)
        .filter(request::Column::Id.eq(row.id))
        .exec(transaction)
        .await
        .during(ACTION)?;
    if state.is_some_and(|(state, _)| state.is_final()) {
        remove_job(transaction, row.id).await?;
    }
    Ok(())
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
