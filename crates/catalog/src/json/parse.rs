//! A JSON reader with the habits of Go's: invalid UTF-8 and lone surrogates become U+FFFD, nothing else is forgiven.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::normal::Normal;
use super::quoted::Quoted;
use super::scan::run_until;
use super::{MAX_DEPTH, Number, Value};

/// Why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid JSON at byte {offset}: {reason}")]
pub struct JsonError {
    /// Where the reader stopped, in bytes from the beginning.
    pub offset: usize,
    /// What was wrong there.
    pub reason: &'static str,
}

/// Reads the first JSON value of a text; what follows it is ignored, as the reference tools do.
///
/// # Errors
/// [`JsonError`] where the text is not JSON, nests deeper than [`MAX_DEPTH`] or holds a number beyond double precision.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    Reader::new(bytes).value()
}

/// How the numbers of a text are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Whole numbers as signed 64 bit integers where they fit, all others as doubles.
    Settled,
    /// All as doubles, as catalogs are read (file-based catalog specification, 1.2).
    Doubles,
    /// Whole numbers as signed or unsigned 64 bit integers where they fit, as YAML would hold the same text.
    Wide,
}

/// Reads the next JSON value of a stream, and says how many bytes were read; `None` if only blanks are left.
pub(crate) fn next(bytes: &[u8], numbers: Numbers) -> Result<Option<(Value, usize)>, JsonError> {
    let mut reader = Reader::new(bytes);
    reader.numbers = numbers;
    reader.skip_blanks();
    if reader.at == bytes.len() {
        return Ok(None);
    }
    let value = reader.value()?;
    Ok(Some((value, reader.at)))
}

/// Like [`next`], and writes the value in the normal form of catalogs.
pub(crate) fn next_normal(bytes: &[u8], to: &mut Normal) -> Result<Option<usize>, JsonError> {
    let mut reader = Reader::new(bytes);
    reader.numbers = Numbers::Doubles;
    reader.skip_blanks();
    if reader.at == bytes.len() {
        return Ok(None);
    }
    reader.normal(to)?;
    Ok(Some(reader.at))
}

