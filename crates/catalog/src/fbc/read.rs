//! Streams of blobs (file-based catalog specification, 1.4).

use rayon::prelude::*;

use super::Catalog;
use super::blob::{Blob, Unreadable};
use crate::json::{self, Numbers};
use crate::yaml;

/// Reads the blobs of one file: JSON objects one after the other, or YAML documents.
///
/// Documents of a YAML file are read on the threads of the pool that this runs on.
///
/// # Errors
/// [`Unreadable`] where the reference tool refuses the file, or where nesting or aliases exceed our bounds.
pub fn read(bytes: &[u8]) -> Result<Catalog, Unreadable> {
    read_with(bytes, Texts::Dropped).map(|(catalog, _)| catalog)
}

/// What becomes of the normalised texts of blobs (specification, 1.2), over which the digests of caches are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    /// They are not made.
    Dropped,
    /// They come beside the catalog, in the order of the file, each with a line break.
    Kept,
}

/// Like [`read`], with the texts of the blobs where they are kept.
pub(super) fn read_with(bytes: &[u8], texts: Texts) -> Result<(Catalog, String), Unreadable> {
    let start = bytes.iter().position(|byte| !is_blank(*byte));
    if start.is_some_and(|start| bytes[start] == b'{') {
        json_stream(bytes, texts)
    } else {
        yaml_documents(bytes, 1, texts)
    }
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn json_stream(bytes: &[u8], texts: Texts) -> Result<(Catalog, String), Unreadable> {
    let (mut catalog, mut text) = (Catalog::default(), String::new());
    let (mut at, mut line) = (0, 1);
    for read in 0_usize.. {
        match json::next(&bytes[at..], Numbers::Doubles) {
            Ok(None) => break,
            Ok(Some((value, length))) => {
                let blanks = bytes[at..]
                    .iter()
                    .take_while(|byte| is_blank(**byte))
                    .count();
                let begins = line + line_breaks(&bytes[at..at + blanks]);
                take(&mut text, &value, texts);
                catalog.push(Blob::from_value(value, begins)?);
                line += line_breaks(&bytes[at..at + length]);
                at += length;
            }
            Err(source) => {
                // The reference tool tries YAML as long as it has read no second blob.
                let rest = behind_line_of_blanks(&bytes[at..]);
                let skipped = bytes.len() - at - rest.len();
                if read < 2
                    && let Ok((rest, rest_text)) =
                        yaml_documents(rest, line + line_breaks(&bytes[at..at + skipped]), texts)
                {
                    catalog.append(rest);
                    text.push_str(&rest_text);
                    break;
                }
                let offset = (at + source.offset).min(bytes.len());
                return Err(Unreadable::Json {
                    line: line + line_breaks(&bytes[at..offset]),
                    source,
                });
            }
        }
    }
    Ok((catalog, text))
}

/// Keeps the text of a blob if texts are kept.
fn take(text: &mut String, value: &json::Value, texts: Texts) {
    if texts == Texts::Kept {
        text.push_str(&json::to_plain_text(value));
        text.push('\n');
    }
}

fn line_breaks(bytes: &[u8]) -> usize {
    bytes.iter().map(|byte| usize::from(*byte == b'\n')).sum()
}

/// What follows the blanks up to and with the first line break.
fn behind_line_of_blanks(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|byte| is_blank(**byte)).count();
    let end = match bytes[..blanks].iter().position(|byte| *byte == b'\n') {
        Some(line_break) => line_break + 1,
        None => blanks,
    };
    &bytes[end..]
}

fn yaml_documents(
    bytes: &[u8],
    first_line: usize,
    texts: Texts,
) -> Result<(Catalog, String), Unreadable> {
    let documents = split(bytes, first_line)?;
    let blobs: Vec<Result<(Blob, String), Unreadable>> = documents
        .into_par_iter()
        .map(|(line, document)| {
            let mut value =
                yaml::parse(document).map_err(|source| Unreadable::Yaml { line, source })?;
            value.make_doubles();
            let mut text = String::new();
            take(&mut text, &value, texts);
            Ok((Blob::from_value(value, line)?, text))
        })
        .collect();
    let (mut catalog, mut text) = (Catalog::default(), String::new());
    for blob in blobs {
        let (blob, blob_text) = blob?;
        catalog.push(blob);
        text.push_str(&blob_text);
    }
    Ok((catalog, text))
}

