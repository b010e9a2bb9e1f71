//! The normal form of a catalog's blobs, written without a tree of values (file-based catalog specification, 1.2).

use std::cmp::Ordering;

use memchr::memchr;

use super::quoted::{Quoted, escape_at};
use super::write::{FIRST_OF_SEPARATORS, escape_plain};
use super::{Number, Value, quote_plain};

/// Writes a value as compact JSON, as its parts are met: every number a double, nothing escaped for HTML, keys in byte
/// order, of duplicate keys the last one.
///
/// Where keys come in order, which is the usual case, text is only ever appended; else the object's text is put in order
/// where the object ends. The buffers are kept from value to value.
#[derive(Default)]
pub(crate) struct Normal {
    text: String,
    open: Vec<Open>,
    /// The members of all open objects.
    members: Vec<Member>,
    spare: String,
}

/// An array or object that is being written.
struct Open {
    /// The place behind its bracket.
    from: usize,
    /// How many members there were before it.
    members: usize,
    is_object: bool,
    is_sorted: bool,
}

/// Where a member of an object begins, and where its value does.
#[derive(Clone, Copy)]
struct Member {
    key: usize,
    value: usize,
    is_plain: bool,
}

impl Normal {
    /// What was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Forgets what was written.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.open.clear();
        self.members.clear();
    }

    /// Begins an array or an object.
    pub(crate) fn begin(&mut self, bracket: char) {
        self.place();
        self.text.push(bracket);
        self.open.push(Open {
            from: self.text.len(),
            members: self.members.len(),
            is_object: bracket == '{',
            is_sorted: true,
        });
    }

    /// Ends the innermost array or object.
    pub(crate) fn end(&mut self) {
        let Some(open) = self.open.pop() else {
            return;
        };
        if !open.is_sorted {
            self.sort(&open);
        }
        self.members.truncate(open.members);
        self.text.push(if open.is_object { '}' } else { ']' });
    }

    /// Writes the key of the member whose value comes next.
    pub(crate) fn key(&mut self, key: &str) {
        let from = self.begin_key();
        quote_plain(&mut self.text, key);
        self.end_key(from);
    }

    /// Like [`Normal::key`], of a key in JSON.
    pub(super) fn quoted_key(&mut self, key: Quoted<'_>) {
        let from = self.begin_key();
        self.push_quoted(key);
        self.end_key(from);
    }

    pub(crate) fn string(&mut self, string: &str) {
        self.place();
        quote_plain(&mut self.text, string);
    }

    /// A string in JSON.
    pub(super) fn quoted(&mut self, string: Quoted<'_>) {
        self.place();
        self.push_quoted(string);
    }

    /// A number, and how it was written in JSON.
    pub(super) fn number(&mut self, number: Number, written: &[u8]) {
        /// Whole numbers with so many digits are doubles that are written with the same digits.
        const EXACT_DIGITS: usize = 15;
        self.place();
        let is_exact = written.len() <= EXACT_DIGITS
            && written.iter().all(u8::is_ascii_digit)
            && !written.is_empty();
        match std::str::from_utf8(written) {
            Ok(written) if is_exact => self.text.push_str(written),
            _ => self.text.push_str(&number.as_double().to_text()),
        }
    }

    /// A value that is no collection and, in JSON, neither text nor number.
    pub(crate) fn word(&mut self, value: &Value) {
        match value {
            Value::Null => self.literal("null"),
            Value::Bool(true) => self.literal("true"),
            Value::Bool(false) => self.literal("false"),
            other => self.value(other),
        }
    }

    /// A whole value.
    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) => self.word(value),
            Value::Number(number) => self.number(*number, b""),
            Value::String(string) => self.string(string),
            Value::Array(elements) => {
                self.begin('[');
                for element in elements {
                    self.value(element);
                }
                self.end();
            }
            Value::Object(members) => {
                self.begin('{');
                for (key, member) in members {
                    self.key(key);
                    self.value(member);
                }
                self.end();
            }
        }
    }

    fn literal(&mut self, word: &str) {
        self.place();
        self.text.push_str(word);
    }

    /// Separates an element from the one before.
    fn place(&mut self) {
        if let Some(open) = self.open.last()
            && !open.is_object
            && self.text.len() > open.from
        {
            self.text.push(',');
        }
    }

    fn begin_key(&mut self) -> usize {
        if self
            .open
            .last()
            .is_some_and(|open| self.text.len() > open.from)
        {
            self.text.push(',');
        }
        self.text.len()
    }

    fn end_key(&mut self, from: usize) {
        let key = &self.text[from..];
        let is_plain = memchr(b'\\', key.as_bytes()).is_none();
        self.text.push(':');
        let member = Member {
            key: from,
            value: self.text.len(),
            is_plain,
        };
        if let Some(open) = self.open.last_mut()
            && open.is_sorted
            && let Some(&before) = self.members.get(open.members..).and_then(<[Member]>::last)
        {
            open.is_sorted = compare(&self.text, before, member) == Ordering::Less;
        }
        self.members.push(member);
    }

    /// Puts the members of the object that ends here in order.
    fn sort(&mut self, open: &Open) {
        let members = &self.members[open.members..];
        let ends = members
            .iter()
            .skip(1)
            .map(|next| next.key - 1)
            .chain([self.text.len()]);
        let mut parts: Vec<(Member, usize)> = members.iter().copied().zip(ends).collect();
        let text = &self.text;
        parts.sort_by(|(a, _), (b, _)| compare(text, *a, *b));
        self.spare.clear();
        for (index, (member, end)) in parts.iter().enumerate() {
            let is_overwritten = parts
                .get(index + 1)
                .is_some_and(|(next, _)| compare(text, *member, *next) == Ordering::Equal);
            if is_overwritten {
                continue;
            }
            if !self.spare.is_empty() {
                self.spare.push(',');
            }
            self.spare.push_str(&text[member.key..*end]);
        }
        self.text.truncate(open.from);
        self.text.push_str(&self.spare);
    }

    fn push_quoted(&mut self, string: Quoted<'_>) {
        self.text.push('"');
        if !string.is_plain {
            self.push_escaped(string.bytes);
        } else if let Ok(valid) = std::str::from_utf8(string.bytes)
            && memchr(FIRST_OF_SEPARATORS, string.bytes).is_none()
        {
            self.text.push_str(valid);
        } else {
            escape_plain(&mut self.text, &string.text());
        }
        self.text.push('"');
    }

    /// A string with escapes; those that are in normal form already are copied with the text around them.
    fn push_escaped(&mut self, bytes: &[u8]) {
        let (mut from, mut at) = (0, 0);
        while let Some(step) = memchr(b'\\', &bytes[at..]) {
            at += step;
            if matches!(
                bytes.get(at + 1),
                Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't')
            ) {
                at += 2;
                continue;
            }
            self.push_run(&bytes[from..at]);
            let (character, end) = escape_at(bytes, at);
            escape_plain(&mut self.text, character.encode_utf8(&mut [0; 4]));
            (from, at) = (end, end);
        }
        self.push_run(&bytes[from..]);
    }

    /// Text whose escapes are in normal form.
    fn push_run(&mut self, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(valid) if memchr(FIRST_OF_SEPARATORS, bytes).is_none() => self.text.push_str(valid),
            _ => {
                let string = Quoted {
                    bytes,
                    is_plain: false,
                };
                escape_plain(&mut self.text, &string.text());
            }
        }
    }
}

