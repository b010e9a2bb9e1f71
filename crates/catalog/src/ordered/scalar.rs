//! What a scalar means by YAML 1.2, as the replaced service's library reads it.

use super::{Integer, Node, timestamp};
use crate::yaml::PREFIX;

/// The value of a scalar, or why it has none.
///
/// Quoted scalars are text, unless a tag says otherwise.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Node, String> {
    let string = || Ok(Node::String(text.to_owned()));
    let Some(tag) = tag else {
        return if plain { implicit(text) } else { string() };
    };
    let wanted = match tag.strip_prefix(PREFIX) {
        Some(wanted) => wanted,
        // It makes even a quoted scalar a plain one.
        None if tag == "!" => return implicit(text),
        None => tag,
    };
    let value = match wanted {
        "str" => return string(),
        "null" => Some(Node::Null),
        "bool" => boolean(text),
        "int" => integer(text).map(Node::Integer),
        "float" => float(text).map(Node::Float),
        "timestamp" => timestamp::tagged(text)?.map(Node::String),
        _ => {
            return Err(format!(
                "the tag `{}` has no JSON form; remove it",
                excerpt(tag)
            ));
        }
    };
    value.ok_or_else(|| format!("`{}` is not a `!!{wanted}`", excerpt(text)))
}

/// What a scalar without quotes and tag means.
fn implicit(text: &str) -> Result<Node, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Node::Null),
        "true" | "True" | "TRUE" => return Ok(Node::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Node::Bool(false)),
        _ => {}
    }
    let number = |number: Option<Node>| {
        number.ok_or_else(|| {
            format!(
                "`{}` looks like a number, but is none or too large; write it in quotes if it is text",
                excerpt(text)
            )
        })
    };
    if looks_like_float(text) {
        return number(float(text).map(Node::Float));
    }
    if looks_like_integer(text) {
        return number(integer(text).map(Node::Integer));
    }
    let time = timestamp::implicit(text)?;
    Ok(Node::String(time.unwrap_or_else(|| text.to_owned())))
}

/// Words for yes and no, which only a tag makes booleans.
fn boolean(text: &str) -> Option<Node> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "y" | "true" | "on" => Some(Node::Bool(true)),
        "no" | "n" | "false" | "off" => Some(Node::Bool(false)),
        _ => None,
    }
}

/// Whether a text has only such bytes, and any at all.
fn is_of(text: &str, byte: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(byte)
}

fn is_digit_or_underscore(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'_')
}

fn without_sign(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

/// Decimal numbers with a point or an exponent, infinities, and "not a number".
fn looks_like_float(text: &str) -> bool {
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let unsigned = without_sign(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    if let Some(exponent) = exponent {
        let digits = without_sign(exponent);
        // Without digits before the point, the exponent needs a sign.
        let complete = !whole.is_empty() || digits.len() < exponent.len();
        if !complete || !is_of(digits, |byte| byte.is_ascii_digit()) {
            return false;
        }
    }
    match fraction {
        None if exponent.is_none() => false,
        Some(fraction) if whole.is_empty() => is_of(fraction, is_digit_or_underscore),
        _ => {
            whole.starts_with(|first: char| first.is_ascii_digit())
                && is_of(whole, is_digit_or_underscore)
                && fraction
                    .unwrap_or_default()
                    .bytes()
                    .all(is_digit_or_underscore)
        }
    }
}

/// The double a text of that look means; beyond the range of doubles it is an infinity.
fn float(text: &str) -> Option<f64> {
    let joined = text.replace('_', "").to_ascii_lowercase();
    match without_sign(&joined) {
        ".inf" if joined.starts_with('-') => return Some(f64::NEG_INFINITY),
        ".inf" => return Some(f64::INFINITY),
        ".nan" => return Some(f64::NAN),
        unsigned => {
            // Rust has words for numbers, too.
            let decimal = |byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'-' | b'+');
            if !is_of(unsigned, decimal) {
                return None;
            }
        }
    }
    joined.parse().ok()
}

/// Whole numbers in base 2, 8, 10 and 16.
fn looks_like_integer(text: &str) -> bool {
    let unsigned = without_sign(text);
    // An underscore in front makes it text, unless a sign is before it.
    if text.starts_with('_') {
        return false;
    }
    let of_base = |prefix, digit: fn(u8) -> bool| {
        let digits = unsigned.strip_prefix(prefix);
        digits.is_some_and(|digits| is_of(digits, |byte| digit(byte) || byte == b'_'))
    };
    is_of(unsigned, is_digit_or_underscore)
        || of_base("0b", |byte| matches!(byte, b'0' | b'1'))
        || of_base("0o", |byte| matches!(byte, b'0'..=b'7'))
        || of_base("0x", |byte| byte.is_ascii_hexdigit())
}

/// The number a text of that look means; zeros in front mean nothing.
fn integer(text: &str) -> Option<Integer> {
    let joined = text.replace('_', "");
    let unsigned = without_sign(&joined);
    let (digits, radix) = match unsigned.get(..2) {
        Some("0b") => (&unsigned[2..], 2),
        Some("0o") => (&unsigned[2..], 8),
        Some("0x") => (&unsigned[2..], 16),
        _ => (unsigned, 10),
    };
    Integer::new(joined.starts_with('-'), digits, radix)
}

/// Enough of a text to recognise it.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}
