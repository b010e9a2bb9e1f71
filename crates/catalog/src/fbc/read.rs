//! Streams of blobs (file-based catalog specification, 1.4).

use memchr::{memchr, memchr_iter, memmem};
use rayon::prelude::*;

use super::blob::{Blob, Unreadable};
use super::{Catalog, Shelf};
use crate::json::{self, Normal};
use crate::yaml::{self, Expansion};

/// Reads the blobs of one file: JSON objects one after the other, or YAML documents.
///
/// Documents of a YAML file, and objects of a large JSON file, are read on the threads of the pool that this runs on.
///
/// # Errors
/// [`Unreadable`] where the reference tool refuses the file, or where nesting or aliases exceed our bounds.
pub fn read(bytes: &[u8]) -> Result<Catalog, Unreadable> {
    read_with(bytes, Keep::default()).map(|(catalog, _)| catalog)
}

/// Like [`read`], with the texts of the blobs in normal form (file-based catalog specification, 1.2) one after the other, each
/// with a line break: what the digest of a serve cache covers of the file.
///
/// # Errors
/// Those of [`read`].
pub fn read_normal(bytes: &[u8]) -> Result<(Catalog, String), Unreadable> {
    let keep = Keep {
        texts: Texts::Kept,
        shelf: None,
    };
    read_with(bytes, keep)
}

/// What becomes of the normalised texts of blobs (specification, 1.2), over which the digests of caches are computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Texts {
    /// They are not made.
    #[default]
    Dropped,
    /// They come beside the catalog, in the order of the file, each with a line break.
    Kept,
}

/// What is kept of what is read, and where.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Keep<'s> {
    pub(super) texts: Texts,
    /// Takes what makes bundles large; without it, that stays in them.
    pub(super) shelf: Option<&'s Shelf>,
}

impl Keep<'_> {
    /// The blob of a text in normal form; `line` is where it begins.
    fn blob(self, text: &str, line: usize, expansion: &Expansion) -> Result<Blob, Unreadable> {
        let mut blob = Blob::from_text(text, line, expansion)?;
        if let Some(shelf) = self.shelf {
            shelf.take(&mut blob);
        }
        Ok(blob)
    }

    /// Adds the text of a blob if texts are kept.
    fn text(self, texts: &mut String, blob: &str) {
        if self.texts == Texts::Kept {
            texts.push_str(blob);
            texts.push('\n');
        }
    }
}

/// Like [`read`], with the texts of the blobs where they are kept.
pub(super) fn read_with(bytes: &[u8], keep: Keep<'_>) -> Result<(Catalog, String), Unreadable> {
    let start = bytes.iter().position(|byte| !is_blank(*byte));
    let expansion = Expansion::of_size(bytes.len());
    let read = if start.is_some_and(|start| bytes[start] == b'{') {
        if bytes.len() >= WORTH_SPLITTING
            && let Some(read) = json_objects(bytes, keep)
        {
            return Ok(read);
        }
        json_stream(bytes, keep, &expansion)
    } else {
        yaml_documents(bytes, 1, keep, &expansion)
    };
    // Which of the documents finds nothing left depends on the threads.
    if expansion.is_exceeded() {
        return Err(Unreadable::Aliases);
    }
    read
}

/// JSON files of so many bytes are read on several threads.
const WORTH_SPLITTING: usize = 1 << 20;

/// Reads a JSON stream whose objects are found by their brackets, on the threads of the pool; `None` where anything is
/// wrong with it, which [`json_stream`] then says.
fn json_objects(bytes: &[u8], keep: Keep<'_>) -> Option<(Catalog, String)> {
    // What follows a failure expands the aliases of manifests anew.
    let expansion = Expansion::of_size(bytes.len());
    let read = json::raw::split_objects(bytes)?.into_par_iter().map_init(
        Normal::default,
        |normal, object| {
            normal.clear();
            let length = json::next_normal(object, normal).ok()??;
            let mut text = String::new();
            keep.text(&mut text, normal.text());
            let blob = keep.blob(normal.text(), 1, &expansion).ok()?;
            (length == object.len()).then_some((blob, text))
        },
    );
    let read: Vec<(Blob, String)> = read.collect::<Option<_>>()?;
    (!expansion.is_exceeded()).then(|| together(read))
}

/// A catalog of blobs, and their texts one after the other.
fn together(blobs: Vec<(Blob, String)>) -> (Catalog, String) {
    let (mut catalog, mut text) = (Catalog::default(), String::new());
    for (blob, blob_text) in blobs {
        catalog.push(blob);
        text.push_str(&blob_text);
    }
    (catalog, text)
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_blank(**byte)).count()
}