/// Compares what two keys say; as they are written where that is the same.
fn compare(text: &str, a: Member, b: Member) -> Ordering {
    let inner = |member: Member| &text[member.key + 1..member.value - "\":".len()];
    if a.is_plain && b.is_plain {
        return inner(a).cmp(inner(b));
    }
    let said = |member: Member| {
        let quoted = Quoted {
            bytes: inner(member).as_bytes(),
            is_plain: member.is_plain,
        };
        quoted.text()
    };
    said(a).cmp(&said(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Numbers, next, next_normal, to_plain_text};
    use super::*;

    /// The text by way of a tree, or nothing where it is not JSON.
    fn by_tree(bytes: &[u8]) -> Option<(String, usize)> {
        let (value, length) = next(bytes, Numbers::Doubles).ok()??;
        Some((to_plain_text(&value), length))
    }

    fn directly(bytes: &[u8]) -> Option<(String, usize)> {
        let mut normal = Normal::default();
        let length = next_normal(bytes, &mut normal).ok()??;
        Some((normal.text().to_owned(), length))
    }

    /// Text that is often JSON, with all that has a normal form of its own.
    fn json_text() -> impl Strategy<Value = String> {
        let string = prop_oneof![
            "[a-c!\"<>&é\u{2028}\u{201c}/]{0,3}".prop_map(|text| {
                let mut quoted = String::new();
                super::super::quote(&mut quoted, &text);
                quoted
            }),
            r#""(a|b|\\n|\\/|\\u00e9|\\u0022|\\ud83d\\ude00|\\ud800|\\u0007|\\"){0,3}""#,
            "\"[a-d]{28,70}(\\\\u005c)?[a-d]{0,40}\"",
        ];
        let leaf = prop_oneof![
            string.clone(),
            "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
            "(null|true|false|nul)",
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            let member = (string.clone(), inner.clone());
            prop_oneof![
                prop::collection::vec(inner, 0..5)
                    .prop_map(|elements| format!("[{} ]", elements.join(", "))),
                prop::collection::vec(member, 0..6).prop_map(|members| {
                    let members: Vec<String> = members
                        .into_iter()
                        .map(|(key, value)| format!("{key}: {value}"))
                        .collect();
                    format!("{{ {}}}\n", members.join(" ,"))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_text_is_the_one_of_the_tree(text in json_text()) {
            prop_assert_eq!(directly(text.as_bytes()), by_tree(text.as_bytes()));
        }

        #[test]
        fn damaged_text_is_judged_alike(
            text in json_text(),
            damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = text.into_bytes();
            for (place, byte) in damages {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            prop_assert_eq!(directly(&bytes), by_tree(&bytes));
        }
    }

    #[test]
    fn keys_are_sorted_by_what_they_say() {
        for (input, expected) in [
            (
                r#"{"b":1,"a":2,"b":{"y":1,"x":[]}}"#,
                r#"{"a":2,"b":{"x":[],"y":1}}"#,
            ),
            (r#"{"a\"":1,"a!":2,"a":3}"#, r#"{"a":3,"a!":2,"a\"":1}"#),
            (r#"{"\u0061":1,"a":2}"#, r#"{"a":2}"#),
            (r#"{"\\":1,"[":2,"]":3}"#, r#"{"[":2,"\\":1,"]":3}"#),
        ] {
            assert_eq!(directly(input.as_bytes()).unwrap().0, expected, "{input}");
        }
    }
}
