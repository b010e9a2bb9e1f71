//! JSON values, and the canonical text the reference tools store for them.
//!
//! Canonical means: keys in byte order, no white space, `<`, `>`, `&`, U+2028 and U+2029 escaped, and numbers in the
//! form of Go's encoder (index database specification, 2.2).

mod fields;
mod indent;
mod normal;
mod number;
mod parse;
mod quoted;
pub mod raw;
mod scan;
mod write;

use std::collections::BTreeMap;

pub use fields::{Fields, Part};
pub(crate) use indent::{indent, line};
pub(crate) use normal::Normal;
pub use number::Number;
pub use parse::{JsonError, parse};
pub(crate) use parse::{Numbers, Reader, next, next_normal};
pub use quoted::lossy;
pub(crate) use quoted::push_lossy;
pub(crate) use scan::{run_of, run_until};
pub use write::{quote, quote_plain, to_plain_text, to_text, write};

/// How deeply arrays and objects may be nested in what this crate reads.
///
/// Real manifests stay below 60; the bound keeps recursion over values harmless.
pub const MAX_DEPTH: usize = 255;

/// A JSON value; object keys are kept in byte order, which is also the order they are written in.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object; of duplicate keys the last one wins.
    Object(BTreeMap<String, Value>),
}

impl Value {
    /// The member with exactly this key, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// The member a Go structure would fill a field called `name` from: the exact key, or else one that differs in case only.
    ///
    /// An explicit `null` counts as absent, as it leaves such a field untouched.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.field_or_null(name).filter(|value| !value.is_null())
    }

    /// Like [`Value::field`], but an explicit `null` is found.
    pub fn field_or_null(&self, name: &str) -> Option<&Value> {
        let object = self.as_object()?;
        let folded = || {
            object
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        };
        object.get(name).or_else(folded)
    }

    /// The members, if this is an object.
    pub fn as_object(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Self::Object(members) => Some(members),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    /// The elements, if this is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(elements) => Some(elements),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Object(_) => {
                None
            }
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What kind of value this is, in the words of an error message.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "a mapping",
        }
    }

    /// Brings every number into the form generic objects have in the reference tools: whole numbers that fit signed 64 bit
    /// as integers, all others as doubles.
    pub(crate) fn settle_numbers(&mut self) {
        match self {
            Self::Number(number) => *number = number.settled(),
            Self::Array(elements) => elements.iter_mut().for_each(Value::settle_numbers),
            Self::Object(members) => members.values_mut().for_each(Value::settle_numbers),
            Self::Null | Self::Bool(_) | Self::String(_) => {}
        }
    }
}