fn json_stream(
    bytes: &[u8],
    keep: Keep<'_>,
    expansion: &Expansion,
) -> Result<(Catalog, String), Unreadable> {
    let (mut catalog, mut text) = (Catalog::default(), String::new());
    let mut normal = Normal::default();
    let (mut at, mut line) = (0, 1);
    for read in 0_usize.. {
        normal.clear();
        match json::next_normal(&bytes[at..], &mut normal) {
            Ok(None) => break,
            Ok(Some(length)) => {
                let blanks = blanks(&bytes[at..]);
                let begins = line + line_breaks(&bytes[at..at + blanks]);
                keep.text(&mut text, normal.text());
                catalog.push(keep.blob(normal.text(), begins, expansion)?);
                line += line_breaks(&bytes[at..at + length]);
                at += length;
            }
            Err(source) => {
                // The reference tool tries YAML as long as it has read no second blob.
                let rest = behind_line_of_blanks(&bytes[at..]);
                let skipped = bytes.len() - at - rest.len();
                let begins = line + line_breaks(&bytes[at..at + skipped]);
                if read < 2
                    && let Ok((rest, rest_text)) = yaml_documents(rest, begins, keep, expansion)
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

fn line_breaks(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes).count()
}

/// What follows the blanks up to and with the first line break.
fn behind_line_of_blanks(bytes: &[u8]) -> &[u8] {
    let blanks = blanks(bytes);
    let end = match bytes[..blanks].iter().position(|byte| *byte == b'\n') {
        Some(line_break) => line_break + 1,
        None => blanks,
    };
    &bytes[end..]
}

fn yaml_documents(
    bytes: &[u8],
    first_line: usize,
    keep: Keep<'_>,
    expansion: &Expansion,
) -> Result<(Catalog, String), Unreadable> {
    let documents = split(bytes, first_line)?;
    let blobs: Vec<Result<(Blob, String), Unreadable>> = documents
        .into_par_iter()
        .map_init(Normal::default, |normal, (line, document)| {
            yaml::normal(document, normal, expansion)
                .map_err(|source| Unreadable::Yaml { line, source })?;
            let mut text = String::new();
            keep.text(&mut text, normal.text());
            Ok((keep.blob(normal.text(), line, expansion)?, text))
        })
        .collect();
    // Of several errors the first one counts, whichever thread found one first.
    blobs.into_iter().collect::<Result<_, _>>().map(together)
}

/// The documents of a YAML text with the lines they begin on. Only lines count: a block of text is not protected.
fn split(bytes: &[u8], first_line: usize) -> Result<Vec<(usize, &[u8])>, Unreadable> {
    const SEPARATOR: &str = "---";
    let mut documents = Vec::new();
    let (mut from, mut from_line) = (0, first_line);
    let (mut counted, mut line) = (0, first_line);
    let at_start = bytes.starts_with(SEPARATOR.as_bytes()).then_some(0);
    let at_lines = memmem::find_iter(bytes, "\n---").map(|line_break| line_break + 1);
    for at in at_start.into_iter().chain(at_lines) {
        line += line_breaks(&bytes[counted..at]);
        counted = at;
        let end = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length + 1);
        let rest = bytes[at + SEPARATOR.len()..end].trim_ascii();
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
    if bytes.len() > from {
        documents.push((from_line, &bytes[from..]));
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Keep<'_> = Keep {
        texts: Texts::Kept,
        shelf: None,
    };

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
    fn streams_are_read_in_parallel_as_in_a_row() {
        for input in [
            "{\"schema\":\"a\"} {\"schema\":\"b\",\"x\":\"}{\\\"\"}\n\n{\"schema\":\"c\",\"x\":{\"y\":[{}]}}\n",
            "{\"schema\":\"olm.package\",\"name\":\"p\"}",
            "",
        ] {
            let in_a_row =
                json_stream(input.as_bytes(), KEEP, &Expansion::of_size(input.len())).unwrap();
            assert_eq!(
                json_objects(input.as_bytes(), KEEP),
                Some(in_a_row),
                "{input}"
            );
        }
        for input in [
            "{\"schema\":\"a\"}]",
            "{\"schema\":\"a\"},{\"schema\":\"b\"}",
            "{\"schema\":\"a\"}\n---\nschema: b\n",
            "{\"schema\":\"a\"}}{",
            "{\"schema\":\"a}",
            "{\"schema\":\"a\"",
            "{\"schema\":\"a\"}\u{c}",
            "{\"schema\":3}",
            "{schema: a}",
            "1 {\"schema\":\"a\"}",
        ] {
            assert_eq!(json_objects(input.as_bytes(), KEEP), None, "{input}");
        }
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
