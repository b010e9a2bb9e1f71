//! Compact JSON objects, written member by member.

use crate::json::quote;

/// An object under construction; members are written in the order of the calls, HTML-escaped.
#[derive(Debug)]
pub(super) struct Object {
    text: String,
    /// Whether a member is there already.
    begun: bool,
}

impl Object {
    pub(super) fn new() -> Self {
        Self {
            text: "{".to_owned(),
            begun: false,
        }
    }

    /// An object whose first members stand elsewhere: there is at least one, and each member here begins with a comma.
    pub(super) fn going_on() -> Self {
        Self {
            text: String::new(),
            begun: true,
        }
    }

    /// Makes room for members of so many bytes in all.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.text.reserve(bytes);
    }

    /// Writes a member unless it is empty.
    pub(super) fn string(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.always(key, value);
        }
    }

    /// Writes a member, be it empty or not.
    pub(super) fn always(&mut self, key: &str, value: &str) {
        self.key(key);
        quote(&mut self.text, value);
    }

    /// Writes a member whose value is JSON text already.
    pub(super) fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.text.push_str(json);
    }

    /// Writes a list unless it is empty.
    pub(super) fn list<T>(&mut self, key: &str, items: &[T], write: impl FnMut(&mut String, &T)) {
        if !items.is_empty() {
            self.key(key);
            write_list(&mut self.text, items, write);
        }
    }

    /// The object's text.
    pub(super) fn into_text(mut self) -> String {
        self.text.push('}');
        self.text
    }

    /// The text without the brace at its end, for members that follow elsewhere.
    pub(super) fn into_open(self) -> String {
        self.text
    }

    fn key(&mut self, key: &str) {
        if self.begun {
            self.text.push(',');
        }
        self.begun = true;
        quote(&mut self.text, key);
        self.text.push(':');
    }
}

/// Appends a list, each element as `write` writes it.
pub(super) fn write_list<T>(
    text: &mut String,
    items: &[T],
    mut write: impl FnMut(&mut String, &T),
) {
    text.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(text, item);
    }
    text.push(']');
}
