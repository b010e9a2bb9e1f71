//! What a scalar means by the core schema of YAML 1.2.

use super::Value;
use crate::yaml::PREFIX;

/// The value of a scalar, or why it has none. Quoted scalars are text, unless a tag says otherwise; a tag of one's own means nothing.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Value, String> {
    let string = || Value::String(text.to_owned());
    let Some(tag) = tag else {
        return Ok(if plain { implicit(text) } else { string() });
    };
    let Some(wanted @ ("null" | "bool" | "int" | "float")) = tag.strip_prefix(PREFIX) else {
        return Ok(string());
    };
    let value = implicit(text);
    let fits = match value {
        Value::Null => wanted == "null",
        Value::Bool(_) => wanted == "bool",
        Value::Number(_) => wanted == "float" || wanted == "int" && integer(text).is_some(),
        _ => false,
    };
    if fits {
        return Ok(value);
    }
    let excerpt: String = text.chars().take(40).collect();
    Err(format!(
        "`{excerpt}` is not a `!!{wanted}`; correct it or its tag"
    ))
}

/// What a scalar without quotation marks and tag means.
fn implicit(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    match integer(text).or_else(|| float(text)) {
        Some(number) if number.is_finite() => Value::Number(number),
        _ => Value::String(text.to_owned()),
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whole numbers in base 10, 8 and 16, as the double that is nearest.
fn integer(text: &str) -> Option<f64> {
    let of_base = |digits: &str, base: u32| {
        let digits: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(base)).collect();
        let digits = digits.filter(|digits| !digits.is_empty())?;
        let shift = |number: f64, digit: &u32| number * f64::from(base) + f64::from(*digit);
        Some(digits.iter().fold(0.0, shift))
    };
    if let Some(digits) = text.strip_prefix("0o") {
        return of_base(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return of_base(digits, 16);
    }
    are_digits(unsigned(text)).then(|| text.parse().ok())?
}

/// Decimal numbers with a point or an exponent.
fn float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match unsigned(text).split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned(text), None),
    };
    let fits = match mantissa.split_once('.') {
        None => are_digits(mantissa),
        Some(("", fraction)) => are_digits(fraction),
        Some((whole, fraction)) => {
            are_digits(whole) && (fraction.is_empty() || are_digits(fraction))
        }
    };
    let fits = fits && exponent.is_none_or(|exponent| are_digits(unsigned(exponent)));
    fits.then(|| text.parse().ok())?
}