/// The documents of a YAML text with the lines they begin on. Only lines count: a block of text is not protected.
fn split(bytes: &[u8], first_line: usize) -> Result<Vec<(usize, &[u8])>, Unreadable> {
    let mut documents = Vec::new();
    let (mut from, mut from_line) = (0, first_line);
    let mut at = 0;
    for (line, text) in (first_line..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let end = at + text.len();
        if let Some(rest) = text.strip_prefix(b"---") {
            let rest = rest.trim_ascii();
            if !matches!(rest.first(), None | Some(b'#')) {
                let rest = String::from_utf8_lossy(rest).into_owned();
                return Err(Unreadable::Separator { line, rest });
            }
            // A separator at the very beginning of a document belongs to it.
            if at > from {
                documents.push((from_line, &bytes[from..at]));
                (from, from_line) = (end, line + 1);
            }
        }
        at = end;
    }
    if at > from {
        documents.push((from_line, &bytes[from..at]));
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schemas that are read, or a part of the error.
    fn check(input: &str, expected: Result<&[&str], &str>) {
        match (read(input.as_bytes()), expected) {
            (Ok(catalog), Ok(schemas)) => {
                let read: Vec<&str> = catalog
                    .others
                    .iter()
                    .map(|other| other.schema.as_str())
                    .collect();
                assert_eq!(read, schemas, "{input:?}");
            }
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{input:?}: {error}");
            }
            (read, _) => panic!("{input:?} gave {read:?}"),
        }
    }

    #[test]
    fn files_are_json_or_yaml_by_their_content() {
        check("", Ok(&[]));
        check("{\"schema\":\"a\"} {\"schema\":\"b\"}\n", Ok(&["a", "b"]));
        check("schema: a\n---\nschema: b\n", Ok(&["a", "b"]));
        check("{schema: a, package: p}", Ok(&["a"]));
        check("{\"schema\":\"a\"}\n---\nschema: b\n", Ok(&["a", "b"]));
        check(
            "{\"schema\":\"a\"}{\"schema\":\"b\"}\n---\nschema: c\n",
            Err("JSON"),
        );
        check("[1]", Err("a list"));
        check("# Readme\n\nprose\n", Err("a string"));
    }

    #[test]
    fn documents_without_content_are_blobs_without_schema() {
        for input in [
            "# c\n---\nschema: a\n",
            "\n---\nschema: a\n",
            "---\n---\n",
            "schema: a\n---\n\n",
            "schema: a\n---\n# c\n",
        ] {
            check(input, Err("missing its root field `schema`"));
        }
        check("---\nschema: a\n", Ok(&["a"]));
        check("schema: a\n---\n", Ok(&["a"]));
        check("--- # c\nschema: a", Ok(&["a"]));
        check("# c\r\nschema: a\r\n---\r\nschema: b\r\n", Ok(&["a", "b"]));
        check("schema: a\n...\n---\nschema: b\n", Ok(&["a", "b"]));
    }

    #[test]
    fn separators_stand_alone_even_in_blocks() {
        check("--- foo\n", Err("`---foo`"));
        check("schema: a\n----\n", Err("separator"));
        check("schema: a\nb: |\n---\n  x\n", Err("a string"));
    }

    #[test]
    fn identities_are_texts_and_keys_are_unique_in_any_case() {
        check(
            "schema: a\nSchema: b\n",
            Err("duplicate keys for key `schema`: Schema, schema"),
        );
        check(
            "schema: 3\n",
            Err("expected the value for key `schema` to be a string, got a number: 3"),
        );
        check("schema: a\nname:\n", Err("key `name`"));
        check("Schema: a\n", Ok(&["a"]));
        check("schema: a\nx: {y: 1, Y: 2}\n", Ok(&["a"]));
    }

    #[test]
    fn numbers_become_doubles() {
        let catalog = read(br#"{"schema":"x","n":[1.0,1e2,12345678901234567890,9007199254740993,-0.0,-0,1e-7,"<\u2028"]}"#);
        assert_eq!(
            catalog.unwrap().others[0].blob,
            r#"{"n":[1,100,12345678901234567000,9007199254740992,-0,-0,1e-7,"<\u2028"],"schema":"x"}"#
        );
    }
}
