//! The labels of a bundle image: its annotations, read line by line as the program did that made the recorded images.
//!
//! No YAML library would do: the labels are part of the image's digest, and some bundles have annotations that are no YAML.

use std::collections::BTreeMap;

/// The names and texts below `annotations` in a simple YAML file.
pub(super) fn labels(annotations: &str) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    let mut is_inside = false;
    let mut indent = None;
    let mut last: Option<String> = None;
    let text = annotations.strip_prefix('\u{feff}').unwrap_or(annotations);
    for line in text.replace("\r\n", "\n").split('\n') {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') || content == "---" {
            continue;
        }
        let depth = line.len() - line.trim_start_matches(' ').len();
        if depth == 0 {
            is_inside = is_annotations(line);
            indent = None;
        } else if is_inside {
            let indent = *indent.get_or_insert(depth);
            if depth == indent {
                if let Some((name, value)) = pair(content) {
                    let name = scalar(name);
                    labels.insert(name.clone(), scalar(value));
                    last = Some(name);
                }
            } else if depth > indent
                && let Some(folded) = last.as_ref().and_then(|name| labels.get_mut(name))
            {
                let joined = format!("{folded} {}", scalar(content));
                joined.trim().clone_into(folded);
            }
        }
    }
    labels
}

/// Whether a line at the left margin begins the annotations.
fn is_annotations(line: &str) -> bool {
    let unquoted = |line: &str| -> Option<String> {
        let (name, rest) = line.split_once(':')?;
        let name = name.trim_end();
        let name = name.strip_prefix(['"', '\'']).unwrap_or(name);
        let name = name.strip_suffix(['"', '\'']).unwrap_or(name);
        let rest = rest.trim_start();
        (rest.is_empty() || rest.starts_with('#')).then(|| name.to_owned())
    };
    unquoted(line).as_deref() == Some("annotations")
}

/// Name and value of a line, the name still quoted if it is.
fn pair(line: &str) -> Option<(&str, &str)> {
    let first = line.chars().next().filter(|first| *first != ':')?;
    let quoted = || {
        let name = 1 + line[1..].find(first)? + 1;
        split(line, name)
    };
    if ['"', '\''].contains(&first)
        && let Some(pair) = quoted()
    {
        return Some(pair);
    }
    split(line, first.len_utf8() + line[first.len_utf8()..].find(':')?)
}

/// Splits a line at the colon that follows its first `name` bytes.
fn split(line: &str, name: usize) -> Option<(&str, &str)> {
    let value = line[name..].trim_start().strip_prefix(':')?;
    let is_value = value.is_empty() || value.starts_with(char::is_whitespace);
    is_value.then(|| (line[..name].trim_end(), value.trim_start()))
}

/// The text of a scalar on one line: plain, or in quotes.
fn scalar(text: &str) -> String {
    let text = text.trim();
    if let Some(quoted) = text.strip_prefix('"') {
        return double_quoted(quoted);
    }
    if let Some(quoted) = text.strip_prefix('\'') {
        return single_quoted(quoted);
    }
    // A comment begins with white space.
    let comment = text
        .match_indices('#')
        .find(|(at, _)| text[..*at].ends_with(char::is_whitespace));
    let end = comment.map_or(text.len(), |(at, _)| at);
    text[..end].trim().to_owned()
}

fn double_quoted(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match next {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some('0') => out.push('\0'),
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let code = u32::from_str_radix(&digits, 16).unwrap_or(0xfffd);
                    out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

fn single_quoted(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        if next == '\'' && chars.next_if_eq(&'\'').is_none() {
            break;
        }
        out.push(next);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_become_labels() {
        let text = "\u{feff}---\n# comment\nannotations: # all\r\n  a.b/c: plain text # comment\n  \"quoted: \" : \"x\\n\\u00e9\"\n  'single': 'it''s'\n  long: one\n    two\n  empty:\nother:\n  x: y\n";
        let expected = [
            ("a.b/c", "plain text"),
            ("empty", ""),
            ("long", "one two"),
            ("quoted: ", "x\né"),
            ("single", "it's"),
        ];
        let labels = labels(text);
        let found: Vec<(&str, &str)> = labels
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_annotation_is_no_label() {
        for text in [
            "",
            "annotations: {a: b}\n",
            "other:\n  a: b\n",
            "annotations:\n  - a\n",
            "annotations:\n  \"x\n",
        ] {
            assert!(labels(text).is_empty(), "{text}");
        }
    }
}
