//! From bundles in channels to their records.

use std::collections::BTreeMap;

use super::CacheError;
use super::csv::{self, Facts};
use super::record::{Api, BundleRecord, Typed};
use crate::fbc::{BUNDLE_OBJECT, Bundle, CSV_METADATA, Package, PackageModel};
use crate::json::{self, Value, quote_plain};

/// The bundles of a package, each taken apart once however many channels it is in.
#[derive(Debug)]
pub(super) struct Bundles<'a> {
    name: &'a str,
    model: &'a PackageModel<'a>,
    parts: BTreeMap<&'a str, Parts<'a>>,
}

/// What the records of a bundle have in common.
#[derive(Debug)]
struct Parts<'a> {
    bundle: &'a Bundle,
    csv: String,
    objects: Vec<String>,
    provided: Vec<Api>,
    required: Vec<Api>,
    dependencies: Vec<Typed<'a>>,
    properties: Vec<Typed<'a>>,
}

impl<'a> Bundles<'a> {
    /// Takes the bundles of a valid package apart.
    pub(super) fn of(name: &'a str, model: &'a PackageModel<'a>) -> Result<Self, CacheError> {
        let mut parts = BTreeMap::new();
        for (bundle_name, member) in model.channels.values().flat_map(|graph| &graph.members) {
            let (Some(bundle), Some(version)) = (member.bundle, &member.version) else {
                continue;
            };
            if !parts.contains_key(bundle_name) {
                let taken = Parts::of(bundle, &version.version, model.package)?;
                parts.insert(*bundle_name, taken);
            }
        }
        Ok(Self { name, model, parts })
    }

    /// One record for every bundle in every channel, channels and bundles by name.
    pub(super) fn records(&self) -> impl Iterator<Item = BundleRecord<'_>> {
        self.model
            .channels
            .iter()
            .flat_map(move |(channel, graph)| {
                graph.members.iter().filter_map(move |(bundle, member)| {
                    let parts = self.parts.get(bundle)?;
                    Some(BundleRecord {
                        name: bundle,
                        package: self.name,
                        channel,
                        csv: &parts.csv,
                        objects: &parts.objects,
                        image: &parts.bundle.image,
                        provided: &parts.provided,
                        required: &parts.required,
                        version: member
                            .version
                            .as_ref()
                            .map_or("", |version| &version.version),
                        skip_range: &member.entry.skip_range,
                        dependencies: &parts.dependencies,
                        properties: &parts.properties,
                        replaces: &member.entry.replaces,
                        skips: &member.entry.skips,
                        deprecation: member.deprecation,
                    })
                })
            })
    }
}

impl<'a> Parts<'a> {
    fn of(bundle: &'a Bundle, version: &str, package: &Package) -> Result<Self, CacheError> {
        let text = |object: Vec<u8>| String::from_utf8_lossy(&object).into_owned();
        let mut objects: Vec<String> = bundle.objects().map(text).collect();
        let csv = match bundle.csv_json() {
            Some(csv) => text(csv),
            None => generated_csv(bundle, version, package)?.unwrap_or_default(),
        };
        if objects.is_empty() && !csv.is_empty() {
            objects.push(csv.clone());
        }
        let mut parts = Self {
            bundle,
            csv,
            objects,
            provided: Vec::new(),
            required: Vec::new(),
            dependencies: Vec::new(),
            properties: Vec::new(),
        };
        for property in &bundle.properties {
            let kind = property.type_.as_str();
            if matches!(kind, BUNDLE_OBJECT | CSV_METADATA) {
                continue;
            }
            let value = property.value.as_deref().unwrap_or_default();
            parts.interpret(kind, value);
            parts.properties.push(Typed {
                kind,
                value: value.into(),
            });
        }
        Ok(parts)
    }

    /// Notes the API or dependency that a property stands for.
    fn interpret(&mut self, kind: &str, text: &'a str) {
        let parsed = || json::parse(text.as_bytes()).unwrap_or(Value::Null);
        match kind {
            "olm.gvk" => self.provided.push(api(&parsed())),
            "olm.gvk.required" => {
                self.required.push(api(&parsed()));
                self.dependencies.push(Typed {
                    kind: "olm.gvk",
                    value: text.into(),
                });
            }
            "olm.package.required" => {
                let value = parsed();
                // Unlike everything else in a cache this is not escaped for HTML.
                let mut dependency = "{\"packageName\":".to_owned();
                quote_plain(&mut dependency, member(&value, "packageName"));
                dependency.push_str(",\"version\":");
                quote_plain(&mut dependency, member(&value, "versionRange"));
                dependency.push('}');
                self.dependencies.push(Typed {
                    kind: "olm.package",
                    value: dependency.into(),
                });
            }
            _ => {}
        }
    }
}

fn api(value: &Value) -> Api {
    Api {
        group: member(value, "group").to_owned(),
        version: member(value, "version").to_owned(),
        kind: member(value, "kind").to_owned(),
    }
}

fn member<'a>(value: &'a Value, key: &str) -> &'a str {
    value.field(key).and_then(Value::as_str).unwrap_or_default()
}

/// The CSV made of a bundle's metadata, if it has some.
fn generated_csv(
    bundle: &Bundle,
    version: &str,
    package: &Package,
) -> Result<Option<String>, CacheError> {
    let mut metadata = bundle
        .properties
        .iter()
        .filter(|property| property.type_ == CSV_METADATA);
    let Some(property) = metadata.next() else {
        return Ok(None);
    };
    if metadata.next().is_some() {
        return Err(CacheError::Metadata {
            package: bundle.package.clone(),
            bundle: bundle.name.clone(),
        });
    }
    let text = property.value.as_deref().unwrap_or_default();
    let value = json::parse(text.as_bytes()).unwrap_or(Value::Null);
    let related_images: Vec<(&str, &str)> = bundle
        .related_images
        .iter()
        .map(|related| (related.name.as_str(), related.image.as_str()))
        .collect();
    let icon = package.icon.as_ref();
    let facts = Facts {
        name: &bundle.name,
        version,
        description: &package.description,
        icon: icon.map(|icon| {
            let data = icon.base64data.as_deref().unwrap_or_default();
            (data, icon.mediatype.as_str())
        }),
        related_images: &related_images,
    };
    Ok(Some(csv::generate(&value, facts)))
}
