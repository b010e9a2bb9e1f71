//! `POST builds/add-rm-batch` and `POST builds/regenerate-bundle-batch` (section 7.9).

use serde_json::{Map, Value};

use crate::fields::{Fields, is_falsy, kind_of};
use crate::kind::RequestType;
use crate::parameter::{Form, Parameter};
use crate::payload::Payload;
use crate::refusal::{Problem, Refusal, RefusalKind};
use crate::rules::Rules;

/// Which requests a batch may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchKind {
    /// Additions and removals.
    AddRm,
    /// Bundles to rewrite.
    RegenerateBundle,
}

impl BatchKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::AddRm, Self::RegenerateBundle];

    /// The last part of the path of its submits.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddRm => "add-rm-batch",
            Self::RegenerateBundle => "regenerate-bundle-batch",
        }
    }
}

/// What a batch takes beside its requests.
pub(crate) const ANNOTATIONS: Parameter = Parameter::strict(
    "annotations",
    Form::Object,
    "Notes on the batch, shown as `batch_annotations`.",
)
.example(r#"{"release": "4.19.3"}"#);

/// The requests of a batch.
pub(crate) const ITEMS: &str = "build_requests";

/// Requests submitted together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// At least one request, in the order given.
    pub payloads: Vec<Payload>,
    /// What the submitter noted on the batch.
    pub annotations: Option<Map<String, Value>>,
}

impl Batch {
    /// Reads the body of a batch submit. Keys that it does not know are ignored.
    ///
    /// # Errors
    /// A [`Refusal`] with every rule that the batch and each of its items break: 400, or 403 when only permissions are missing. A problem
    /// of an item names its index, from 0.
    pub fn parse(
        kind: BatchKind,
        object: &Map<String, Value>,
        rules: &Rules<'_>,
    ) -> Result<Self, Refusal> {
        let mut fields = Fields::new(object);
        let annotations = match fields.present(ANNOTATIONS.name) {
            None => None,
            Some(Value::Object(annotations)) => Some(annotations.clone()),
            Some(other) => {
                let message = format!(
                    "must be an object, not {}; it may be left out",
                    kind_of(other)
                );
                fields.findings.invalid(ANNOTATIONS.name, message);
                None
            }
        };
        let items = fields.present(ITEMS).and_then(Value::as_array);
        let Some(items) = items.filter(|items| !items.is_empty()) else {
            fields
                .findings
                .invalid(ITEMS, "must be a list of requests that is not empty");
            return fields.findings.accept(Self {
                payloads: Vec::new(),
                annotations,
            });
        };
        let mut payloads = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match parse_item(kind, item, rules) {
                Ok(payload) => payloads.push(payload),
                Err(refusal) => {
                    for Problem { field, message } in refusal.problems {
                        let at = if field.is_empty() {
                            format!("{ITEMS}[{index}]")
                        } else {
                            format!("{ITEMS}[{index}].{field}")
                        };
                        match refusal.kind {
                            RefusalKind::Invalid => fields.findings.invalid(&at, message),
                            RefusalKind::Forbidden => fields.findings.forbidden(&at, message),
                        }
                    }
                }
            }
        }
        fields.findings.accept(Self {
            payloads,
            annotations,
        })
    }
}

fn parse_item(kind: BatchKind, item: &Value, rules: &Rules<'_>) -> Result<Payload, Refusal> {
    let whole = |message: &str| Refusal {
        kind: RefusalKind::Invalid,
        problems: vec![Problem {
            field: String::new(),
            message: message.to_owned(),
        }],
    };
    let Value::Object(object) = item else {
        return Err(whole("must be an object"));
    };
    let truthy = |name: &str| object.get(name).is_some_and(|value| !is_falsy(value));
    let kind = match kind {
        BatchKind::RegenerateBundle => RequestType::RegenerateBundle,
        BatchKind::AddRm if truthy("operators") => RequestType::Rm,
        BatchKind::AddRm if truthy("bundles") => RequestType::Add,
        BatchKind::AddRm => {
            return Err(whole("must have `operators` to remove or `bundles` to add"));
        }
    };
    Payload::parse(kind, object, rules)?.ok_or_else(|| whole("is of no type that can be submitted"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Batch, BatchKind};
    use crate::{RequestType, Rules};

    #[test]
    fn each_item_is_an_addition_or_a_removal_and_problems_name_their_item() {
        let good = json!({"build_requests": [
            {"bundles": ["r/b:1"], "from_index": "r/i:1", "binary_image": "r/o:1"},
            {"operators": ["op"], "from_index": "r/i:1", "binary_image": "r/o:1", "bundles": null},
        ], "annotations": {}, "whatever": 1});
        let error = Batch::parse(
            BatchKind::AddRm,
            good.as_object().unwrap(),
            &Rules::default(),
        )
        .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`build_requests[1].bundles` is not"),
            "{error}"
        );

        let good = json!({"build_requests": [
            {"bundles": ["r/b:1"], "from_index": "r/i:1", "binary_image": "r/o:1"},
            {"operators": ["op"], "from_index": "r/i:1", "binary_image": "r/o:1"},
        ], "annotations": {}});
        let batch = Batch::parse(
            BatchKind::AddRm,
            good.as_object().unwrap(),
            &Rules::default(),
        )
        .unwrap();
        let kinds: Vec<_> = batch
            .payloads
            .iter()
            .map(crate::Payload::request_type)
            .collect();
        assert_eq!(kinds, [RequestType::Add, RequestType::Rm]);
        assert!(batch.annotations.unwrap().is_empty());
    }

    #[test]
    fn what_is_no_batch_is_refused_as_a_whole() {
        for body in [
            json!({}),
            json!({"build_requests": []}),
            json!({"build_requests": {}}),
            json!({"build_requests": [{}]}),
            json!({"build_requests": ["x"]}),
            json!({"build_requests": [{"bundles": 5}]}),
            json!({"build_requests": [{"from_bundle_image": "r/b:1"}], "annotations": null}),
        ] {
            for kind in [BatchKind::AddRm, BatchKind::RegenerateBundle] {
                let parsed = Batch::parse(kind, body.as_object().unwrap(), &Rules::default());
                assert!(parsed.is_err(), "{kind:?} {body}");
            }
        }
    }
}