/// Walks over JSON text; also used to find where values begin and end without building them.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    depth: usize,
    numbers: Numbers,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            depth: 0,
            numbers: Numbers::Settled,
        }
    }

    pub(crate) fn error<T>(&self, reason: &'static str) -> Result<T, JsonError> {
        Err(JsonError {
            offset: self.at,
            reason,
        })
    }

    pub(super) fn skip_blanks(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The byte that comes next after blanks.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        self.skip_blanks();
        self.bytes.get(self.at).copied()
    }

    /// Steps over `byte` if it comes next after blanks.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self) -> Result<Value, JsonError> {
        self.skip_blanks();
        match self.bytes.get(self.at) {
            Some(b'{') => {
                let mut members = BTreeMap::new();
                self.object(|reader, key| {
                    let value = reader.value()?;
                    members.insert(key.text().into_owned(), value);
                    Ok(())
                })?;
                Ok(Value::Object(members))
            }
            Some(b'[') => {
                let mut elements = Vec::new();
                self.array(|reader| {
                    elements.push(reader.value()?);
                    Ok(())
                })?;
                Ok(Value::Array(elements))
            }
            Some(b'"') => Ok(Value::String(self.text()?.into_owned())),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.error("a value was expected"),
            None => self.error("the text ends where a value was expected"),
        }
    }

    /// Steps over a value and gives its text as written.
    pub(crate) fn raw(&mut self) -> Result<&'a [u8], JsonError> {
        self.raw_range().map(|range| &self.bytes[range])
    }

    /// Steps over a value and says where it is.
    pub(super) fn raw_range(&mut self) -> Result<Range<usize>, JsonError> {
        self.skip_blanks();
        let from = self.at;
        self.skip()?;
        Ok(from..self.at)
    }

    /// What the string that comes next says.
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.quoted().map(Quoted::text)
    }

    fn skip(&mut self) -> Result<(), JsonError> {
        self.skip_blanks();
        match self.bytes.get(self.at) {
            Some(b'{') => self.object(|reader, _| reader.skip()),
            Some(b'[') => self.array(Self::skip),
            Some(b'"') => self.quoted().map(drop),
            _ => self.value().map(drop),
        }
    }

    /// Reads a value and writes it in the normal form of catalogs.
    pub(super) fn normal(&mut self, to: &mut Normal) -> Result<(), JsonError> {
        self.skip_blanks();
        let from = self.at;
        match self.bytes.get(self.at) {
            Some(b'{') => {
                to.begin('{');
                self.object(|reader, key| {
                    to.quoted_key(key);
                    reader.normal(to)
                })?;
                to.end();
            }
            Some(b'[') => {
                to.begin('[');
                self.array(|reader| reader.normal(to))?;
                to.end();
            }
            Some(b'"') => to.quoted(self.quoted()?),
            _ => match self.value()? {
                Value::Number(number) => to.number(number, &self.bytes[from..self.at]),
                other => to.word(&other),
            },
        }
        Ok(())
    }

    fn descend(&mut self) -> Result<(), JsonError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.error("the nesting is too deep")
        } else {
            Ok(())
        }
    }

    /// Reads an object, which must come next; `member` is called behind each colon and must read the value.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Quoted<'a>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        if !self.take(b'{') {
            return self.error("an object was expected");
        }
        self.descend()?;
        if !self.take(b'}') {
            loop {
                self.skip_blanks();
                if self.bytes.get(self.at) != Some(&b'"') {
                    return self.error("a key in quotes was expected");
                }
                let key = self.quoted()?;
                if !self.take(b':') {
                    return self.error("a colon was expected");
                }
                member(self, key)?;
                if self.take(b'}') {
                    break;
                }
                if !self.take(b',') {
                    return self.error("a comma or the end of the object was expected");
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads an array, which must come next; `element` is called where each element begins and must read it.
    pub(crate) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        if !self.take(b'[') {
            return self.error("an array was expected");
        }
        self.descend()?;
        if !self.take(b']') {
            loop {
                element(self)?;
                if self.take(b']') {
                    break;
                }
                if !self.take(b',') {
                    return self.error("a comma or the end of the array was expected");
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            self.error("a value was expected")
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let from = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == from {
            self.error("a digit was expected")
        } else {
            Ok(())
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let from = self.at;
        self.at += usize::from(self.bytes[self.at] == b'-');
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let mut whole = true;
        if self.bytes.get(self.at) == Some(&b'.') {
            whole = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        let text =
            std::str::from_utf8(&self.bytes[from..self.at]).expect("only ASCII was accepted");
        if whole && self.numbers != Numbers::Doubles {
            if let Ok(int) = text.parse() {
                return Ok(Value::Number(Number::Int(int)));
            }
            if self.numbers == Numbers::Wide
                && let Ok(int) = text.parse()
            {
                return Ok(Value::Number(Number::Unsigned(int)));
            }
        }
        match text.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Value::Number(Number::Float(float))),
            _ => self.error("the number is too large"),
        }
    }

    /// Steps over a string, whose opening quotation mark comes next, and checks its escapes.
    fn quoted(&mut self) -> Result<Quoted<'a>, JsonError> {
        self.at += 1;
        let (from, mut is_plain) = (self.at, true);
        loop {
            self.at += run_until(&self.bytes[self.at..], |byte| {
                [byte == b'"', byte == b'\\', byte < b' ']
            });
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    let bytes = &self.bytes[from..self.at];
                    self.at += 1;
                    return Ok(Quoted { bytes, is_plain });
                }
                Some(b'\\') => {
                    is_plain = false;
                    self.at += 1;
                    self.escaped()?;
                }
                Some(_) => return self.error("a control character must be escaped"),
                None => return self.error("the text ends within a string"),
            }
        }
    }

    /// The character of the escape whose backslash was just read.
    pub(super) fn escaped(&mut self) -> Result<char, JsonError> {
        let character = match self.bytes.get(self.at) {
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(&byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'u') => {
                self.at += 1;
                let Some(first) = self.hex() else {
                    return self.error("four hexadecimal digits were expected");
                };
                return Ok(self.surrogate(first));
            }
            _ => return self.error("unknown escape"),
        };
        self.at += 1;
        Ok(character)
    }

    fn surrogate(&mut self, first: u32) -> char {
        if (0xd800..0xdc00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            let back = self.at;
            self.at += 2;
            if let Some(second) = self
                .hex()
                .filter(|second| (0xdc00..0xe000).contains(second))
            {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
            self.at = back;
        }
        char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        let mut code = 0;
        for digit in digits {
            code = code * 16 + char::from(*digit).to_digit(16)?;
        }
        self.at += 4;
        Some(code)
    }
}

#[cfg(test)]
mod tests {
    use super::super::to_text;
    use super::*;

    #[test]
    fn canonical_text_is_the_one_of_the_reference_tools() {
        for (input, expected) in [
            (
                r#"{"b":1,"a":{"z":null,"y":[]}}"#,
                r#"{"a":{"y":[],"z":null},"b":1}"#,
            ),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            ("-0", "0"),
            ("-0.0", "-0"),
            ("1.0", "1"),
            ("1e3", "1000"),
            ("12345678901234567890", "12345678901234567000"),
            ("9223372036854775807", "9223372036854775807"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("1e21", "1e+21"),
            ("1.5e300", "1.5e+300"),
            (
                r#""<a>&\u2028\u0001\b\/""#,
                r#""\u003ca\u003e\u0026\u2028\u0001\b/""#,
            ),
            (r#""\ud83d\ude00\ud800x""#, "\"\u{1f600}\u{fffd}x\""),
            ("\"\u{7f}\u{e9}\"", "\"\u{7f}\u{e9}\""),
            ("[1] trailing", "[1]"),
        ] {
            assert_eq!(
                parse(input.as_bytes())
                    .map(|value| to_text(&value))
                    .as_deref(),
                Ok(expected),
                "{input}"
            );
        }
        assert_eq!(
            parse(b"\"\xe2\x82\""),
            Ok(Value::String("\u{fffd}\u{fffd}".into()))
        );
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for input in [
            "", "{", "[1,]", "{a:1}", "01x", "1e999", "\"\n\"", "tru", "\"\\x\"", "-", "1.",
        ] {
            let complete = parse(input.as_bytes());
            assert!(
                complete.is_err() || input == "01x",
                "{input} gave {complete:?}"
            );
        }
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }
}
