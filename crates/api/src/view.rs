//! What an answer shows of a request (section 4).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::kind::{RequestType, State};
use crate::payload::{Fragments, IndexParameters, Payload};
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
    /// What was asked for, without secrets.
    pub payload: Payload,
    /// What came out of it so far.
    pub result: ResultFields,
    /// Operator name to bundles of this request, in payload order; bundles whose operator is unknown are missing.
    pub bundle_mapping: BTreeMap<String, Vec<String>>,
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

/// A file kept for a limited time (`logs` and its like).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Artefact {
    /// When it may be gone.
    #[serde(serialize_with = "timestamp::serialize")]
    pub expiration: Timestamp,
    /// Where it is.
    pub url: String,
}

/// The files of a request that answers point to; none is not shown. Each is shown only with the types of requests that have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artefacts {
    /// What was logged; shown in the verbose form.
    pub logs: Option<Artefact>,
    /// Of `regenerate-bundle`.
    pub related_bundles: Option<Artefact>,
    /// Of `recursive-related-bundles`.
    pub nested_bundles: Option<Artefact>,
    /// The address of what `add-deprecations` was given.
    pub deprecation_schema_url: Option<String>,
}

/// A view with the choice of its form made; serializes to exactly the keys of the contract, in a fixed order.
#[derive(Debug)]
pub struct Rendered<'a> {
    view: &'a RequestView,
    artefacts: Artefacts,
    verbose: bool,
}

impl RequestView {
    /// The short form: lists and messages.
    pub const fn short(&self, artefacts: Artefacts) -> Rendered<'_> {
        Rendered {
            view: self,
            artefacts,
            verbose: false,
        }
    }

    /// The verbose form: single requests and verbose lists.
    pub const fn verbose(&self, artefacts: Artefacts) -> Rendered<'_> {
        Rendered {
            view: self,
            artefacts,
            verbose: true,
        }
    }

    /// The type of the request.
    pub const fn request_type(&self) -> RequestType {
        self.payload.request_type()
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
        map.serialize_entry("arches", view.result.arches.as_deref().unwrap_or_default())?;
        map.serialize_entry("batch", &view.batch)?;
        if self.verbose {
            map.serialize_entry("batch_annotations", &view.batch_annotations)?;
        }
        map.serialize_entry("request_type", view.request_type().name())?;
        map.serialize_entry("user", &view.user)?;
        map.serialize_entry("state", view.state.name())?;
        map.serialize_entry("state_reason", &view.state_reason)?;
        map.serialize_entry("updated", &timestamp::format(view.updated))?;
        if self.verbose {
            map.serialize_entry("state_history", &view.state_history)?;
            if let Some(logs) = &self.artefacts.logs {
                map.serialize_entry("logs", logs)?;
            }
        }
        view.serialize_details(&self.artefacts, &mut map)?;
        map.end()
    }
}

const NOTHING: [&str; 0] = [];

/// The keys that each type adds (section 4.3).
impl RequestView {
    fn serialize_details<M: SerializeMap>(
        &self,
        artefacts: &Artefacts,
        map: &mut M,
    ) -> Result<(), M::Error> {
        let result = &self.result;
        match &self.payload {
            Payload::Add(payload) => {
                self.serialize_index(map)?;
                self.serialize_index_copy(map)?;
                self.serialize_scope(map)?;
                map.serialize_entry("organization", &payload.organization)?;
                map.serialize_entry("bundles", &payload.bundles)?;
                map.serialize_entry("bundle_mapping", &self.bundle_mapping)?;
                map.serialize_entry("deprecation_list", &payload.deprecation_list)?;
                map.serialize_entry("removed_operators", &NOTHING)?;
                serialize_tags(&payload.index, map)?;
                let no_versions = Value::Object(Map::new());
                let versions = result
                    .omps_operator_version
                    .as_ref()
                    .unwrap_or(&no_versions);
                map.serialize_entry("omps_operator_version", versions)?;
                map.serialize_entry("graph_update_mode", &payload.graph_update_mode)?;
                map.serialize_entry("check_related_images", &payload.check_related_images)
            }
            Payload::Rm(payload) => {
                self.serialize_index(map)?;
                self.serialize_index_copy(map)?;
                self.serialize_scope(map)?;
                map.serialize_entry("organization", &None::<&str>)?;
                map.serialize_entry("bundles", &NOTHING)?;
                map.serialize_entry("bundle_mapping", &Map::new())?;
                map.serialize_entry("deprecation_list", &NOTHING)?;
                map.serialize_entry("removed_operators", &payload.operators)?;
                serialize_tags(&payload.index, map)
            }
            Payload::RegenerateBundle(payload) => {
                map.serialize_entry("bundle_image", &result.bundle_image)?;
                map.serialize_entry("from_bundle_image", &payload.from_bundle_image)?;
                map.serialize_entry(
                    "from_bundle_image_resolved",
                    &result.from_bundle_image_resolved,
                )?;
                map.serialize_entry("organization", &payload.organization)?;
                map.serialize_entry("bundle_replacements", &payload.bundle_replacements)?;
                match &artefacts.related_bundles {
                    Some(related) => map.serialize_entry("related_bundles", related),
                    None => Ok(()),
                }
            }
            Payload::MergeIndexImage(payload) => {
                self.serialize_binary_image(map)?;
                map.serialize_entry("deprecation_list", &payload.deprecation_list)?;
                map.serialize_entry("graph_update_mode", &payload.graph_update_mode)?;
                map.serialize_entry(
                    "ignore_bundle_ocp_version",
                    &payload.ignore_bundle_ocp_version,
                )?;
                map.serialize_entry("index_image", &result.index_image)?;
                map.serialize_entry("source_from_index", &payload.source_from_index)?;
                map.serialize_entry(
                    "source_from_index_resolved",
                    &result.source_from_index_resolved,
                )?;
                map.serialize_entry("target_index", &payload.target_index)?;
                map.serialize_entry("target_index_resolved", &result.target_index_resolved)?;
                self.serialize_scope(map)?;
                map.serialize_entry("build_tags", &payload.build_tags)
            }
            Payload::CreateEmptyIndex(payload) => {
                self.serialize_index(map)?;
                self.serialize_scope(map)?;
                let labels = result.labels.as_ref().or(payload.labels.as_ref());
                map.serialize_entry("labels", &labels)
            }
            Payload::RecursiveRelatedBundles(payload) => {
                map.serialize_entry("parent_bundle_image", &payload.parent_bundle_image)?;
                map.serialize_entry(
                    "parent_bundle_image_resolved",
                    &result.parent_bundle_image_resolved,
                )?;
                map.serialize_entry("organization", &payload.organization)?;
                map.serialize_entry("nested_bundles", &artefacts.nested_bundles)
            }
            Payload::FbcOperations(payload) => {
                self.serialize_index(map)?;
                self.serialize_index_copy(map)?;
                self.serialize_scope(map)?;
                serialize_tags(&payload.index, map)?;
                self.serialize_fragments(&payload.fragments, map)
            }
            Payload::AddDeprecations(payload) => {
                self.serialize_index(map)?;
                self.serialize_index_copy(map)?;
                serialize_tags(&payload.index, map)?;
                map.serialize_entry("operator_package", &payload.operator_package)?;
                map.serialize_entry("deprecation_schema_url", &artefacts.deprecation_schema_url)
            }
        }
    }

