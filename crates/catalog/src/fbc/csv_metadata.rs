//! The part of a CSV that users see, as a property (file-based catalog specification, 3.5).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{CSV_METADATA, Property};
use crate::json::{self, Fields, Part, Value, quote_plain, raw};

/// Why a CSV cannot be turned into metadata.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsvMetadataError {
    /// A field has the wrong type.
    #[error("`{field}` must be {expected}")]
    Type {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// `spec.version` is no version, even read tolerantly.
    #[error("`spec.version` is `{version}`, which is no version such as `1.2.3`")]
    Version {
        /// What it says.
        version: String,
    },
}

/// The `olm.csv.metadata` property of a CSV in JSON.
///
/// # Errors
/// [`CsvMetadataError`] if a field that is used has the wrong type.
pub fn csv_metadata(csv: &[u8]) -> Result<Property, CsvMetadataError> {
    let text = json::lossy(csv);
    let csv = Object::read(Part::new(&text), "the CSV")?;
    let metadata = csv.object("metadata")?;
    let spec = csv.object("spec")?;
    check_version(&spec.text("version")?)?;
    let mut out = Writer::new();
    out.text_map("annotations", &metadata)?;
    let services = spec.object("apiservicedefinitions")?;
    out.raw(
        "apiServiceDefinitions",
        &definitions(&services, api_service)?,
    );
    let crds = spec.object("customresourcedefinitions")?;
    out.raw("crdDescriptions", &definitions(&crds, crd)?);
    out.texts(&spec, &["description", "displayName"])?;
    out.list("installModes", &spec, |mode| {
        let mut out = Writer::new();
        out.text("type", &mode.text("type")?);
        let supported = match mode.value("supported") {
            None => false,
            Some(Value::Bool(supported)) => supported,
            Some(_) => return Err(wrong("supported", "true or false")),
        };
        out.raw("supported", if supported { "true" } else { "false" });
        Ok(out.finish())
    })?;
    out.text_list("keywords", &spec)?;
    out.text_map("labels", &metadata)?;
    out.list("links", &spec, |link| some_texts(link, &["name", "url"]))?;
    out.list("maintainers", &spec, |person| {
        some_texts(person, &["name", "email"])
    })?;
    out.texts(&spec, &["maturity", "minKubeVersion"])?;
    out.list("nativeAPIs", &spec, |api| {
        all_texts(api, &["group", "version", "kind"])
    })?;
    out.raw(
        "provider",
        &some_texts(&spec.object("provider")?, &["name", "url"])?,
    );
    Ok(Property {
        type_: CSV_METADATA.to_owned(),
        value: Some(out.finish()),
    })
}

fn wrong(field: &'static str, expected: &'static str) -> CsvMetadataError {
    CsvMetadataError::Type { field, expected }
}

/// A version, read tolerantly: blanks around it, a leading `v`, missing parts and leading zeros are fine.
fn check_version(version: &str) -> Result<(), CsvMetadataError> {
    let refuse = || CsvMetadataError::Version {
        version: version.to_owned(),
    };
    if version.is_empty() {
        return Ok(());
    }
    let trimmed = version.trim();
    let trimmed = trimmed.strip_prefix('v').unwrap_or(trimmed);
    let (core, suffix) = match trimmed.find(['-', '+']) {
        Some(at) => trimmed.split_at(at),
        None => (trimmed, ""),
    };
    let mut parts: Vec<String> = Vec::new();
    for part in core.split('.') {
        let digits = part.trim_start_matches('0');
        let digits = if digits.is_empty() && !part.is_empty() {
            "0"
        } else {
            digits
        };
        parts.push(digits.to_owned());
    }
    while parts.len() < 3 && suffix.is_empty() {
        parts.push("0".to_owned());
    }
    format!("{}{suffix}", parts.join("."))
        .parse::<crate::Version>()
        .map(drop)
        .map_err(|_| refuse())
}

