//! The contract's rule for image references.

/// Whether `reference` is what the contract calls an image reference: it names a tag or a digest, or is exactly `scratch` (section 1).
///
/// The recorded service looked for a colon anywhere and so took the port of a registry for a tag (section 15, item 10); here the
/// mark has to stand after the last slash.
pub fn names_tag_or_digest(reference: &str) -> bool {
    let last_segment = reference.rsplit('/').next().unwrap_or(reference);
    reference == "scratch" || reference.contains('@') || last_segment.contains(':')
}

#[cfg(test)]
mod tests {
    use super::names_tag_or_digest;

    #[test]
    fn a_reference_names_a_tag_or_a_digest() {
        for good in [
            "scratch",
            "x:1",
            "quay.example/ns/name:v1",
            "quay.example:5000/ns/name:v1",
            "quay.example/ns/name@sha256:ab",
        ] {
            assert!(names_tag_or_digest(good), "{good}");
        }
        for bad in [
            "",
            "x",
            "quay.example/ns/name",
            "scratch2",
            "quay.example:5000/ns/name",
        ] {
            assert!(!names_tag_or_digest(bad), "{bad}");
        }
    }
}
