//! Accepting requests: everything they need to be finished is written in one transaction.

use std::collections::BTreeMap;

use api::{Payload, RequestView, ResultFields, State, StateEntry};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait as _};
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::entity::{batch, history, image, job, request, request_bundle, secret};
use crate::error::{During as _, Error};
use crate::images;
use crate::open::Store;

/// The reason of the first history entry.
const ACCEPTED: &str = "The request was accepted and waits for a worker";

/// Rows per statement when a request names many bundles.
const CHUNK: usize = 500;

const ACTION: &str = "recording a request";

/// A request to accept.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// What is asked for, with its secrets.
    pub payload: Payload,
    /// The queue it waits in; none is the default queue.
    pub queue: Option<String>,
}

/// Requests submitted together.
#[derive(Clone, Debug)]
pub struct Submission {
    /// At least one request, in the order of the answer.
    pub requests: Vec<NewRequest>,
    /// What the submitter noted on the batch.
    pub annotations: Option<Map<String, Value>>,
    /// Who submits them.
    pub user: Option<String>,
    /// Where in a trace they are submitted (a W3C `traceparent`); workers get it with the jobs.
    pub trace_context: Option<String>,
}

impl Store {
    /// Accepts requests as one batch: for each of them the row, the first history entry, the job and the sealed secret, all written
    /// together or not at all. Wakes a worker of this process per request. The answer has them in order, without their secrets.
    ///
    /// # Errors
    /// [`Error::Database`] when they could not be written; nothing is left behind.
    pub async fn submit(&self, submission: Submission) -> Result<Vec<RequestView>, Error> {
        let Submission {
            requests,
            annotations,
            user,
            trace_context,
        } = submission;
        let at = self.now();
        let transaction = self.begin_write().await?;
        let batch = batch::ActiveModel {
            annotations: Set(annotations
                .as_ref()
                .map(|annotations| Value::Object(annotations.clone()).to_string())),
            ..Default::default()
        };
        let batch_id = batch::Entity::insert(batch)
            .exec(&transaction)
            .await
            .during(ACTION)?
            .last_insert_id;
        let references = requests
            .iter()
            .flat_map(|request| request.payload.image_references())
            .collect();
        let known = images::record(&transaction, references).await?;
        let mut views = Vec::with_capacity(requests.len());
        for NewRequest { payload, queue } in requests {
            let row = request::ActiveModel {
                batch_id: Set(batch_id),
                request_type: Set(payload.request_type().number()),
                user_name: Set(user.clone()),
                state: Set(State::InProgress.number()),
                state_reason: Set(ACCEPTED.to_owned()),
                submitted: Set(at.as_microsecond()),
                updated: Set(at.as_microsecond()),
                payload: Set(payload.to_stored()),
                result: Set("{}".to_owned()),
                from_index_id: Set(images::id_of(&known, payload.listed_from_index())),
                index_image_id: Set(None),
                ..Default::default()
            };
            let id = request::Entity::insert(row)
                .exec(&transaction)
                .await
                .during(ACTION)?
                .last_insert_id;
            record_bundles(&transaction, id, payload.bundles(), &known).await?;
            let entry = StateEntry {
                state: State::InProgress,
                state_reason: ACCEPTED.to_owned(),
                updated: at,
            };
            record_state(&transaction, id, &entry).await?;
            let waiting = job::ActiveModel {
                request_id: Set(id),
                queue: Set(queue),
                serial_key: Set(payload.overwritten_index().map(ToOwned::to_owned)),
                fence: Set(0),
                attempt: Set(0),
                lease_owner: Set(None),
                lease_began: Set(None),
                lease_expires: Set(None),
                checkpoint: Set(None),
                dispatched: Set(None),
                trace_context: Set(trace_context.clone()),
            };
            job::Entity::insert(waiting)
                .exec_without_returning(&transaction)
                .await
                .during(ACTION)?;
            if let Some((name, value)) = payload.secrets() {
                self.record_secret(&transaction, id, name.name(), value)
                    .await?;
            }
            views.push(RequestView {
                id,
                batch: batch_id,
                batch_annotations: annotations.clone(),
                user: user.clone(),
                state: entry.state,
                state_reason: entry.state_reason.clone(),
                updated: entry.updated,
                state_history: vec![entry],
                bundle_mapping: mapping_of(payload.bundles(), &known),
                payload: payload.without_secrets(),
                result: ResultFields::default(),
            });
        }
        transaction.commit().await.during(ACTION)?;
        for _ in &views {
            self.0.submitted.notify_one();
        }
        Ok(views)
    }

    async fn record_secret(
        &self,
        transaction: &DatabaseTransaction,
        request_id: i64,
        name: &str,
        value: &SecretString,
    ) -> Result<(), Error> {
        let sealed = self.0.sealing_key.seal(request_id, name, value)?;
        let row = secret::ActiveModel {
            request_id: Set(request_id),
            name: Set(name.to_owned()),
            sealed: Set(sealed),
        };
        secret::Entity::insert(row)
            .exec_without_returning(transaction)
            .await
            .during(ACTION)
            .map(drop)
    }
}

async fn record_bundles(
    transaction: &DatabaseTransaction,
    request_id: i64,
    bundles: &[String],
    known: &BTreeMap<String, image::Model>,
) -> Result<(), Error> {
    let rows: Vec<_> = bundles
        .iter()
        .filter_map(|bundle| known.get(bundle))
        .zip(0..)
        .map(|(image, position)| request_bundle::ActiveModel {
            request_id: Set(request_id),
            position: Set(position),
            image_id: Set(image.id),
        })
        .collect();
    for chunk in rows.chunks(CHUNK) {
        request_bundle::Entity::insert_many(chunk.to_vec())
            .exec_without_returning(transaction)
            .await
            .during(ACTION)?;
    }
    Ok(())
}

/// Adds an entry to the history.
pub(crate) async fn record_state(
    transaction: &DatabaseTransaction,
    request_id: i64,
    entry: &StateEntry,
) -> Result<(), Error> {
    let row = history::ActiveModel {
        request_id: Set(request_id),
        state: Set(entry.state.number()),
        state_reason: Set(entry.state_reason.clone()),
        updated: Set(entry.updated.as_microsecond()),
        ..Default::default()
    };
    history::Entity::insert(row)
        .exec_without_returning(transaction)
        .await
        .during("recording a state")
        .map(drop)
}

/// Another request may have told already which operator a bundle image holds.
fn mapping_of(
    bundles: &[String],
    known: &BTreeMap<String, image::Model>,
) -> BTreeMap<String, Vec<String>> {
    let mut mapping: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for bundle in bundles {
        if let Some(operator) = known.get(bundle).and_then(|image| image.operator.clone()) {
            mapping.entry(operator).or_default().push(bundle.clone());
        }
    }
    mapping
}
