//! From a bundle's blob to what all its records say.

use super::csv::{self, Additions};
use super::record::{Api, Facts, Shared, Typed};
use super::{CacheError, Format};
use crate::fbc::{BUNDLE_OBJECT, Bundle, CSV_METADATA, Package, is_csv};
use crate::json::{self, Value, quote_plain};

/// Encodes the common part of a bundle's records; `package` gives a generated CSV its icon and description.
///
/// # Errors
/// [`CacheError::Metadata`] if several properties could be the CSV.
pub(super) fn encode(
    bundle: &Bundle,
    version: &str,
    package: &Package,
    format: Format,
) -> Result<Shared, CacheError> {
    let manifests = Manifests::of(bundle, version, package)?;
    let mut interfaces = Interfaces::default();
    for property in &bundle.properties {
        let kind = property.type_.as_str();
        if !matches!(kind, BUNDLE_OBJECT | CSV_METADATA) {
            interfaces.take(kind, property.value.as_deref().unwrap_or_default());
        }
    }
    let facts = Facts {
        csv: manifests.csv(),
        objects: manifests.objects(),
        image: &bundle.image,
        provided: &interfaces.provided,
        required: &interfaces.required,
        version,
        dependencies: &interfaces.dependencies,
        properties: &interfaces.properties,
    };
    Ok(facts.encode(format))
}

/// The manifests of a bundle.
#[derive(Debug)]
struct Manifests {
    /// The objects, and behind them a CSV that is not one of them.
    texts: Vec<String>,
    objects: usize,
    csv: Option<usize>,
}

impl Manifests {
    fn of(bundle: &Bundle, version: &str, package: &Package) -> Result<Self, CacheError> {
        let mut texts: Vec<String> = bundle.objects().map(text).collect();
        let mut objects = texts.len();
        let mut csv = texts.iter().position(|text| is_csv(text.as_bytes()));
        if csv.is_none()
            && let Some(generated) = generated_csv(bundle, version, package)?
        {
            csv = Some(objects);
            texts.push(generated);
            // A CSV without other manifests is the one manifest.
            objects = objects.max(1);
        }
        Ok(Self {
            texts,
            objects,
            csv,
        })
    }

    fn csv(&self) -> &str {
        self.csv.map_or("", |index| &self.texts[index])
    }

    fn objects(&self) -> &[String] {
        &self.texts[..self.objects]
    }
}

fn text(object: Vec<u8>) -> String {
    String::from_utf8(object)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// What the other properties say.
#[derive(Debug, Default)]
struct Interfaces<'a> {
    provided: Vec<Api>,
    required: Vec<Api>,
    dependencies: Vec<Typed<'a>>,
    properties: Vec<Typed<'a>>,
}

impl<'a> Interfaces<'a> {
    /// Takes a property over, and notes the API or dependency that it stands for.
    fn take(&mut self, kind: &'a str, text: &'a str) {
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
        self.properties.push(Typed {
            kind,
            value: text.into(),
        });
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
    let additions = Additions {
        name: &bundle.name,
        version,
        description: &package.description,
        icon: icon.map(|icon| {
            let data = icon.base64data.as_deref().unwrap_or_default();
            (data, icon.mediatype.as_str())
        }),
        related_images: &related_images,
    };
    Ok(Some(csv::generate(&value, additions)))
}
