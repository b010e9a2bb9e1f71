//! Text as HTML.

use std::borrow::Cow;

/// Text in which nothing is taken for markup, in elements and in quoted attributes.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(letter),
        }
    }
    Cow::Owned(safe)
}

/// Paragraphs, with what stands between backticks as code: all of Markdown that our texts use.
pub(super) fn prose(out: &mut String, text: &str) {
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        out.push_str("<p>");
        inline(out, paragraph);
        out.push_str("</p>\n");
    }
}

/// One run of text, with what stands between backticks as code.
pub(super) fn inline(out: &mut String, text: &str) {
    for (position, part) in text.split('`').enumerate() {
        if position % 2 == 1 {
            out.push_str("<code>");
            out.push_str(&escaped(part));
            out.push_str("</code>");
        } else {
            out.push_str(&escaped(part));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{escaped, prose};

    #[test]
    fn text_is_never_markup() {
        assert_eq!(escaped("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
        let mut out = String::new();
        prose(&mut out, "one `<two>`\n\nthree");
        assert_eq!(out, "<p>one <code>&lt;two&gt;</code></p>\n<p>three</p>\n");
    }
}
