//! A bundle as a blob of a file-based catalog (file-based catalog specification, 3.3).

use std::collections::BTreeSet;

use catalog::fbc::{self, canonical};
use catalog::json::{self, Value};

use crate::{Bundle, properties};

impl Bundle {
    /// The `olm.bundle` blob that rendering the bundle image gives; [`fbc::Catalog::arrange`] is still to be called.
    pub fn to_blob(&self) -> fbc::Bundle {
        let mut others = Vec::new();
        let mut provided: BTreeSet<[String; 3]> = self.provided_apis.iter().map(gvk).collect();
        let mut required: BTreeSet<[String; 3]> = self.required_apis.iter().map(gvk).collect();
        let mut required_packages = BTreeSet::new();
        let mut identity = None;
        for (type_, value) in self.declared_properties() {
            match type_.as_str() {
                "olm.gvk" => {
                    provided.insert(texts(&value, ["group", "kind", "version"]));
                }
                fbc::PACKAGE => {
                    identity = Some(texts(&value, ["packageName", "version", "release"]));
                }
                _ => others.push(property(type_, value)),
            }
        }
        for dependency in &self.metadata.dependencies {
            let value = dependency
                .value
                .clone()
                .unwrap_or_else(|| "null".to_owned());
            match dependency.type_.as_str() {
                "olm.gvk" => {
                    required.insert(texts(&value, ["group", "kind", "version"]));
                }
                fbc::PACKAGE => {
                    required_packages.insert(texts(&value, ["packageName", "version"]));
                }
                // Unlike an index database, a catalog keeps all others.
                type_ => others.push(property(type_.to_owned(), value)),
            }
        }
        let [package, version, release] = identity.unwrap_or_else(|| {
            [
                self.package().to_owned(),
                self.version().to_owned(),
                String::new(),
            ]
        });
        let mut properties = vec![canonical::package(&package, &version, &release)];
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
        properties.extend(
            required_packages
                .iter()
                .map(|[name, range]| canonical::package_required(name, range)),
        );
        let objects = self.objects_json.lines();
        properties.extend(objects.map(|object| canonical::bundle_object(object.as_bytes())));
        properties.extend(others);
        properties.sort_by(|a, b| (&a.type_, &a.value).cmp(&(&b.type_, &b.value)));
        fbc::Bundle {
            name: self.name().to_owned(),
            package: self.package().to_owned(),
            image: self.path.clone(),
            properties,
            related_images: self.named_images(),
        }
    }

    /// The types and values of the properties file, the identity derived from the CSV, and those of the CSV's annotation.
    fn declared_properties(&self) -> Vec<(String, String)> {
        let mut declared: Vec<(String, String)> = Vec::new();
        for property in &self.metadata.properties {
            let value = property.value.clone().unwrap_or_else(|| "null".to_owned());
            declared.push((property.type_.clone(), value));
        }
        if !self.package().is_empty()
            && let Ok((version, release)) = properties::version_and_release(&self.csv)
        {
            let identity = canonical::package(self.package(), version, release);
            let identity = (identity.type_, identity.value.unwrap_or_default());
            if !declared.contains(&identity) {
                declared.push(identity);
            }
        }
        // What does not decode is ignored here.
        for property in
            properties::written(self.csv.annotation("olm.properties")).unwrap_or_default()
        {
            let property = (property.type_, property.value);
            if !declared.contains(&property) {
                declared.push(property);
            }
        }
        declared
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
        for image in further {
            if !images.iter().any(|listed| listed.image == image) {
                let name = String::new();
                images.push(fbc::RelatedImage { name, image });
            }
        }
        images
    }
}

fn gvk(api: &crate::Api) -> [String; 3] {
    [api.group.clone(), api.kind.clone(), api.version.clone()]
}

fn property(type_: String, value: String) -> fbc::Property {
    fbc::Property {
        type_,
        value: Some(value),
    }
}

/// Texts in a JSON object; empty where there is none.
fn texts<const N: usize>(value: &str, fields: [&str; N]) -> [String; N] {
    let value = json::parse(value.as_bytes()).unwrap_or(Value::Null);
    fields.map(|field| {
        let text = value.field(field).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    })
}