/// The owned and required definitions of one kind.
fn definitions(
    of: &Object<'_>,
    each: fn(&Object<'_>) -> Result<String, CsvMetadataError>,
) -> Result<String, CsvMetadataError> {
    let mut out = Writer::new();
    out.list("owned", of, each)?;
    out.list("required", of, each)?;
    Ok(out.finish())
}

fn crd(of: &Object<'_>) -> Result<String, CsvMetadataError> {
    let mut out = Writer::new();
    for name in ["name", "version", "kind"] {
        out.text(name, &of.text(name)?);
    }
    details(&mut out, of)?;
    Ok(out.finish())
}

fn api_service(of: &Object<'_>) -> Result<String, CsvMetadataError> {
    let mut out = Writer::new();
    for name in ["name", "group", "version", "kind"] {
        out.text(name, &of.text(name)?);
    }
    out.texts(of, &["deploymentName"])?;
    match of.value("containerPort") {
        None | Some(Value::Number(json::Number::Int(0))) => {}
        Some(Value::Number(json::Number::Int(port))) if i32::try_from(port).is_ok() => {
            out.raw("containerPort", &port.to_string());
        }
        Some(_) => return Err(wrong("containerPort", "a whole number")),
    }
    details(&mut out, of)?;
    Ok(out.finish())
}

/// What CRDs and API services have in common.
fn details(out: &mut Writer, of: &Object<'_>) -> Result<(), CsvMetadataError> {
    out.texts(of, &["displayName", "description"])?;
    out.list("resources", of, |resource| {
        all_texts(resource, &["name", "kind", "version"])
    })?;
    for name in ["statusDescriptors", "specDescriptors", "actionDescriptors"] {
        out.list(name, of, |descriptor| {
            let mut out = Writer::new();
            out.text("path", &descriptor.text("path")?);
            out.texts(descriptor, &["displayName", "description"])?;
            out.text_list("x-descriptors", descriptor)?;
            if let Some(value) = descriptor.0.some("value") {
                out.raw("value", &raw::compact(value.text().as_bytes()));
            }
            Ok(out.finish())
        })?;
    }
    Ok(())
}

fn all_texts(of: &Object<'_>, names: &[&'static str]) -> Result<String, CsvMetadataError> {
    let mut out = Writer::new();
    for name in names {
        out.text(name, &of.text(name)?);
    }
    Ok(out.finish())
}

fn some_texts(of: &Object<'_>, names: &[&'static str]) -> Result<String, CsvMetadataError> {
    let mut out = Writer::new();
    out.texts(of, names)?;
    Ok(out.finish())
}

/// A JSON object whose values are still text, so that they can be passed on as they are written.
struct Object<'a>(Fields<'a>);

impl<'a> Object<'a> {
    fn read(value: Part<'a>, field: &'static str) -> Result<Self, CsvMetadataError> {
        if value.is_null() {
            return Ok(Self(Fields::default()));
        }
        let fields = value.fields().map(Self);
        fields.ok_or_else(|| wrong(field, "a mapping"))
    }

    fn object(&self, name: &'static str) -> Result<Self, CsvMetadataError> {
        self.0
            .some(name)
            .map_or(Ok(Self(Fields::default())), |value| Self::read(value, name))
    }

    fn value(&self, name: &str) -> Option<Value> {
        json::parse(self.0.some(name)?.text().as_bytes()).ok()
    }

