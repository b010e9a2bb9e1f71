//! Numbers and the texts Go gives them.

/// A number as the reference tools hold it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number that fits signed 64 bit.
    Int(i64),
    /// A whole number above the signed range; only YAML makes these.
    Unsigned(u64),
    /// Any other number; always finite.
    Float(f64),
}

impl Number {
    /// The text Go's JSON encoder writes: shortest round-trip form, an exponent only below 1e-6 and from 1e21.
    pub fn to_text(self) -> String {
        match self {
            Self::Int(int) => int.to_string(),
            Self::Unsigned(int) => int.to_string(),
            Self::Float(float) => {
                let size = float.abs();
                if size != 0.0 && !(1e-6..1e21).contains(&size) {
                    let exponential = format!("{float:e}");
                    let (digits, exponent) = scientific(&exponential);
                    let sign = if exponent < 0 { '-' } else { '+' };
                    format!("{digits}e{sign}{}", exponent.unsigned_abs())
                } else {
                    float.to_string()
                }
            }
        }
    }

    /// The text a YAML number has where the reference tools want a string (a channel called `4.10` becomes `4.1`).
    pub fn to_plain_string(self) -> String {
        match self {
            Self::Int(int) => int.to_string(),
            Self::Unsigned(int) => int.to_string(),
            Self::Float(float) => general(&format!("{float:e}"), || float.to_string()),
        }
    }

    /// The text a YAML number has as a mapping key; the reference tools keep single precision there.
    pub(crate) fn to_key(self) -> String {
        match self {
            Self::Int(int) => int.to_string(),
            Self::Unsigned(int) => int.to_string(),
            Self::Float(float) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the reference tools print keys in single precision"
                )]
                let single = float as f32;
                general(&format!("{single:e}"), || single.to_string())
            }
        }
    }

    /// The same number as a double, the only kind of number a catalog keeps.
    pub(crate) fn as_double(self) -> Self {
        Self::Float(self.to_double())
    }

    /// The nearest double.
    pub(crate) fn to_double(self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "the reference tools lose the same digits"
        )]
        match self {
            Self::Int(int) => int as f64,
            Self::Unsigned(int) => int as f64,
            Self::Float(float) => float,
        }
    }

    /// The same number as a signed integer where its text is one, else as a double.
    pub(crate) fn settled(self) -> Self {
        match self {
            Self::Int(_) => self,
            #[expect(
                clippy::cast_precision_loss,
                reason = "the reference tools lose the same digits"
            )]
            Self::Unsigned(int) => i64::try_from(int).map_or(Self::Float(int as f64), Self::Int),
            Self::Float(_) => self.to_text().parse().map_or(self, Self::Int),
        }
    }
}

/// Splits Rust's `1.5e-7` into digits and exponent.
fn scientific(text: &str) -> (&str, i32) {
    match text.split_once('e') {
        Some((digits, exponent)) => (digits, exponent.parse().unwrap_or(0)),
        None => (text, 0),
    }
}

/// Go's `%g` in shortest form: an exponent below -4 and from 6, with at least two digits.
fn general(exponential: &str, plain: impl Fn() -> String) -> String {
    let (digits, exponent) = scientific(exponential);
    // Go counts up to 21 digits as plain only in `%v`; the shortest `%g` switches at six.
    if (-4..6).contains(&exponent) {
        return plain();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}
