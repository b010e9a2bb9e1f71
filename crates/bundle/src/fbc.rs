//! A bundle as a blob of a file-based catalog (file-based catalog specification, 3.3).

use std::collections::BTreeSet;

use catalog::Profile;
use catalog::fbc::{self, canonical};
use catalog::json::Value;

use crate::metadata::Dependency;
use crate::properties::{self, known};
use crate::{Bundle, BundleError, Problem, Property};

impl Bundle {
    /// The `olm.bundle` blob that rendering the bundle image gives; [`fbc::Catalog::arrange`] is still to be called.
    ///
    /// An annotation `olm.properties` that does not decode is ignored here, as the reference tool does;
    /// [`Bundle::properties`] refuses it.
    ///
    /// # Errors
    /// [`BundleError`] if a declared package or API is none, or a substitute carries no release where the profile wants one.
    pub fn to_blob(&self, profile: Profile) -> Result<fbc::Bundle, BundleError> {
        let properties = self
            .blob_properties(profile)
            .map_err(|problem| self.refused(problem))?;
        Ok(fbc::Bundle {
            name: self.name().to_owned(),
            package: self.package().to_owned(),
            image: self.path.clone(),
            properties,
            related_images: self.named_images(),
        })
    }

    fn blob_properties(&self, profile: Profile) -> Result<Vec<fbc::Property>, Problem> {
        let wrong = |reason| Problem::KnownProperty { reason };
        let mut properties = Vec::new();
        let mut provided: BTreeSet<[String; 3]> = self.provided_apis.iter().map(gvk).collect();
        let mut required: BTreeSet<[String; 3]> = self.required_apis.iter().map(gvk).collect();
        let mut identity = None;
        for declared in self.declared_properties(profile)? {
            match declared.type_.as_str() {
                "olm.gvk" => {
                    provided.insert(known(&declared, GVK).map_err(wrong)?);
                }
                fbc::PACKAGE => {
                    let fields = ["packageName", "version", "release"];
                    identity = Some(known(&declared, fields).map_err(wrong)?);
                }
                _ => properties.push(property(declared)),
            }
        }
        for dependency in self.metadata.dependencies.iter().map(of_metadata) {
            match dependency.type_.as_str() {
                "olm.gvk" => {
                    required.insert(known(&dependency, GVK).map_err(wrong)?);
                }
                fbc::PACKAGE => {
                    let [name, range] =
                        known(&dependency, ["packageName", "version"]).map_err(wrong)?;
                    properties.push(canonical::package_required(&name, &range));
                }
                // Unlike an index database, a catalog keeps all others.
                _ => properties.push(property(dependency)),
            }
        }
        properties.push(match identity {
            Some([package, version, release]) => canonical::package(&package, &version, &release),
            None => canonical::package(self.package(), self.version(), &self.csv.release),
        });
        properties.extend(
            provided
                .iter()
                .map(|[group, kind, version]| canonical::gvk(group, kind, version)),
        );
        properties.extend(
            required
                .iter()
                .map(|[group, kind, version]| canonical::gvk_required(group, kind, version)),
        );
        let objects = self.objects_json.lines();
        properties.extend(objects.map(|object| canonical::bundle_object(object.as_bytes())));
        properties.sort_by(|a, b| (&a.type_, &a.value).cmp(&(&b.type_, &b.value)));
        Ok(properties)
    }

    /// The properties of the properties file, the identity derived from the CSV, and those of the CSV's annotation.
    fn declared_properties(&self, profile: Profile) -> Result<Vec<Property>, Problem> {
        let mut declared: Vec<Property> =
            self.metadata.properties.iter().map(of_metadata).collect();
        let mut derived = Vec::new();
        if !self.package().is_empty() {
            let (version, release) = properties::version_and_release(&self.csv, profile)?;
            let identity = canonical::package(self.package(), version, release);
            derived.push(Property {
                type_: identity.type_,
                value: identity.value.unwrap_or_default(),
            });
        }
        let annotation = self.csv.annotation(properties::ANNOTATION);
        derived.extend(properties::written(annotation).unwrap_or_default());
        let mut known: BTreeSet<Property> = declared.iter().cloned().collect();
        derived.retain(|property| known.insert(property.clone()));
        declared.extend(derived);
        Ok(declared)
    }

    /// The related images of the CSV, the bundle's own, and those of its deployments; each listed once beside the former.
    fn named_images(&self) -> Vec<fbc::RelatedImage> {
        let text = |item: &Value, field: &str| {
            item.field(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let items =
            |value: Option<&Value>| value.and_then(Value::as_array).unwrap_or_default().to_vec();
        let spec = &self.csv.spec;
        let mut images: Vec<fbc::RelatedImage> = items(spec.get("relatedImages"))
            .iter()
            .map(|item| fbc::RelatedImage {
                name: text(item, "name"),
                image: text(item, "image"),
            })
            .collect();
        let mut further = Vec::new();
        if !self.path.is_empty() {
            further.push(self.path.clone());
        }
        let install = spec.field("install").unwrap_or(&Value::Null);
        if text(install, "strategy") == "deployment" {
            for deployment in items(
                install
                    .field("spec")
                    .and_then(|spec| spec.field("deployments")),
            ) {
                let pod = ["spec", "template", "spec"]
                    .iter()
                    .try_fold(&deployment, |value, field| value.field(field));
                for containers in ["containers", "initContainers"] {
                    let containers = items(pod.and_then(|pod| pod.field(containers)));
                    further.extend(containers.iter().map(|container| text(container, "image")));
                }
            }
        }
        let mut listed: BTreeSet<String> =
            images.iter().map(|listed| listed.image.clone()).collect();
        for image in further {
            if listed.insert(image.clone()) {
                let name = String::new();
                images.push(fbc::RelatedImage { name, image });
            }
        }
        images
    }
}

/// The fields of an API in a property.
const GVK: [&str; 3] = ["group", "kind", "version"];

fn gvk(api: &crate::Api) -> [String; 3] {
    [api.group.clone(), api.kind.clone(), api.version.clone()]
}

fn of_metadata(item: &Dependency) -> Property {
    Property {
        type_: item.type_.clone(),
        value: item.value.clone().unwrap_or_else(|| "null".to_owned()),
    }
}

fn property(property: Property) -> fbc::Property {
    fbc::Property {
        type_: property.type_,
        value: Some(property.value),
    }
}
