//! What a worker finds out and publishes about a request.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The result fields of a request (section 8.1); none means "not known yet", and in an update "leave as it is".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResultFields {
    /// Architectures of the built image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arches: Option<Vec<String>>,
    /// The binary image the service picked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary_image: Option<String>,
    /// The binary image by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary_image_resolved: Option<String>,
    /// The rewritten bundle image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle_image: Option<String>,
    /// The distribution scope in effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution_scope: Option<String>,
    /// The fragment, where a worker named another one than the submitter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fbc_fragment: Option<String>,
    /// The fragment of the older form by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fbc_fragment_resolved: Option<String>,
    /// The fragments by digest, in the order of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fbc_fragments_resolved: Option<Vec<String>>,
    /// The bundle image that was rewritten, by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_bundle_image_resolved: Option<String>,
    /// The from-index by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_index_resolved: Option<String>,
    /// The built index image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_image: Option<String>,
    /// The built index image by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_image_resolved: Option<String>,
    /// The copy of the built image in the service's own repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_index_image_copy: Option<String>,
    /// That copy by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_index_image_copy_resolved: Option<String>,
    /// Labels of an empty index image, where a worker changed them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Versions by operator of a retired registry; JSON of any kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub omps_operator_version: Option<Value>,
    /// The bundle image that the traversal began at, by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_bundle_image_resolved: Option<String>,
    /// The index image that was merged, by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_from_index_resolved: Option<String>,
    /// The index image it was merged into, by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_index_resolved: Option<String>,
    /// Operator name to the bundle images that hold it. The operator is a property of the image, shared by every request that uses it,
    /// so it is not stored with the request.
    #[serde(skip)]
    pub bundle_mapping: Option<BTreeMap<String, Vec<String>>>,
}

/// Names of the fields that hold one image, each with the field.
macro_rules! image_fields {
    ($($name:ident),* $(,)?) => {
        impl ResultFields {
            /// Every field that holds one image.
            const fn images(&self) -> [&Option<String>; [$(stringify!($name)),*].len()] {
                [$(&self.$name),*]
            }

            /// The field of this name, if it holds one image.
            pub(crate) fn image_mut(&mut self, name: &str) -> Option<&mut Option<String>> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }

            fn take_images(&mut self, update: &Self) {
                $(take(&mut self.$name, update.$name.as_ref());)*
            }
        }
    };
}

image_fields![
    binary_image,
    binary_image_resolved,
    bundle_image,
    fbc_fragment,
    fbc_fragment_resolved,
    from_bundle_image_resolved,
    from_index_resolved,
    index_image,
    index_image_resolved,
    internal_index_image_copy,
    internal_index_image_copy_resolved,
    parent_bundle_image_resolved,
    source_from_index_resolved,
    target_index_resolved,
];

impl ResultFields {
    /// Takes over what `update` knows. Architectures are added to those present and kept by name; everything else replaces.
    pub fn merge(&mut self, update: &Self) {
        if let Some(more) = &update.arches {
            let all: BTreeSet<&String> = self.arches.iter().flatten().chain(more).collect();
            self.arches = Some(all.into_iter().cloned().collect());
        }
        self.take_images(update);
        take(
            &mut self.distribution_scope,
            update.distribution_scope.as_ref(),
        );
        take(
            &mut self.fbc_fragments_resolved,
            update.fbc_fragments_resolved.as_ref(),
        );
        take(&mut self.labels, update.labels.as_ref());
        take(
            &mut self.omps_operator_version,
            update.omps_operator_version.as_ref(),
        );
        take(&mut self.bundle_mapping, update.bundle_mapping.as_ref());
    }

    /// Every image reference named in it, in no particular order and with repeats.
    pub fn image_references(&self) -> impl Iterator<Item = &str> {
        let mapped = self
            .bundle_mapping
            .iter()
            .flat_map(BTreeMap::values)
            .flatten();
        self.images()
            .into_iter()
            .flatten()
            .chain(self.fbc_fragments_resolved.iter().flatten())
            .chain(mapped)
            .map(String::as_str)
    }
}

fn take<T: Clone>(field: &mut Option<T>, update: Option<&T>) {
    if let Some(value) = update {
        *field = Some(value.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ResultFields;

    #[test]
    fn merging_adds_architectures_and_replaces_the_rest() {
        let mut fields = ResultFields {
            arches: Some(vec!["s390x".into()]),
            index_image: Some("a:1".into()),
            ..ResultFields::default()
        };
        fields.merge(&ResultFields {
            arches: Some(vec!["amd64".into(), "s390x".into()]),
            index_image: Some("b:1".into()),
            ..ResultFields::default()
        });
        fields.merge(&ResultFields::default());
        assert_eq!(fields.arches.unwrap(), ["amd64", "s390x"]);
        assert_eq!(fields.index_image.as_deref(), Some("b:1"));
    }

    /// A field that is added but not merged would be lost silently.
    #[test]
    fn merging_takes_over_every_field() {
        let all: ResultFields = serde_json::from_value(json!({
            "arches": ["amd64"], "binary_image": "a:1", "binary_image_resolved": "a:2", "bundle_image": "a:3",
            "distribution_scope": "prod", "fbc_fragment": "a:4", "fbc_fragment_resolved": "a:5",
            "fbc_fragments_resolved": ["a:6"], "from_bundle_image_resolved": "a:7", "from_index_resolved": "a:8",
            "index_image": "a:9", "index_image_resolved": "a:10", "internal_index_image_copy": "a:11",
            "internal_index_image_copy_resolved": "a:12", "labels": {"a": "b"}, "omps_operator_version": {"a": "1"},
            "parent_bundle_image_resolved": "a:13", "source_from_index_resolved": "a:14", "target_index_resolved": "a:15",
        }))
        .unwrap();
        let mut merged = ResultFields::default();
        merged.merge(&all);
        assert_eq!(merged, all);
        // One text per field, and none that the list above leaves out.
        let written = serde_json::to_value(&merged).unwrap();
        assert_eq!(written.as_object().unwrap().len(), 19);
        assert_eq!(merged.image_references().count(), 15);
    }
}
