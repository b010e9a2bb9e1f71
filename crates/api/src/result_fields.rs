//! What a worker finds out and publishes about a request.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The result fields of a request (section 8.1); none means "not known yet", and in an update "leave as it is".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The distribution scope in effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution_scope: Option<String>,
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
    /// Operator name to the bundle images that hold it. The operator is a property of the image, shared by every request that uses it,
    /// so it is not stored with the request.
    #[serde(skip)]
    pub bundle_mapping: Option<BTreeMap<String, Vec<String>>>,
}

impl ResultFields {
    /// Takes over what `update` knows. Architectures are added to those present and kept by name; everything else replaces.
    pub fn merge(&mut self, update: &Self) {
        if let Some(more) = &update.arches {
            let all: BTreeSet<&String> = self.arches.iter().flatten().chain(more).collect();
            self.arches = Some(all.into_iter().cloned().collect());
        }
        let Self {
            arches: _,
            binary_image,
            binary_image_resolved,
            distribution_scope,
            from_index_resolved,
            index_image,
            index_image_resolved,
            internal_index_image_copy,
            internal_index_image_copy_resolved,
            bundle_mapping,
        } = update;
        take(&mut self.binary_image, binary_image.as_ref());
        take(
            &mut self.binary_image_resolved,
            binary_image_resolved.as_ref(),
        );
        take(&mut self.distribution_scope, distribution_scope.as_ref());
        take(&mut self.from_index_resolved, from_index_resolved.as_ref());
        take(&mut self.index_image, index_image.as_ref());
        take(
            &mut self.index_image_resolved,
            index_image_resolved.as_ref(),
        );
        take(
            &mut self.internal_index_image_copy,
            internal_index_image_copy.as_ref(),
        );
        take(
            &mut self.internal_index_image_copy_resolved,
            internal_index_image_copy_resolved.as_ref(),
        );
        take(&mut self.bundle_mapping, bundle_mapping.as_ref());
    }

    /// Every image reference named in it, in no particular order and with repeats.
    pub fn image_references(&self) -> impl Iterator<Item = &str> {
        let single = [
            &self.binary_image,
            &self.binary_image_resolved,
            &self.from_index_resolved,
            &self.index_image,
            &self.index_image_resolved,
            &self.internal_index_image_copy,
            &self.internal_index_image_copy_resolved,
        ];
        let mapped = self
            .bundle_mapping
            .iter()
            .flat_map(BTreeMap::values)
            .flatten();
        single
            .into_iter()
            .flatten()
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
}
