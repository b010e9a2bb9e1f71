//! What an answer shows of a request (section 4).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::add::AddPayload;
use crate::kind::{RequestType, State};
use crate::result_fields::ResultFields;
use crate::timestamp;

/// A request as answers show it, whatever its type.
#[derive(Clone, Debug)]
pub struct RequestView {
    /// Its number.
    pub id: i64,
    /// The batch it belongs to.
    pub batch: i64,
    /// What the submitter noted on the batch.
    pub batch_annotations: Option<Map<String, Value>>,
    /// Who submitted it.
    pub user: Option<String>,
    /// The newest state.
    pub state: State,
    /// Why it is in that state.
    pub state_reason: String,
    /// Since when.
    pub updated: Timestamp,
    /// Every state entry, newest first; empty when only the short form was asked for.
    pub state_history: Vec<StateEntry>,
    /// What the request's type adds.
    pub details: Details,
}

/// One entry of the state history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateEntry {
    /// The state.
    pub state: State,
    /// Why.
    pub state_reason: String,
    /// When it was entered.
    pub updated: Timestamp,
}

/// What each request type adds to a view (section 4.3).
#[derive(Clone, Debug)]
pub enum Details {
    /// An addition.
    Add(AddDetails),
}

/// What an addition shows.
#[derive(Clone, Debug)]
pub struct AddDetails {
    /// What was asked for.
    pub payload: AddPayload,
    /// What came out of it so far.
    pub result: ResultFields,
    /// Operator name to bundles of this request, in payload order; bundles whose operator is unknown are missing.
    pub bundle_mapping: BTreeMap<String, Vec<String>>,
}

/// A file kept for a limited time (`logs` and its like).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Artefact {
    /// When it may be gone.
    #[serde(serialize_with = "timestamp::serialize")]
    pub expiration: Timestamp,
    /// Where it is.
    pub url: String,
}

/// A view with the choice of its form made; serializes to exactly the keys of the contract, in a fixed order.
#[derive(Debug)]
pub struct Rendered<'a> {
    view: &'a RequestView,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Short,
    Verbose { logs: Option<Artefact> },
}

impl RequestView {
    /// The short form: lists and messages.
    pub fn short(&self) -> Rendered<'_> {
        Rendered {
            view: self,
            form: Form::Short,
        }
    }

    /// The verbose form: single requests and verbose lists. `logs` is shown only where logs are kept.
    pub fn verbose(&self, logs: Option<Artefact>) -> Rendered<'_> {
        Rendered {
            view: self,
            form: Form::Verbose { logs },
        }
    }

    /// The type of the request.
    pub const fn request_type(&self) -> RequestType {
        match self.details {
            Details::Add(_) => RequestType::Add,
        }
    }

    const fn result(&self) -> &ResultFields {
        match &self.details {
            Details::Add(add) => &add.result,
        }
    }
}

impl Serialize for StateEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("state", self.state.name())?;
        map.serialize_entry("state_reason", &self.state_reason)?;
        map.serialize_entry("updated", &timestamp::format(self.updated))?;
        map.end()
    }
}

impl Serialize for Rendered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = self.view;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &view.id)?;
        map.serialize_entry(
            "arches",
            view.result().arches.as_deref().unwrap_or_default(),
        )?;
        map.serialize_entry("batch", &view.batch)?;
        if let Form::Verbose { .. } = self.form {
            map.serialize_entry("batch_annotations", &view.batch_annotations)?;
        }
        map.serialize_entry("request_type", view.request_type().name())?;
        map.serialize_entry("user", &view.user)?;
        map.serialize_entry("state", view.state.name())?;
        map.serialize_entry("state_reason", &view.state_reason)?;
        map.serialize_entry("updated", &timestamp::format(view.updated))?;
        if let Form::Verbose { logs } = &self.form {
            map.serialize_entry("state_history", &view.state_history)?;
            if let Some(logs) = logs {
                map.serialize_entry("logs", logs)?;
            }
        }
        match &view.details {
            Details::Add(add) => add.serialize_entries(&mut map)?,
        }
        map.end()
    }
}

