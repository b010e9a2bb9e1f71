//! The APIs a bundle provides and requires (index database specification, 2.6).

use std::collections::BTreeSet;
use std::fmt;

use catalog::json::{Value, quote};

use crate::csv::{self, Csv};
use crate::{Problem, bounds, shape};

/// An API: group, version and kind, with the plural name its resources have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Api {
    /// The API group, such as `apps.example.com`.
    pub group: String,
    /// The version within the group, such as `v1`.
    pub version: String,
    /// The kind of its objects, such as `Widget`.
    pub kind: String,
    /// The plural name of its resources, such as `widgets`; for an API service its whole name.
    pub plural: String,
}

impl fmt::Display for Api {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}/{}/{} ({})",
            self.group, self.version, self.kind, self.plural
        )
    }
}

impl Api {
    /// The value of an `olm.gvk` property or dependency: `{"group":…,"kind":…,"version":…}`.
    pub fn gvk_json(&self) -> String {
        let mut text = String::from("{\"group\":");
        quote(&mut text, &self.group);
        text.push_str(",\"kind\":");
        quote(&mut text, &self.kind);
        text.push_str(",\"version\":");
        quote(&mut text, &self.version);
        text.push('}');
        text
    }
}

/// What the CRDs define and the CSV serves; fails if the CSV owns a CRD that is not there.
pub(crate) fn provided(objects: &[Value], csv: &Csv) -> Result<BTreeSet<Api>, Problem> {
    let mut apis = BTreeSet::new();
    for object in objects {
        if object.get("kind").and_then(Value::as_str) == Some("CustomResourceDefinition") {
            apis.extend(defined(object)?);
        }
    }
    apis.extend(services(csv, "owned")?);
    for api in definitions(csv, "owned")? {
        if !apis.contains(&api) {
            return Err(Problem::ApiMissing {
                api,
                found: apis.into_iter().collect(),
            });
        }
    }
    Ok(apis)
}

/// The APIs the CSV says it needs.
pub(crate) fn required(csv: &Csv) -> Result<BTreeSet<Api>, Problem> {
    let mut apis: BTreeSet<Api> = definitions(csv, "required")?.into_iter().collect();
    apis.extend(services(csv, "required")?);
    Ok(apis)
}

/// The APIs a CRD defines, served or not; CRDs of unknown versions define nothing.
fn defined(crd: &Value) -> Result<Vec<Api>, Problem> {
    let api_version = crd
        .get("apiVersion")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if !matches!(version, "v1" | "v1beta1") {
        return Ok(Vec::new());
    }
    let name = crd
        .field("metadata")
        .and_then(|metadata| metadata.field("name"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    if group != "apiextensions.k8s.io" {
        return Err(Problem::CrdGroup {
            name: name.to_owned(),
            api_version: api_version.to_owned(),
        });
    }
    let place = &format!("the CRD `{name}`");
    let Some(spec) = shape::path(crd, &["spec"], place)? else {
        return Ok(Vec::new());
    };
    let text = |object: &Value, field: &str| {
        shape::text(object.field(field), &format!("spec.{field}"), place)
    };
    let names = shape::path(crd, &["spec", "names"], place)?.unwrap_or(&Value::Null);
    for field in ["singular", "listKind"] {
        text(names, field)?;
    }
    for field in ["shortNames", "categories"] {
        shape::texts(names.field(field), &format!("spec.names.{field}"), place)?;
    }
    text(spec, "scope")?;

    let mut versions = Vec::new();
    let listed = shape::list(spec.field("versions"), "spec.versions", place)?;
    bounds::list(&format!("`spec.versions` of {place}"), listed.len())?;
    for item in listed {
        let item = shape::mapping(Some(item), "spec.versions[]", place)?.unwrap_or(&Value::Null);
        for field in ["served", "storage", "deprecated"] {
            shape::check_bool(
                item.field(field),
                &format!("spec.versions[].{field}"),
                place,
            )?;
        }
        versions.push(text(item, "name")?);
    }
    if version == "v1beta1" {
        let single = text(spec, "version")?;
        versions.extend((!single.is_empty()).then_some(single));
    }
    let (group, kind, plural) = (
        text(spec, "group")?,
        text(names, "kind")?,
        text(names, "plural")?,
    );
    // Every version repeats them.
    for text in [&group, &kind, &plural] {
        bounds::name(&format!("the group or names of {place}"), text)?;
    }
    let api = |version| Api {
        group: group.clone(),
        version,
        kind: kind.clone(),
        plural: plural.clone(),
    };
    Ok(versions.into_iter().map(api).collect())
}

/// The entries of `spec.customresourcedefinitions.<side>`.
fn definitions(csv: &Csv, side: &str) -> Result<Vec<Api>, Problem> {
    entries(csv, "customresourcedefinitions", side, |item, text| {
        let name = text(item, "name")?;
        let Some((plural, group)) = name.split_once('.') else {
            return Err(Problem::ApiName { name });
        };
        Ok(Api {
            group: group.to_owned(),
            version: text(item, "version")?,
            kind: text(item, "kind")?,
            plural: plural.to_owned(),
        })
    })
}

/// The entries of `spec.apiservicedefinitions.<side>`.
fn services(csv: &Csv, side: &str) -> Result<Vec<Api>, Problem> {
    entries(csv, "apiservicedefinitions", side, |item, text| {
        Ok(Api {
            group: text(item, "group")?,
            version: text(item, "version")?,
            kind: text(item, "kind")?,
            plural: text(item, "name")?,
        })
    })
}

type TextField<'a> = &'a dyn Fn(&Value, &str) -> Result<String, Problem>;

fn entries(
    csv: &Csv,
    section: &str,
    side: &str,
    read: impl Fn(&Value, TextField<'_>) -> Result<Api, Problem>,
) -> Result<Vec<Api>, Problem> {
    let section_field = format!("spec.{section}");
    let field = format!("{section_field}.{side}");
    // The section itself is looked up by its exact name, unlike everything inside it.
    let section = shape::mapping(csv.spec.get(section), &section_field, csv::PLACE)?;
    let items = shape::list(
        section.and_then(|section| section.field(side)),
        &field,
        csv::PLACE,
    )?;
    let text = |item: &Value, name: &str| {
        shape::text(item.field(name), &format!("{field}[].{name}"), csv::PLACE)
    };
    items
        .iter()
        .filter(|item| !item.is_null())
        .map(|item| {
            shape::mapping(Some(item), &format!("{field}[]"), csv::PLACE)?;
            read(item, &text)
        })
        .collect()
}
