//! JSON text taken apart without copying what stays text.

use std::borrow::Cow;

use super::JsonError;
use super::parse::Reader;

/// A JSON value whose parts are text until they are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a>(&'a str);

/// The members of an object in the order they are written in.
#[derive(Debug, Default)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, Part<'a>)>);

impl<'a> Part<'a> {
    /// A value without blanks around it. It must be JSON: where it is not, parts of it are absent.
    pub fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The text of the value.
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Whether this is `null`.
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// What the string says, if this is one.
    pub fn string(self) -> Option<Cow<'a, str>> {
        self.0
            .starts_with('"')
            .then(|| Reader::new(self.0.as_bytes()).text().ok())?
    }

    /// The value that a text begins with, and its members if it is an object.
    ///
    /// # Errors
    /// [`JsonError`] if the text begins with something else.
    pub(super) fn first(text: &'a str) -> Result<(Self, Option<Fields<'a>>), JsonError> {
        let mut reader = Reader::new(text.as_bytes());
        let fields = if text.starts_with('{') {
            Some(Fields::read(&mut reader, text)?)
        } else {
            reader.raw()?;
            None
        };
        Ok((Self(&text[..reader.at]), fields))
    }

    /// The members, if this is an object.
    pub fn fields(self) -> Option<Fields<'a>> {
        Fields::read(&mut Reader::new(self.0.as_bytes()), self.0).ok()
    }

    /// The elements, if this is an array.
    pub fn elements(self) -> Option<Vec<Self>> {
        let mut elements = Vec::new();
        let read = Reader::new(self.0.as_bytes()).array(|reader| {
            elements.push(Self(&self.0[reader.raw_range()?]));
            Ok(())
        });
        read.ok().map(|()| elements)
    }

    /// What kind of value this is, in the words of an error message.
    pub fn kind(self) -> &'static str {
        match self.0.as_bytes().first() {
            Some(b'{') => "a mapping",
            Some(b'[') => "a list",
            Some(b'"') => "a string",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        }
    }
}

impl<'a> Fields<'a> {
    /// Of the object that comes next in a text.
    fn read(reader: &mut Reader<'a>, text: &'a str) -> Result<Self, JsonError> {
        let mut fields = Vec::new();
        reader.object(|reader, key| {
            let value = reader.raw_range()?;
            fields.push((key.text(), Part(&text[value])));
            Ok(())
        })?;
        Ok(Self(fields))
    }

    /// The keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Part<'a>)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), *value))
    }

    /// The member a Go structure would fill a field called `name` from: an exact key before one that differs in case only,
    /// the last of several.
    pub fn get(&self, name: &str) -> Option<Part<'a>> {
        let exact = self.0.iter().rfind(|(key, _)| key == name);
        let folded = || {
            self.0
                .iter()
                .rfind(|(key, _)| key.eq_ignore_ascii_case(name))
        };
        exact.or_else(folded).map(|(_, value)| *value)
    }

    /// Like [`Fields::get`]; an explicit `null` counts as absent, as it leaves such a field untouched.
    pub fn some(&self, name: &str) -> Option<Part<'a>> {
        self.get(name).filter(|value| !value.is_null())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_say_what_the_text_says() {
        let part =
            Part::new(r#"{ "Name" : "a\u0062", "list": [ 1, {} ,null], "NAME": "c", "no": null }"#);
        let fields = part.fields().unwrap();
        assert_eq!(
            fields.some("name").and_then(Part::string).as_deref(),
            Some("c")
        );
        assert_eq!(
            fields.some("Name").and_then(Part::string).as_deref(),
            Some("ab")
        );
        assert_eq!(
            (fields.some("no"), fields.get("no").map(Part::text)),
            (None, Some("null"))
        );
        let list = fields.get("list").unwrap();
        let elements: Vec<&str> = list
            .elements()
            .unwrap()
            .into_iter()
            .map(Part::text)
            .collect();
        assert_eq!(elements, ["1", "{}", "null"]);
        assert!(list.fields().is_none() && part.elements().is_none() && list.string().is_none());
        assert_eq!((list.kind(), part.kind()), ("a list", "a mapping"));
    }
}
