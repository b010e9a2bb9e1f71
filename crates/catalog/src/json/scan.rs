//! Looking for bytes that matter, many at once.

/// How many bytes are looked at in one step, which compilers turn into a few instructions.
const STEP: usize = 32;

/// How many bytes come before the first that passes any of some tests.
///
/// The tests come as an array because all of them are made: with the branches of `||` or `matches!` this is twenty times
/// slower.
#[inline]
pub(crate) fn run_until<const N: usize>(bytes: &[u8], tests: impl Fn(u8) -> [bool; N]) -> usize {
    before_flag(bytes, |byte| any(tests(byte)))
}

/// How many bytes come before the first that passes none of some tests; see [`run_until`].
#[inline]
pub(crate) fn run_of<const N: usize>(bytes: &[u8], tests: impl Fn(u8) -> [bool; N]) -> usize {
    before_flag(bytes, |byte| 1 ^ any(tests(byte)))
}

/// 1 if any test was passed, else 0.
#[inline]
fn any<const N: usize>(tests: [bool; N]) -> u8 {
    let flags = tests.into_iter().map(u8::from);
    flags.fold(0, |any, flag| any | flag)
}

#[inline]
fn before_flag(bytes: &[u8], flag: impl Fn(u8) -> u8) -> usize {
    let (steps, _) = bytes.as_chunks::<STEP>();
    let is_clean = |step: &&[u8; STEP]| step.iter().fold(0, |flags, &byte| flags | flag(byte)) == 0;
    let clean = steps.iter().take_while(is_clean).count() * STEP;
    let rest = bytes[clean..].iter().take_while(|&&byte| flag(byte) == 0);
    clean + rest.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_byte_ends_a_run() {
        for length in 0..100 {
            for place in 0..=length {
                let mut bytes = vec![b'a'; length];
                bytes[place..].fill(b'"');
                assert_eq!(run_until(&bytes, |byte| [byte == 0, byte == b'"']), place);
                assert_eq!(run_of(&bytes, |byte| [byte == b'a', byte == b'b']), place);
            }
        }
    }
}
