//! What organisations want done to their bundles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::template::{AnnotationTemplate, LabelTemplate};

/// One change of a bundle. The keys are those of the replaced service; a type that is not listed here is refused when the
/// configuration is read, and a parameter that is left out makes the step do nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Customisation {
    /// Pull specs without digest get the one they have now, unless the bundle is pinned already; its label says so.
    ResolveImagePullspecs {},
    /// The bundles among the images are noted in a file of the request.
    RelatedBundles {},
    /// The package's name ends with a suffix.
    PackageNameSuffix {
        /// The suffix.
        #[serde(default)]
        suffix: String,
    },
    /// Images come from other registries.
    RegistryReplacements {
        /// The new registry, which may have a path, by the old one.
        #[serde(default)]
        replacements: BTreeMap<String, String>,
    },
    /// The bundles that the request replaces are replaced.
    PerformBundleReplacements {},
    /// Images are named after their labels.
    ImageNameFromLabels {
        /// `namespace/repository` with labels in braces.
        #[serde(default)]
        template: LabelTemplate,
    },
    /// The CSV has certain annotations.
    CsvAnnotations {
        /// Their values by their keys; `{package_name}` stands for the package.
        #[serde(default)]
        annotations: BTreeMap<String, AnnotationTemplate>,
    },
    /// All images lie in one namespace, their former one in their names.
    EncloseRepo {
        /// The namespace.
        #[serde(default)]
        namespace: String,
        /// What stands for the slashes of the former path.
        #[serde(default)]
        enclosure_glue: String,
    },
}

/// What is done to the bundles of each organisation, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Organizations(BTreeMap<String, Vec<Customisation>>);

impl Organizations {
    /// What is done for an organisation: the usual steps where it is not known, or where nothing is said of it.
    pub fn customisations(&self, organization: Option<&str>) -> Vec<Customisation> {
        let known = organization.and_then(|organization| self.0.get(organization));
        match known {
            Some(list) if !list.is_empty() => list.clone(),
            _ => usual(),
        }
    }
}

impl FromIterator<(String, Vec<Customisation>)> for Organizations {
    fn from_iter<T: IntoIterator<Item = (String, Vec<Customisation>)>>(organizations: T) -> Self {
        Self(organizations.into_iter().collect())
    }
}

/// The order for everybody else; steps with parameters do nothing without them, so they are left out.
fn usual() -> Vec<Customisation> {
    vec![
        Customisation::ResolveImagePullspecs {},
        Customisation::RelatedBundles {},
        Customisation::PerformBundleReplacements {},
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Organizations, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_keys_are_those_of_the_replaced_service() {
        let organizations = read(
            r#"{"a": [{"type": "enclose_repo", "namespace": "n", "enclosure_glue": "-"},
                      {"type": "csv_annotations", "annotations": {"k": "by {package_name}"}},
                      {"type": "image_name_from_labels"}],
                "empty": []}"#,
        )
        .unwrap();
        let list = organizations.customisations(Some("a"));
        assert_eq!(
            list[0],
            Customisation::EncloseRepo {
                namespace: "n".to_owned(),
                enclosure_glue: "-".to_owned()
            }
        );
        assert_eq!(list.len(), 3);
        for other in [None, Some("empty"), Some("unknown")] {
            assert_eq!(organizations.customisations(other), usual());
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (text, reason) in [
            (
                r#"{"a": [{"type": "nonsense"}]}"#,
                "unknown variant `nonsense`",
            ),
            (
                r#"{"a": [{"type": "related_bundles", "suffix": "x"}]}"#,
                "unknown field `suffix`",
            ),
            (
                r#"{"a": [{"type": "csv_annotations", "annotations": {"k": "{other}"}}]}"#,
                "`{other}`",
            ),
            (
                r#"{"a": [{"type": "image_name_from_labels", "template": "{a"}]}"#,
                "brace",
            ),
            (r#"{"a": [{"suffix": "x"}]}"#, "missing field `type`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