impl AddDetails {
    fn serialize_entries<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        const NOTHING: [&str; 0] = [];
        let Self {
            payload,
            result,
            bundle_mapping,
        } = self;
        let requested_scope = payload.distribution_scope.map(crate::Scope::name);
        map.serialize_entry(
            "binary_image",
            &result
                .binary_image
                .as_ref()
                .or(payload.binary_image.as_ref()),
        )?;
        map.serialize_entry("binary_image_resolved", &result.binary_image_resolved)?;
        map.serialize_entry("from_index", &payload.from_index)?;
        map.serialize_entry("from_index_resolved", &result.from_index_resolved)?;
        map.serialize_entry("index_image", &result.index_image)?;
        map.serialize_entry("index_image_resolved", &result.index_image_resolved)?;
        map.serialize_entry(
            "internal_index_image_copy",
            &result.internal_index_image_copy,
        )?;
        map.serialize_entry(
            "internal_index_image_copy_resolved",
            &result.internal_index_image_copy_resolved,
        )?;
        map.serialize_entry(
            "distribution_scope",
            &result.distribution_scope.as_deref().or(requested_scope),
        )?;
        map.serialize_entry("organization", &payload.organization)?;
        map.serialize_entry("bundles", &payload.bundles)?;
        map.serialize_entry("bundle_mapping", bundle_mapping)?;
        map.serialize_entry("deprecation_list", &payload.deprecation_list)?;
        map.serialize_entry("removed_operators", &NOTHING)?;
        map.serialize_entry("build_tags", &payload.build_tags)?;
        // Only workers of the retired registry ever set it; nothing in this service does.
        map.serialize_entry("omps_operator_version", &Map::new())?;
        map.serialize_entry("graph_update_mode", &payload.graph_update_mode)?;
        map.serialize_entry("check_related_images", &payload.check_related_images)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::{AddDetails, Artefact, Details, RequestView, StateEntry};
    use crate::{AddPayload, ResultFields, State};

    fn view() -> RequestView {
        let updated = Timestamp::from_second(1_714_564_800).unwrap();
        RequestView {
            id: 7,
            batch: 3,
            batch_annotations: None,
            user: None,
            state: State::InProgress,
            state_reason: "working".into(),
            updated,
            state_history: vec![StateEntry {
                state: State::InProgress,
                state_reason: "working".into(),
                updated,
            }],
            details: Details::Add(AddDetails {
                payload: AddPayload::default(),
                result: ResultFields::default(),
                bundle_mapping: BTreeMap::new(),
            }),
        }
    }

    #[test]
    fn the_short_form_has_exactly_its_keys_in_order() {
        let expected = concat!(
            r#"{"id":7,"arches":[],"batch":3,"request_type":"add","user":null,"state":"in_progress","state_reason":"working","#,
            r#""updated":"2024-05-01T12:00:00.000000Z","binary_image":null,"binary_image_resolved":null,"from_index":null,"#,
            r#""from_index_resolved":null,"index_image":null,"index_image_resolved":null,"internal_index_image_copy":null,"#,
            r#""internal_index_image_copy_resolved":null,"distribution_scope":null,"organization":null,"bundles":[],"#,
            r#""bundle_mapping":{},"deprecation_list":[],"removed_operators":[],"build_tags":[],"omps_operator_version":{},"#,
            r#""graph_update_mode":null,"check_related_images":null}"#,
        );
        assert_eq!(serde_json::to_string(&view().short()).unwrap(), expected);
    }

    #[test]
    fn the_verbose_form_adds_annotations_history_and_logs_where_kept() {
        let view = view();
        let short = serde_json::to_value(view.short()).unwrap();
        let logs = Artefact {
            expiration: view.updated,
            url: "http://x/logs".into(),
        };
        let verbose = serde_json::to_value(view.verbose(Some(logs))).unwrap();
        let added: Vec<_> = verbose
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| short.get(key.as_str()).is_none())
            .collect();
        assert_eq!(added, ["batch_annotations", "state_history", "logs"]);
        assert!(
            serde_json::to_value(view.verbose(None))
                .unwrap()
                .get("logs")
                .is_none()
        );
    }

    #[test]
    fn what_the_worker_found_replaces_what_was_asked_for() {
        let mut view = view();
        let Details::Add(add) = &mut view.details;
        add.payload.binary_image = Some("asked:1".into());
        assert_eq!(
            serde_json::to_value(view.short()).unwrap()["binary_image"],
            "asked:1"
        );
        let Details::Add(add) = &mut view.details;
        add.result.binary_image = Some("picked:1".into());
        assert_eq!(
            serde_json::to_value(view.short()).unwrap()["binary_image"],
            "picked:1"
        );
    }
}
