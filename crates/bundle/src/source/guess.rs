//! Pull specs in running text.

use std::ops::Range;

/// Where in a text pull specs seem to be, from left to right (workflow specification, 6.4).
///
/// Only whole words count that have a registry with a dot and either a tag or a digest, not both. `12.30/13:00` is one of them.
pub(super) fn guess(text: &str) -> Vec<Range<usize>> {
    let in_word = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'@' | b':')
    };
    let (bytes, mut found, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let length = bytes[at..]
            .iter()
            .take_while(|byte| in_word(**byte))
            .count();
        let word = &bytes[at..at + length];
        let first = word.iter().position(u8::is_ascii_alphanumeric);
        let last = word.iter().rposition(u8::is_ascii_alphanumeric);
        if let (Some(first), Some(last)) = (first, last)
            && is_pull_spec(&text[at + first..=at + last])
        {
            found.push(at + first..at + last + 1);
        }
        at += length.max(1);
    }
    found
}

fn is_pull_spec(word: &str) -> bool {
    let Some((registry, path)) = word.split_once('/') else {
        return false;
    };
    let (host, port) = match registry.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (registry, None),
    };
    let are_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_name(host) || !host.contains('.') || !port.is_none_or(are_digits) {
        return false;
    }
    let path = match path.split_once('@') {
        Some((path, digest)) => is_digest(digest).then_some(path),
        None => path
            .split_once(':')
            .and_then(|(path, tag)| is_name(tag).then_some(path)),
    };
    path.is_some_and(|path| path.split('/').all(is_name))
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:");
    hex.is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A letter or digit at both ends, and between them those, `-`, `.` and `_`.
fn is_name(text: &str) -> bool {
    let ends = [text.bytes().next(), text.bytes().next_back()];
    ends.iter()
        .all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = guess(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn words_with_registry_and_tag_or_digest_are_found() {
        let hex = "0123456789abcdefABCDEF".repeat(3);
        let digest = format!("a.b/c@sha256:{}", &hex[..64]);
        check(&format!("x {digest}, y"), &[&digest]);
        check(&format!("a.b/c@sha256:{}", &hex[..63]), &[]);
        check(&format!("a.b/c:1@sha256:{}", &hex[..64]), &[]);
        check("a.b/c:1,a.b/d:2", &["a.b/c:1", "a.b/d:2"]);
        check("(see a.b/c/d:1).", &["a.b/c/d:1"]);
        check("--x=a.b:5000/c:1", &["a.b:5000/c:1"]);
        check("./a.b/c:1", &["a.b/c:1"]);
        check("12.30/13:00", &["12.30/13:00"]);
    }

    #[test]
    fn other_words_are_no_pull_specs() {
        for text in [
            "https://a.b/c:1",
            "a.b/c",
            "localhost/c:1",
            "localhost:5000/c:1",
            "me@a.b/c:1",
            "a.b//c:1",
            "a.b/_c:1",
            "a.b/c_:1",
            "a.b/c:_1",
            "a.b/a:1/b:2",
            r"a.b\/c\/d:1",
            "a.b:x/c:1",
            "é",
            "",
        ] {
            check(text, &[]);
        }
    }
}
