//! Accepting a request: everything it needs to be finished is written in one transaction.

use std::collections::BTreeMap;

use api::{
    AddDetails, AddPayload, Details, Payload, RequestType, RequestView, ResultFields, State,
    StateEntry,
};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait as _};
use secrecy::SecretString;

use crate::entity::{batch, history, image, job, request, request_bundle, secret};
use crate::error::{During as _, Error};
use crate::images;
use crate::open::Store;

/// The reason of the first history entry.
const ACCEPTED: &str = "The request was accepted and waits for a worker";

/// The name under which the token is kept.
pub(crate) const OVERWRITE_FROM_INDEX_TOKEN: &str = "overwrite_from_index_token";

/// Rows per statement when a request names many bundles.
const CHUNK: usize = 500;

const ACTION: &str = "recording a request";

impl Store {
    /// Accepts an addition: request, batch, first history entry, job and sealed secret are written together or not at all.
    /// Wakes a worker of this process.
    ///
    /// # Errors
    /// [`Error::Database`] when it could not be written; nothing is left behind.
    pub async fn submit_add(
        &self,
        payload: &AddPayload,
        user: Option<&str>,
    ) -> Result<RequestView, Error> {
        let stored = Payload::Add(payload.clone()).to_stored();
        let at = self.now();
        let transaction = self.begin_write().await?;

        let batch = batch::ActiveModel {
            annotations: Set(None),
            ..Default::default()
        };
        let batch_id = batch::Entity::insert(batch)
            .exec(&transaction)
            .await
            .during(ACTION)?
            .last_insert_id;
        let references = payload
            .bundles
            .iter()
            .chain(&payload.deprecation_list)
            .chain(&payload.from_index)
            .chain(&payload.binary_image)
            .map(String::as_str)
            .collect();
        let known = images::record(&transaction, references).await?;
        let row = request::ActiveModel {
            batch_id: Set(batch_id),
            request_type: Set(RequestType::Add.number()),
            user_name: Set(user.map(ToOwned::to_owned)),
            state: Set(State::InProgress.number()),
            state_reason: Set(ACCEPTED.to_owned()),
            submitted: Set(at.as_microsecond()),
            updated: Set(at.as_microsecond()),
            payload: Set(stored),
            result: Set("{}".to_owned()),
            from_index_id: Set(images::id_of(&known, payload.from_index.as_deref())),
            index_image_id: Set(None),
            ..Default::default()
        };
        let id = request::Entity::insert(row)
            .exec(&transaction)
            .await
            .during(ACTION)?
            .last_insert_id;
        record_bundles(&transaction, id, &payload.bundles, &known).await?;
        let entry = StateEntry {
            state: State::InProgress,
            state_reason: ACCEPTED.to_owned(),
            updated: at,
        };
        record_state(&transaction, id, &entry).await?;
        let waiting = job::ActiveModel {
            request_id: Set(id),
            fence: Set(0),
            attempt: Set(0),
            lease_owner: Set(None),
            lease_began: Set(None),
            lease_expires: Set(None),
            checkpoint: Set(None),
        };
        job::Entity::insert(waiting)
            .exec_without_returning(&transaction)
            .await
            .during(ACTION)?;
        if let Some(token) = &payload.overwrite_from_index_token {
            self.record_secret(&transaction, id, OVERWRITE_FROM_INDEX_TOKEN, token)
                .await?;
        }
        transaction.commit().await.during(ACTION)?;
        self.0.submitted.notify_one();

        Ok(RequestView {
            id,
            batch: batch_id,
            batch_annotations: None,
            user: user.map(ToOwned::to_owned),
            state: entry.state,
            state_reason: entry.state_reason.clone(),
            updated: entry.updated,
            state_history: vec![entry],
            details: Details::Add(AddDetails {
                payload: payload.without_secrets(),
                result: ResultFields::default(),
                bundle_mapping: mapping_of(&payload.bundles, &known),
            }),
        })
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
