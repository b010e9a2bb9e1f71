//! Looking for bytes that matter, many at once.

/// How many bytes are looked at in one step, which compilers turn into a few instructions.
const STEP: usize = 32;
const WORD: usize = size_of::<u64>();

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
    let (steps, rest) = bytes.as_chunks::<STEP>();
    for (clean, step) in steps.iter().enumerate() {
        let mut flags = [0; STEP];
        for (flagged, byte) in flags.iter_mut().zip(step) {
            *flagged = flag(*byte);
        }
        if let Some(place) = first_flag(&flags) {
            return clean * STEP + place;
        }
    }
    let clean = bytes.len() - rest.len();
    clean + rest.iter().take_while(|&&byte| flag(byte) == 0).count()
}

/// Where the first byte is that is not 0.
#[inline]
fn first_flag(flags: &[u8; STEP]) -> Option<usize> {
    let (words, _) = flags.as_chunks::<WORD>();
    // Nearly always nothing is found, and that is seen at once.
    if words
        .iter()
        .fold(0, |all, word| all | u64::from_le_bytes(*word))
        == 0
    {
        return None;
    }
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        if word != 0 {
            return Some(index * WORD + word.trailing_zeros() as usize / 8);
        }
    }
    None
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
