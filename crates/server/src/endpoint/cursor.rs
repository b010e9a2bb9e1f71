//! Where the next page of a list starts, as a text that callers hand back without looking into it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The form below; another one would have another number.
const VERSION: u8 = 1;

/// Of the digest of the rest, so that a text that was cut or mixed up is told from a cursor.
const CHECK_BYTES: usize = 4;

const BYTES: usize = 1 + 8 + 8 + CHECK_BYTES;

/// A place in a list: the page begins with the newest request below a number. Requests that come later do not move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The last request of the page before.
    pub(crate) below: i64,
    /// The number that the page had when the one before it was read.
    pub(crate) page: u64,
}

impl Cursor {
    pub(crate) fn to_text(self) -> String {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.push(VERSION);
        bytes.extend(self.below.to_be_bytes());
        bytes.extend(self.page.to_be_bytes());
        let check = check(&bytes);
        bytes.extend(check);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// None for a text that [`Self::to_text`] did not make.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let bytes: [u8; BYTES] = bytes.try_into().ok()?;
        let (content, given) = bytes.split_last_chunk::<CHECK_BYTES>()?;
        let (version, numbers) = content.split_first()?;
        let (below, page) = numbers.split_first_chunk()?;
        if *version != VERSION || *given != check(content) {
            return None;
        }
        Some(Self {
            below: i64::from_be_bytes(*below),
            page: u64::from_be_bytes(page.try_into().ok()?),
        })
    }
}

fn check(content: &[u8]) -> [u8; CHECK_BYTES] {
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&digest(&SHA256, content).as_ref()[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_is_one() {
        for (below, page) in [(1, 2), (i64::MAX, u64::MAX), (100_000, 51)] {
            let cursor = Cursor { below, page };
            let text = cursor.to_text();
            assert_eq!(Cursor::from_text(&text), Some(cursor));
            assert!(
                text.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
                "{text} needs no escaping"
            );
            for at in 0..text.len() {
                let mut other = text.clone();
                let replaced = if text[at..].starts_with('A') {
                    "B"
                } else {
                    "A"
                };
                other.replace_range(at..=at, replaced);
                assert_eq!(Cursor::from_text(&other), None, "{other}");
            }
            assert_eq!(Cursor::from_text(&text[1..]), None);
            assert_eq!(Cursor::from_text(&format!("{text}A")), None);
        }
        for wrong in ["", "1", "=", "é", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(Cursor::from_text(wrong), None, "{wrong}");
        }
    }
}
