//! How deep JSON is nested. Readers have limits, and what they cannot read must not be stored.

/// Whether JSON text opens more than `limit` objects and lists within each other. It is asked before values are made of the text, and
/// says nothing about whether the text is JSON.
pub fn is_deeper_than(limit: usize, text: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_deeper_than;

    #[test]
    fn depth_counts_open_brackets_outside_of_texts() {
        for (text, depth) in [
            ("", 0),
            ("3", 0),
            ("{}", 1),
            ("[[],[],{}]", 2),
            (r#"{"a":{"b":[1]}}"#, 3),
            (r#"{"[[[[":"]]{{{","b":[]}"#, 2),
            (r#"{"a":"\"[[[[","b":"\\"}"#, 1),
            ("]]]][", 1),
        ] {
            assert!(!is_deeper_than(depth, text.as_bytes()), "{text}");
            assert!(
                depth == 0 || is_deeper_than(depth - 1, text.as_bytes()),
                "{text}"
            );
        }
    }
}
