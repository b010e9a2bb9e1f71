//! JSON text taken apart without changing how its parts are written.

use memchr::memchr3;

use super::MAX_DEPTH;
use super::fields::{Fields, Part};
use super::indent::string_end;
use super::parse::{JsonError, Reader};
use super::quoted::push_lossy;
use super::write::unicode_escape;

/// The values of a stream, each as it is written.
///
/// # Errors
/// [`JsonError`] where the text is not JSON; its offset is counted from the end of the value before.
pub fn values(mut stream: &[u8]) -> Result<Vec<&[u8]>, JsonError> {
    let mut values = Vec::new();
    loop {
        let start = stream
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        let Some(start) = start else {
            return Ok(values);
        };
        let value = Reader::new(&stream[start..]).raw()?;
        values.push(value);
        stream = &stream[start + value.len()..];
    }
}

/// The values that follow each other in a text, with the members of those that are objects: nobody has to walk through them again.
///
/// # Errors
/// [`JsonError`] where the text is not JSON.
pub fn parts(mut stream: &str) -> Result<Vec<(Part<'_>, Option<Fields<'_>>)>, JsonError> {
    let mut parts = Vec::new();
    loop {
        stream = stream.trim_start_matches([' ', '\t', '\r', '\n']);
        if stream.is_empty() {
            return Ok(parts);
        }
        let (part, fields) = Part::first(stream)?;
        stream = &stream[part.text().len()..];
        parts.push((part, fields));
    }
}

/// The objects of a stream, judged by brackets and quotation marks alone, each with the blanks and whatever else is in
/// front of it; `None` where brackets do not match, are nested too deeply or anything follows the last one.
pub(crate) fn split_objects(stream: &[u8]) -> Option<Vec<&[u8]>> {
    let mut objects = Vec::new();
    let (mut from, mut depth, mut at) = (0, 0_usize, 0);
    while let Some(step) = memchr3(b'"', b'{', b'}', &stream[at..]) {
        at += step;
        let byte = stream[at];
        at += 1;
        match byte {
            b'"' => at = string_end(stream, at),
            b'{' if depth == MAX_DEPTH => return None,
            b'{' => depth += 1,
            _ => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    objects.push(&stream[from..at]);
                    from = at;
                }
            }
        }
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    (depth == 0 && stream[from..].iter().all(is_blank)).then_some(objects)
}

/// The first JSON value of a text, as it is written.
///
/// # Errors
/// [`JsonError`] where the text is not JSON.
pub fn first(text: &[u8]) -> Result<&[u8], JsonError> {
    Reader::new(text).raw()
}

/// The elements of a JSON array, each as it is written.
///
/// # Errors
/// [`JsonError`] where the text is not JSON, or not an array.
pub fn elements(array: &[u8]) -> Result<Vec<&[u8]>, JsonError> {
    let mut elements = Vec::new();
    Reader::new(array).array(|reader| {
        elements.push(reader.raw()?);
        Ok(())
    })?;
    Ok(elements)
}

/// The members of a JSON object in their order, each value as it is written.
///
/// # Errors
/// [`JsonError`] where the text is not JSON, or not an object.
pub fn members(object: &[u8]) -> Result<Vec<(String, &[u8])>, JsonError> {
    let mut members = Vec::new();
    each_member(object, |key, value| members.push((key.to_owned(), value)))?;
    Ok(members)
}

/// Hands over the members of a JSON object as [`members`] gives them. Gives the length of the object's text.
///
/// # Errors
/// Those of [`members`].
pub(crate) fn each_member<'a>(
    object: &'a [u8],
    mut each: impl FnMut(&str, &'a [u8]),
) -> Result<usize, JsonError> {
    let mut reader = Reader::new(object);
    reader.object(|reader, key| {
        each(&key.text(), reader.raw()?);
        Ok(())
    })?;
    Ok(reader.at)
}

/// The text of a JSON value without white space between its parts; key order and the spelling of numbers stay.
///
/// The value must be JSON (as the other functions here return it); other bytes come out unchanged where they can.
pub fn compact(value: &[u8]) -> String {
    squeeze(value, false)
}

/// Like [`compact`], with `<`, `>`, `&`, U+2028 and U+2029 escaped.
pub fn compact_escaped(value: &[u8]) -> String {
    squeeze(value, true)
}

fn squeeze(value: &[u8], escape: bool) -> String {
    let mut text = String::new();
    push_lossy(&mut text, value);
    let mut squeezed = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(character) = rest.chars().next() {
        let mut end = character.len_utf8();
        if character == '"' {
            end = string_end(rest.as_bytes(), end);
            if escape {
                escape_html(&mut squeezed, &rest[..end]);
            } else {
                squeezed.push_str(&rest[..end]);
            }
        } else if !matches!(character, ' ' | '\t' | '\r' | '\n') {
            squeezed.push(character);
        }
        rest = &rest[end..];
    }
    squeezed
}

/// Appends JSON text with `<`, `>`, `&`, U+2028 and U+2029 escaped.
fn escape_html(escaped: &mut String, text: &str) {
    let (mut from, marks) = (0, ['<', '>', '&', '\u{2028}', '\u{2029}']);
    for (at, mark) in text.match_indices(marks) {
        escaped.push_str(&text[from..at]);
        escaped.extend(mark.chars().map(unicode_escape));
        from = at + mark.len();
    }
    escaped.push_str(&text[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_given_as_written() {
        let list = b" [ 1.50, {\"b\": 1,  \"a\" : [ ] } , \"x]\" ] rest";
        let parts = elements(list).unwrap();
        assert_eq!(
            parts,
            [&b"1.50"[..], b"{\"b\": 1,  \"a\" : [ ] }", b"\"x]\""]
        );
        let object = members(parts[1]).unwrap();
        assert_eq!(
            object,
            [("b".to_owned(), &b"1"[..]), ("a".to_owned(), b"[ ]")]
        );
        assert_eq!(first(b" [1] {").unwrap(), b"[1]");
        assert_eq!(values(b" {} [1]\n2 ").unwrap(), [&b"{}"[..], b"[1]", b"2"]);
        assert!(values(b"{} }").is_err());
        assert!(elements(b"{}").is_err() && members(b"[]").is_err() && elements(b"[1").is_err());
    }

    #[test]
    fn values_come_with_their_members() {
        let read = parts(" {\"a\": [2]} [1]\n2 ").unwrap();
        let texts: Vec<&str> = read.iter().map(|(part, _)| part.text()).collect();
        assert_eq!(texts, ["{\"a\": [2]}", "[1]", "2"]);
        let fields = read[0].1.as_ref().unwrap();
        assert_eq!(fields.get("a").map(Part::text), Some("[2]"));
        assert!(read[1].1.is_none() && read[2].1.is_none());
        assert!(parts("").unwrap().is_empty());
        assert!(parts("{} }").is_err() && parts("{\"a\": }").is_err());
    }

    #[test]
    fn compacting_keeps_order_spelling_and_blanks_in_strings() {
        assert_eq!(
            compact(b"{ \"b\" : 1.50 , \"a\" : \"x \\\" <y\" }"),
            r#"{"b":1.50,"a":"x \" <y"}"#
        );
        assert_eq!(compact_escaped(b"[ \"<\" ]"), r#"["\u003c"]"#);
    }
}