    fn serialize_binary_image<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let picked = self.result.binary_image.as_deref();
        map.serialize_entry("binary_image", &picked.or(self.payload.binary_image()))?;
        map.serialize_entry("binary_image_resolved", &self.result.binary_image_resolved)
    }

    fn serialize_index<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.serialize_binary_image(map)?;
        map.serialize_entry("from_index", &self.payload.from_index())?;
        map.serialize_entry("from_index_resolved", &self.result.from_index_resolved)?;
        map.serialize_entry("index_image", &self.result.index_image)?;
        map.serialize_entry("index_image_resolved", &self.result.index_image_resolved)
    }

    fn serialize_index_copy<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(
            "internal_index_image_copy",
            &self.result.internal_index_image_copy,
        )?;
        map.serialize_entry(
            "internal_index_image_copy_resolved",
            &self.result.internal_index_image_copy_resolved,
        )
    }

    fn serialize_scope<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let asked = self.payload.distribution_scope().map(crate::Scope::name);
        let in_effect = self.result.distribution_scope.as_deref();
        map.serialize_entry("distribution_scope", &in_effect.or(asked))
    }

    /// In the form in which they were given; the keys of the other form are empty (section 7.7).
    fn serialize_fragments<M: SerializeMap>(
        &self,
        fragments: &Fragments,
        map: &mut M,
    ) -> Result<(), M::Error> {
        let result = &self.result;
        let listed = result.fbc_fragments_resolved.as_deref().unwrap_or_default();
        let (single, single_resolved, list, list_resolved) = match fragments {
            Fragments::Single(fragment) => (
                Some(result.fbc_fragment.as_ref().unwrap_or(fragment)),
                result.fbc_fragment_resolved.as_ref().or(listed.first()),
                &[][..],
                &[][..],
            ),
            Fragments::List(fragments) => (None, None, fragments.as_slice(), listed),
        };
        map.serialize_entry("fbc_fragment", &single)?;
        map.serialize_entry("fbc_fragment_resolved", &single_resolved)?;
        map.serialize_entry("fbc_fragments", list)?;
        map.serialize_entry("fbc_fragments_resolved", list_resolved)
    }
}

fn serialize_tags<M: SerializeMap>(index: &IndexParameters, map: &mut M) -> Result<(), M::Error> {
    map.serialize_entry("build_tags", &index.build_tags)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::{Artefact, Artefacts, RequestView, StateEntry};
    use crate::{AddPayload, Payload, ResultFields, State};

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
            payload: Payload::Add(AddPayload::default()),
            result: ResultFields::default(),
            bundle_mapping: BTreeMap::new(),
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
        assert_eq!(
            serde_json::to_string(&view().short(Artefacts::default())).unwrap(),
            expected
        );
    }

    #[test]
    fn the_verbose_form_adds_annotations_history_and_logs_where_kept() {
        let view = view();
        let short = serde_json::to_value(view.short(Artefacts::default())).unwrap();
        let logs = Artefact {
            expiration: view.updated,
            url: "http://x/logs".into(),
        };
        let kept = Artefacts {
            logs: Some(logs),
            ..Artefacts::default()
        };
        let verbose = serde_json::to_value(view.verbose(kept)).unwrap();
        let added: Vec<_> = verbose
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| short.get(key.as_str()).is_none())
            .collect();
        assert_eq!(added, ["batch_annotations", "state_history", "logs"]);
        assert!(
            serde_json::to_value(view.verbose(Artefacts::default()))
                .unwrap()
                .get("logs")
                .is_none()
        );
    }

    #[test]
    fn what_the_worker_found_replaces_what_was_asked_for() {
        let mut view = view();
        let Payload::Add(add) = &mut view.payload else {
            panic!("the view is of an addition")
        };
        add.index.binary_image = Some("asked:1".into());
        assert_eq!(
            serde_json::to_value(view.short(Artefacts::default())).unwrap()["binary_image"],
            "asked:1"
        );
        view.result.binary_image = Some("picked:1".into());
        assert_eq!(
            serde_json::to_value(view.short(Artefacts::default())).unwrap()["binary_image"],
            "picked:1"
        );
    }
}
