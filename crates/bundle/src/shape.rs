//! Reading fields that must have a certain type.
//!
//! Absent and `null` mean the empty value everywhere, as they do in the structures of the reference tools.

use catalog::json::Value;

use crate::Problem;

fn wrong(value: &Value, field: &str, place: &str, expected: &'static str) -> Problem {
    Problem::WrongType {
        field: field.to_owned(),
        place: place.to_owned(),
        expected,
        found: value.kind(),
    }
}

/// A text; empty if absent.
pub(crate) fn text(value: Option<&Value>, field: &str, place: &str) -> Result<String, Problem> {
    match value {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(wrong(other, field, place, "text")),
    }
}

/// A list; empty if absent.
pub(crate) fn list<'a>(
    value: Option<&'a Value>,
    field: &str,
    place: &str,
) -> Result<&'a [Value], Problem> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(elements)) => Ok(elements),
        Some(other) => Err(wrong(other, field, place, "a list")),
    }
}

/// A mapping, if there is one.
pub(crate) fn mapping<'a>(
    value: Option<&'a Value>,
    field: &str,
    place: &str,
) -> Result<Option<&'a Value>, Problem> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(object @ Value::Object(_)) => Ok(Some(object)),
        Some(other) => Err(wrong(other, field, place, "a mapping")),
    }
}

/// A list of texts.
pub(crate) fn texts(
    value: Option<&Value>,
    field: &str,
    place: &str,
) -> Result<Vec<String>, Problem> {
    list(value, field, place)?
        .iter()
        .map(|item| text(Some(item), field, place))
        .collect()
}

/// The mapping reached by following fields from mapping to mapping, if there is one.
pub(crate) fn path<'a>(
    start: &'a Value,
    fields: &[&str],
    place: &str,
) -> Result<Option<&'a Value>, Problem> {
    let mut at = Some(start);
    for (index, field) in fields.iter().enumerate() {
        at = mapping(
            at.and_then(|object| object.field(field)),
            &fields[..=index].join("."),
            place,
        )?;
    }
    Ok(at)
}

/// A yes or no, checked for its type only.
pub(crate) fn check_bool(value: Option<&Value>, field: &str, place: &str) -> Result<(), Problem> {
    match value {
        None | Some(Value::Null | Value::Bool(_)) => Ok(()),
        Some(other) => Err(wrong(other, field, place, "a boolean")),
    }
}

/// The problem of a field that must be a mapping and is absent or something else.
pub(crate) fn not_mapping(value: Option<&Value>, field: &str, place: &str) -> Problem {
    let found = value.map_or("missing", Value::kind);
    Problem::WrongType {
        field: field.to_owned(),
        place: place.to_owned(),
        expected: "a mapping",
        found,
    }
}
