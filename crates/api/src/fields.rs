//! Reading the parameters of a payload one by one, noting every problem on the way.
//!
//! The contract is uneven about falsy values (section 1.5), so there are two ways to look at a parameter: [`Fields::present`] sees it
//! whatever its value, [`Fields::truthy_or_boolean`] treats `null`, `0`, `""`, `[]` and `{}` as absent.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::image_ref::names_tag_or_digest;
use crate::kind::Scope;
use crate::parameter::Parameter;
use crate::refusal::Findings;

const NOT_AN_IMAGE: &str =
    "must be an image reference with a tag or a digest, such as `registry/namespace/name:tag`";

pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    pub(crate) findings: Findings,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(object: &'a Map<String, Value>) -> Self {
        Self {
            object,
            findings: Findings::default(),
        }
    }

    /// Notes every name that the endpoint does not know.
    pub(crate) fn allow_only(&mut self, groups: &[&[Parameter]]) {
        let known = || groups.iter().copied().flatten().map(|known| known.name);
        for name in self.object.keys() {
            if !known().any(|known| known == name) {
                let mut names: Vec<_> = known().collect();
                names.sort_unstable();
                let message = format!(
                    "is not a parameter of this endpoint; it takes {}",
                    names.join(", ")
                );
                self.findings.invalid(&shorten(name), message);
            }
        }
    }

    pub(crate) fn present(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name)
    }

    pub(crate) fn not_null(&self, name: &str) -> Option<&'a Value> {
        self.present(name).filter(|value| !value.is_null())
    }

    pub(crate) fn truthy_or_boolean(&self, name: &str) -> Option<&'a Value> {
        self.present(name)
            .filter(|value| value.is_boolean() || !is_falsy(value))
    }

    /// A boolean; absent or otherwise falsy is false.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.truthy_or_boolean(name) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(value) => {
                self.findings
                    .invalid(name, format!("must be a boolean, not {}", kind_of(value)));
                false
            }
        }
    }

    /// A boolean when present; `null` is no boolean.
    pub(crate) fn strict_flag(&mut self, name: &str) -> Option<bool> {
        let value = self.present(name)?;
        self.expect_flag(name, value)
    }

    /// A boolean; absent or `null` is none.
    pub(crate) fn optional_flag(&mut self, name: &str) -> Option<bool> {
        let value = self.not_null(name)?;
        self.expect_flag(name, value)
    }

    fn expect_flag(&mut self, name: &str, value: &Value) -> Option<bool> {
        let flag = value.as_bool();
        if flag.is_none() {
            self.findings.invalid(
                name,
                format!(
                    "must be a boolean, not {}; it may be left out",
                    kind_of(value)
                ),
            );
        }
        flag
    }

    /// A string; absent or falsy is none.
    pub(crate) fn string(&mut self, name: &str) -> Option<&'a str> {
        self.truthy_or_boolean(name)
            .and_then(|value| self.expect_string(name, value))
    }

    /// A string when present; `null` is no string, and the empty string is none.
    pub(crate) fn strict_string(&mut self, name: &str) -> Option<&'a str> {
        self.present(name)
            .and_then(|value| self.expect_string(name, value))
            .filter(|text| !text.is_empty())
    }

    fn expect_string(&mut self, name: &str, value: &'a Value) -> Option<&'a str> {
        let text = value.as_str();
        if text.is_none() {
            self.findings
                .invalid(name, format!("must be a string, not {}", kind_of(value)));
        }
        text
    }

    /// An image reference; absent or falsy is none.
    pub(crate) fn image(&mut self, name: &str) -> Option<String> {
        let text = self.string(name)?;
        if !names_tag_or_digest(text) {
            self.findings
                .invalid(name, format!("is `{}`, but {NOT_AN_IMAGE}", shorten(text)));
        }
        Some(text.to_owned())
    }

    /// An image reference that has to be there.
    pub(crate) fn required_image(&mut self, name: &str) -> String {
        let image = self.image(name);
        if image.is_none() {
            self.require(name);
        }
        image.unwrap_or_default()
    }

    /// A string that has to be there and say something.
    pub(crate) fn required_string(&mut self, name: &str) -> String {
        let text = self.string(name);
        if text.is_none() {
            self.require(name);
        }
        text.unwrap_or_default().to_owned()
    }

    /// Notes that a parameter is missing, unless more is known to be wrong with it.
    pub(crate) fn require(&mut self, name: &str) {
        if !self.has_problem(name) {
            self.findings.invalid(name, "must be given");
        }
    }

    /// Whether something is wrong with this parameter already.
    pub(crate) fn has_problem(&self, name: &str) -> bool {
        self.findings.mention(name)
    }

    /// The distribution scope (section 6.2).
    pub(crate) fn scope(&mut self) -> Option<Scope> {
        const NAME: &str = "distribution_scope";
        let name = self.string(NAME)?;
        let scope = Scope::from_name(name);
        if scope.is_none() {
            self.findings
                .invalid(NAME, "must be one of: prod, stage, dev");
        }
        scope
    }

    /// An object whose values are strings; absent or falsy is none.
    pub(crate) fn texts_by_name(&mut self, name: &str) -> Option<BTreeMap<String, String>> {
        let value = self.truthy_or_boolean(name)?;
        self.expect_texts_by_name(name, value)
    }

    /// An object whose values are strings; absent or `null` is none.
    pub(crate) fn strict_texts_by_name(&mut self, name: &str) -> Option<BTreeMap<String, String>> {
        let value = self.not_null(name)?;
        self.expect_texts_by_name(name, value)
    }

    fn expect_texts_by_name(
        &mut self,
        name: &str,
        value: &Value,
    ) -> Option<BTreeMap<String, String>> {
        let texts = texts_by_name(value);
        if texts.is_none() {
            self.findings.invalid(
                name,
                format!(
                    "must be an object whose values are strings, not {}",
                    kind_of(value)
                ),
            );
        }
        texts
    }

    /// A list of non-empty strings; absent or falsy is the empty list.
    pub(crate) fn strings(&mut self, name: &str) -> Vec<String> {
        match self.truthy_or_boolean(name) {
            None => Vec::new(),
            Some(value) => self.expect_strings(name, value),
        }
    }

    /// A list of image references without repeats, in the order given; absent is the empty list, `null` is a problem.
    pub(crate) fn strict_images(&mut self, name: &str) -> Vec<String> {
        self.present(name)
            .map(|value| self.expect_images(name, value))
            .unwrap_or_default()
    }

    /// A list of image references without repeats, in the order given.
    pub(crate) fn expect_images(&mut self, name: &str, value: &Value) -> Vec<String> {
        let mut images: Vec<String> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for text in self.expect_strings(name, value) {
            if !names_tag_or_digest(&text) {
                self.findings.invalid(
                    name,
                    format!("holds `{}`, but {NOT_AN_IMAGE}", shorten(&text)),
                );
            } else if seen.insert(text.clone()) {
                images.push(text);
            }
        }
        images
    }

    /// A list of non-empty strings when present; `null` is a problem.
    pub(crate) fn strict_strings(&mut self, name: &str) -> Vec<String> {
        self.present(name)
            .map(|value| self.expect_strings(name, value))
            .unwrap_or_default()
    }

    pub(crate) fn expect_strings(&mut self, name: &str, value: &Value) -> Vec<String> {
        let Value::Array(items) = value else {
            self.findings.invalid(
                name,
                format!(
                    "must be a list of non-empty strings, not {}",
                    kind_of(value)
                ),
            );
            return Vec::new();
        };
        let texts: Vec<String> = items
            .iter()
            .filter_map(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(ToOwned::to_owned)
            .collect();
        if texts.len() != items.len() {
            self.findings
                .invalid(name, "must hold nothing but non-empty strings");
        }
        texts
    }
}

/// An object whose values are strings.
pub(crate) fn texts_by_name(value: &Value) -> Option<BTreeMap<String, String>> {
    let entries = value.as_object()?.iter();
    entries
        .map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned())))
        .collect()
}

/// Falsy as the contract defines it (section 1).
pub(crate) fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
    }
}

/// What a value is, for error texts; not the value itself, which may be a secret.
pub(crate) const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Keeps a quoted value from flooding an error text.
pub(crate) fn shorten(text: &str) -> String {
    const LIMIT: usize = 200;
    if text.chars().count() <= LIMIT {
        return text.to_owned();
    }
    text.chars().take(LIMIT).chain(['…']).collect()
}
