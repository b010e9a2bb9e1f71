//! Which pull specs a catalog may hold (file-based catalog specification, 2.2).

/// Checks a pull spec, which may be short as people write it; an empty one is not looked at.
pub(super) fn check(spec: &str) -> Result<(), &'static str> {
    const LONGEST_NAME: usize = 255;
    if spec.is_empty() {
        return Ok(());
    }
    if spec.len() == 64 && spec.bytes().all(is_lower_hex) {
        return Err("it is the bare identifier of an image; name its repository");
    }
    let (rest, digest) = match spec.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (spec, None),
    };
    let (domain, path) = match rest.split_once('/') {
        Some((first, path))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (Some(first), path)
        }
        _ => (None, rest),
    };
    let (path, tag) = match path.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (path, None),
    };
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("the repository name must be in lower case");
    }
    if !domain.is_none_or(is_domain) {
        return Err("the registry's name is not valid");
    }
    if !path.split('/').all(is_component) {
        return Err("the repository name is not valid");
    }
    if domain.map_or(0, str::len) + 1 + path.len() > LONGEST_NAME {
        return Err("the repository name is longer than 255 characters");
    }
    if !tag.is_none_or(is_tag) {
        return Err("the tag is not valid");
    }
    if !digest.is_none_or(is_digest) {
        return Err("the digest is not valid");
    }
    Ok(())
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let valid_port =
        |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let label = |label: &str| {
        let ends = [label.bytes().next(), label.bytes().last()];
        ends.iter()
            .all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let address = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b':')
    };
    let valid_host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(address),
        None => host.split('.').all(label),
    };
    valid_host && port.is_none_or(valid_port)
}

/// Lower-case letters and digits in runs, between which stand `.`, `_`, `__` or dashes.
fn is_component(component: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    if !(bytes.first().is_some_and(alphanumeric) && bytes.last().is_some_and(alphanumeric)) {
        return false;
    }
    component
        .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
        .all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
        })
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.bytes().next().is_some_and(word)
        && tag.len() <= 128
        && tag
            .bytes()
            .all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_digest(digest: &str) -> bool {
    let length = match digest.split_once(':') {
        Some(("sha256", _)) => 64,
        Some(("sha384", _)) => 96,
        Some(("sha512", _)) => 128,
        _ => return false,
    };
    let hex = &digest["sha256:".len()..];
    hex.len() == length && hex.bytes().all(is_lower_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_specs_are_judged_as_the_reference_tool_does() {
        let digest = "a".repeat(64);
        for spec in [
            "",
            "busybox",
            "ns/repo:tag",
            "quay.io/ns/re-po__x.y_z--w:v1.0",
            "localhost/x",
            "registry.test:5000/bundles/foo:v0.1.0",
            "[::1]:5000/x",
            "Quay.IO/x",
            &format!("quay.io/x:tag@sha256:{digest}"),
        ] {
            assert_eq!(check(spec), Ok(()), "{spec}");
        }
        for spec in [
            ":::",
            "REGISTRY/Bad Image",
            "quay.io/Upper",
            "quay.io/x ",
            "quay.io/x:",
            "quay.io//x",
            "quay.io/x@sha256:abc",
            "quay.io/x@md5:d41d8cd98f00b204e9800998ecf8427e",
            "quay.io/x___y",
            "-x/y",
            "quay.io:port/x",
            &digest,
        ] {
            assert!(check(spec).is_err(), "{spec}");
        }
    }
}
