//! What a scalar means.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json::{Number, Value, push_lossy};

/// What the tags of the standard begin with.
pub(crate) const PREFIX: &str = "tag:yaml.org,2002:";
pub(super) const MERGE: &str = "tag:yaml.org,2002:merge";

/// The value of a scalar, or why it has none in JSON.
///
/// Quoted scalars are strings unless a tag says otherwise; tags other than the ones of the core schema mean a string.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Value, String> {
    let string = || Value::String(text.to_owned());
    let wanted = match tag {
        None if plain => {
            return match implicit(text) {
                None => Ok(string()),
                Some(scalar) => finite(scalar, text),
            };
        }
        None => return Ok(string()),
        Some(tag) => match tag.strip_prefix(PREFIX) {
            Some("str" | "timestamp") | None => return Ok(string()),
            Some("binary") => return binary(text),
            Some(wanted) => wanted,
        },
    };
    let value = implicit(text);
    match (wanted, value) {
        ("float", Some(Scalar::Value(Value::Number(Number::Int(int))))) => {
            #[expect(clippy::cast_precision_loss, reason = "the tag asks for a double")]
            let float = int as f64;
            Ok(Value::Number(Number::Float(float)))
        }
        ("float", Some(value @ Scalar::Value(Value::Number(Number::Float(_))))) => {
            finite(value, text)
        }
        (
            "int",
            Some(Scalar::Value(value @ Value::Number(Number::Int(_) | Number::Unsigned(_)))),
        )
        | ("bool", Some(Scalar::Value(value @ Value::Bool(_))))
        | ("null", Some(Scalar::Value(value @ Value::Null))) => Ok(value),
        ("float", Some(Scalar::Infinite)) => finite(Scalar::Infinite, text),
        ("int" | "bool" | "null" | "float", _) => {
            Err(format!("`{}` is not a `!!{wanted}`", excerpt(text)))
        }
        _ => Ok(string()),
    }
}

/// Whether a text without quotes is read as this text.
pub(super) fn is_text(text: &str) -> bool {
    implicit(text).is_none() && text != "<<"
}

/// Whether a text needs no quotes to mean this text to every reader: it is no number, boolean, time or the like.
pub(super) fn is_plain_text(text: &str) -> bool {
    is_text(text) && !is_time(text) && !is_base_60(text)
}

/// A date, perhaps with a time behind it.
fn is_time(text: &str) -> bool {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts[..] else {
        return false;
    };
    let number = |part: &str, digits: std::ops::RangeInclusive<usize>| {
        let valid = digits.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        valid.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (
        number(year, 4..=4),
        number(month, 1..=2),
        number(day, 1..=2),
    ) else {
        return false;
    };
    (1..=days_in(year, month)).contains(&day) && (time.is_empty() || is_clock(time))
}

/// How many days a month has; none if there is no such month.
pub(crate) fn days_in(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    }
}

/// Behind a `T` hours, minutes, seconds and a zone; behind a blank no zone. Seconds may have a fraction.
fn is_clock(time: &str) -> bool {
    let (time, zoned) = match time.strip_prefix(' ') {
        Some(time) => (time, false),
        None => (&time[1..], true),
    };
    let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
    if zoned != is_zone(&time[zone..]) || !zoned && zone < time.len() {
        return false;
    }
    let parts: Vec<&str> = time[..zone].split(':').collect();
    let [hour, minute, second] = parts[..] else {
        return false;
    };
    let second = second.split('.').next().unwrap_or(second);
    [(hour, 24), (minute, 60), (second, 60)]
        .iter()
        .all(|(part, limit)| {
            (1..=2).contains(&part.len()) && part.parse::<u32>().is_ok_and(|part| part < *limit)
        })
}

fn is_zone(zone: &str) -> bool {
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    zone == "Z"
        || zone
            .strip_prefix(['+', '-'])
            .and_then(|zone| zone.split_once(':'))
            .is_some_and(|(hours, minutes)| digits(hours) && digits(minutes))
}

/// A number in base 60 such as `1:30`, which older readers know.
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    let digits = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    };
    if !first.starts_with(|character: char| character.is_ascii_digit()) || !digits(first) {
        return false;
    }
    let rest: Vec<&str> = parts.collect();
    let Some((last, middle)) = rest.split_last() else {
        return false;
    };
    let (last, fraction) = last.split_once('.').unwrap_or((last, ""));
    let sixty = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u32>().is_ok_and(|part| part < 60)
            && part.len() <= 2
    };
    middle.iter().all(|part| sixty(part)) && sixty(last) && digits(fraction)
}

/// An infinity or "not a number" is a scalar, but has no JSON form.
enum Scalar {
    Value(Value),
    Infinite,
}

fn finite(scalar: Scalar, text: &str) -> Result<Value, String> {
    match scalar {
        Scalar::Value(value) => Ok(value),
        Scalar::Infinite => Err(format!(
            "`{text}` has no JSON form; write it in quotes if it is text"
        )),
    }
}

/// What a scalar without quotes and tag means; `None` if it is text.
fn implicit(text: &str) -> Option<Scalar> {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
        | "-.inf" | "-.Inf" | "-.INF" => {
            return Some(Scalar::Infinite);
        }
        _ => Value::Number(number(text)?),
    };
    Some(Scalar::Value(value))
}

fn number(text: &str) -> Option<Number> {
    match text.as_bytes().first()? {
        b'.' => float(text),
        b'+' | b'-' | b'0'..=b'9' => {
            let joined;
            let digits = if text.contains('_') {
                joined = text.replace('_', "");
                &joined
            } else {
                text
            };
            integer(digits).or_else(|| float(digits))
        }
        _ => None,
    }
}

/// Whole numbers in base 2, 8 (`0o17` and `017`), 10 and 16.
fn integer(text: &str) -> Option<Number> {
    let (negative, signed, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, true, &text[1..]),
        b'+' => (false, true, &text[1..]),
        _ => (false, false, text),
    };
    let lower = unsigned.get(..2).map(str::to_ascii_lowercase);
    let (digits, radix) = match lower.as_deref() {
        Some("0x") => (&unsigned[2..], 16),
        Some("0o") => (&unsigned[2..], 8),
        Some("0b") => (&unsigned[2..], 2),
        _ if unsigned.len() > 1 && unsigned.starts_with('0') => (&unsigned[1..], 8),
        _ => (unsigned, 10),
    };
    // Rust would accept a second sign here.
    if !digits.bytes().next()?.is_ascii_hexdigit() {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(size).map(Number::Int);
    }
    match i64::try_from(size) {
        Ok(int) => Some(Number::Int(int)),
        // Beyond the signed range only unsigned spellings count as whole.
        Err(_) if signed => None,
        Err(_) => Some(Number::Unsigned(size)),
    }
}

/// Decimal numbers with a point, an exponent or more digits than fit; overflowing ones are text.
fn float(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        ),
        None => (digits, None),
    };
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let valid = is_digits(whole)
        && is_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && is_digits(exponent));
    if !valid {
        return None;
    }
    text.parse()
        .ok()
        .filter(|float: &f64| float.is_finite())
        .map(Number::Float)
}

fn binary(text: &str) -> Result<Value, String> {
    // Line breaks are part of a long value, never of its meaning.
    let joined: String = text
        .chars()
        .filter(|character| !matches!(character, '\n' | '\r'))
        .collect();
    let bytes = STANDARD
        .decode(joined)
        .map_err(|error| format!("`!!binary` value is not base64: {error}"))?;
    let mut decoded = String::new();
    push_lossy(&mut decoded, &bytes);
    Ok(Value::String(decoded))
}

/// Enough of a text to recognise it.
fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}
