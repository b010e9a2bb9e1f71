//! Making URLs and bodies fit for error texts and logs: short, one line, without secrets.

use url::Url;

/// Query parameters whose values are harmless. All others are presumed secret: signatures, session states, tokens.
const HARMLESS: [&str; 7] = ["n", "last", "digest", "mount", "from", "service", "scope"];
const MAX_URL_CHARS: usize = 400;
const MAX_TEXT_CHARS: usize = 300;

/// `url` without user, password and fragment, and with the values of unknown query parameters replaced.
pub(crate) fn url(url: &Url) -> String {
    let mut text = format!("{}{}", url.origin().ascii_serialization(), url.path());
    let mut separator = '?';
    for (key, value) in url.query_pairs() {
        text.push(separator);
        text.push_str(&key);
        text.push('=');
        let harmless = HARMLESS.contains(&key.as_ref());
        text.push_str(if harmless { value.as_ref() } else { "…" });
        separator = '&';
    }
    line(&text, MAX_URL_CHARS)
}

/// The beginning of `text` on one line.
pub(crate) fn text(text: &str) -> String {
    line(text, MAX_TEXT_CHARS)
}

fn line(text: &str, limit: usize) -> String {
    let mut short: String = text
        .chars()
        .take(limit)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(limit).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_query_values_users_and_fragments_are_left_out() {
        let secret = "https://me:hush@r.example:5000/v2/a?digest=sha256:1&_state=hush&X-Amz-Signature=hush#hush";
        assert_eq!(
            url(&secret.parse().unwrap()),
            "https://r.example:5000/v2/a?digest=sha256:1&_state=…&X-Amz-Signature=…"
        );
    }

    #[test]
    fn long_and_many_lined_text_is_cut_to_one_line() {
        assert_eq!(text("a\r\nb\u{1b}[0m"), "a  b [0m");
        let long = text(&"x".repeat(1000));
        assert_eq!(long.chars().count(), MAX_TEXT_CHARS + 1);
        assert!(long.ends_with('…'));
    }
}