    fn text(&self, name: &'static str) -> Result<Cow<'a, str>, CsvMetadataError> {
        self.0.some(name).map_or(Ok(Cow::Borrowed("")), |value| {
            value
                .string()
                .ok_or_else(|| wrong(name, "text; write it in quotes"))
        })
    }

    fn list(&self, name: &'static str) -> Result<Vec<Part<'a>>, CsvMetadataError> {
        self.0.some(name).map_or(Ok(Vec::new()), |value| {
            value.elements().ok_or_else(|| wrong(name, "a list"))
        })
    }
}

/// Writes an object member by member, nothing escaped for HTML.
struct Writer(String);

impl Writer {
    fn new() -> Self {
        Self("{".to_owned())
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn key(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote_plain(&mut self.0, name);
        self.0.push(':');
    }

    fn raw(&mut self, name: &str, value: &str) {
        self.key(name);
        self.0.push_str(value);
    }

    fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        quote_plain(&mut self.0, text);
    }

    /// Texts under the same names, empty ones left out.
    fn texts(&mut self, from: &Object<'_>, names: &[&'static str]) -> Result<(), CsvMetadataError> {
        for name in names {
            let text = from.text(name)?;
            if !text.is_empty() {
                self.text(name, &text);
            }
        }
        Ok(())
    }

    fn text_map(&mut self, name: &'static str, from: &Object<'_>) -> Result<(), CsvMetadataError> {
        let object = from.object(name)?;
        let mut texts = BTreeMap::new();
        for (key, value) in object.0.iter() {
            match value.string() {
                Some(text) => texts.insert(key, text),
                None if value.is_null() => texts.insert(key, Cow::Borrowed("")),
                None => return Err(wrong(name, "a mapping of texts")),
            };
        }
        if texts.is_empty() {
            return Ok(());
        }
        let mut out = Self::new();
        for (key, text) in texts {
            out.text(key, &text);
        }
        self.raw(name, &out.finish());
        Ok(())
    }

    fn text_list(&mut self, name: &'static str, from: &Object<'_>) -> Result<(), CsvMetadataError> {
        let mut texts = Vec::new();
        for element in from.list(name)? {
            let mut quoted = String::new();
            match element.string() {
                Some(text) => quote_plain(&mut quoted, &text),
                None if element.is_null() => quoted.push_str("\"\""),
                None => return Err(wrong(name, "a list of texts")),
            }
            texts.push(quoted);
        }
        if !texts.is_empty() {
            self.raw(name, &format!("[{}]", texts.join(",")));
        }
        Ok(())
    }

    /// A list of objects; an empty one is left out.
    fn list(
        &mut self,
        name: &'static str,
        from: &Object<'_>,
        each: impl Fn(&Object<'_>) -> Result<String, CsvMetadataError>,
    ) -> Result<(), CsvMetadataError> {
        let mut parts = Vec::new();
        for element in from.list(name)? {
            parts.push(each(&Object::read(element, name)?)?);
        }
        if !parts.is_empty() {
            self.raw(name, &format!("[{}]", parts.join(",")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_tolerantly() {
        for version in [
            "",
            "1.2.3",
            "v1.2",
            "v1",
            " 1.2.3 ",
            "01.02.03",
            "1.2.3-rc.1+4",
        ] {
            assert_eq!(check_version(version), Ok(()), "{version}");
        }
        for version in ["bogus", "1.2.3.4", "1.2-rc", "x1.0.0", "1..2"] {
            assert!(check_version(version).is_err(), "{version}");
        }
    }

    #[test]
    fn values_of_descriptors_stay_as_written() {
        let csv = br#"{"spec":{"version":"1.0.0","customresourcedefinitions":{"owned":[{"kind":"K","specDescriptors":[{"path":"p","value":{"b": 1.0, "a":"\u003e"},"x":1}]}]}}}"#;
        assert_eq!(
            csv_metadata(csv).unwrap().value.unwrap(),
            r#"{"apiServiceDefinitions":{},"crdDescriptions":{"owned":[{"name":"","version":"","kind":"K","specDescriptors":[{"path":"p","value":{"b":1.0,"a":"\u003e"}}]}]},"provider":{}}"#
        );
        assert!(csv_metadata(br#"{"spec":{"version":1}}"#).is_err());
        assert!(csv_metadata(br#"{"spec":{"keywords":"x"}}"#).is_err());
    }
}
