//! `WWW-Authenticate`: which proof of identity a registry asks for (RFC 9110 section 11.6.1).

use std::collections::BTreeMap;

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// One challenge: a scheme and its parameters, names in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) scheme: String,
    pub(crate) parameters: BTreeMap<String, String>,
}

/// All challenges of a response, in order.
pub(crate) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers.get_all(WWW_AUTHENTICATE);
    values
        .iter()
        .flat_map(|value| parse(&String::from_utf8_lossy(value.as_bytes())))
        .collect()
}

/// Reads what can be read: a registry that writes nonsense behind a usable challenge is still usable.
fn parse(text: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = token(rest);
        if word.is_empty() {
            // Skip one character that fits nowhere, so that this ends.
            let mut characters = rest.chars();
            if characters.next().is_none() {
                return found;
            }
            rest = characters.as_str();
            continue;
        }
        let spaced = after.trim_start_matches([' ', '\t']);
        if let Some((value, after)) = parameter_value(spaced)
            && let Some(challenge) = found.last_mut()
        {
            challenge
                .parameters
                .entry(word.to_ascii_lowercase())
                .or_insert(value);
            rest = after;
        } else {
            found.push(Challenge {
                scheme: word.to_ascii_lowercase(),
                parameters: BTreeMap::new(),
            });
            // The padding of a token68 (`Negotiate YWJj==`) belongs to nothing we read.
            rest = spaced.trim_start_matches('=');
        }
    }
}

/// The value behind `=`, if `text` starts with one. `==` and a lone `=` are padding, not a value.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('=')?.trim_start_matches([' ', '\t']);
    if let Some(quoted) = text.strip_prefix('"') {
        return Some(quoted_string(quoted));
    }
    let (value, rest) = token68(text);
    (!value.is_empty()).then(|| (value.to_owned(), rest))
}

/// The text up to the closing quote; `\x` stands for `x`. An unclosed quote ends with the header.
fn quoted_string(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    (value, characters.as_str())
}

fn token(text: &str) -> (&str, &str) {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(c);
    text.split_at(text.find(|c| !is_token(c)).unwrap_or(text.len()))
}

/// An unquoted value; some registries leave the quotes off URLs, so this is wider than a token.
fn token68(text: &str) -> (&str, &str) {
    let is_end = |c: char| matches!(c, ',' | ' ' | '\t' | '"' | '=');
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &[(&str, &str)])]) {
        let expected: Vec<Challenge> = expected
            .iter()
            .map(|(scheme, parameters)| Challenge {
                scheme: (*scheme).to_owned(),
                parameters: parameters
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect(),
            })
            .collect();
        assert_eq!(parse(text), expected, "{text}");
    }

    #[test]
    fn challenges_are_read_in_every_form_registries_write() {
        let bearer: (&str, &[(&str, &str)]) = (
            "bearer",
            &[
                ("realm", "https://auth.example/token"),
                ("scope", "repository:a:pull,push"),
                ("service", "r.example"),
            ],
        );
        check(
            r#"Bearer realm="https://auth.example/token",service="r.example",scope="repository:a:pull,push""#,
            &[bearer],
        );
        check(
            r#"BEARER Realm = "https://auth.example/token" , Service=r.example, scope="repository:a:pull,push", "#,
            &[bearer],
        );
        check(
            "Bearer realm=https://a/t",
            &[("bearer", &[("realm", "https://a/t")])],
        );
        check("Basic", &[("basic", &[])]);
        check(
            r#"Basic realm="a \"b\" \\""#,
            &[("basic", &[("realm", r#"a "b" \"#)])],
        );
        check(
            r#"Basic realm="a, Bearer b=c""#,
            &[("basic", &[("realm", "a, Bearer b=c")])],
        );
    }

    #[test]
    fn several_challenges_in_one_header_are_told_apart() {
        check(
            r#"Negotiate, Basic realm="r", Bearer realm="t",service="s""#,
            &[
                ("negotiate", &[]),
                ("basic", &[("realm", "r")]),
                ("bearer", &[("realm", "t"), ("service", "s")]),
            ],
        );
        let read = parse(r#"Negotiate YWJj==, Basic realm="r""#);
        assert_eq!(read.last().unwrap().scheme, "basic");
        assert_eq!(read.last().unwrap().parameters["realm"], "r");
    }

    #[test]
    fn nonsense_ends_and_yields_what_it_can() {
        for text in [
            "",
            ",,,",
            "=",
            "\"",
            "Bearer realm=\"open",
            "Bearer =,=",
            "é Basic",
        ] {
            parse(text);
        }
        check("Bearer realm=\"open", &[("bearer", &[("realm", "open")])]);
    }
}
