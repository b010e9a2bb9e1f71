//! What a tag is called, however its pull spec is written: requests that overwrite the same one have to find each other.

const DOCKER_HUB: &str = "docker.io";

/// A pull spec by tag in full: `busybox` is `docker.io/library/busybox:latest`. What is no pull spec is some name, the same for the same text.
pub(crate) fn full_name(text: &str) -> String {
    let (registry, rest) = match text.split_once('/') {
        Some(("index.docker.io", rest)) => (DOCKER_HUB, rest),
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        Some(_) | None => (DOCKER_HUB, text),
    };
    let library = if registry == DOCKER_HUB && !rest.contains('/') {
        "library/"
    } else {
        ""
    };
    let last = rest.rsplit('/').next().unwrap_or(rest);
    let tag = if last.contains([':', '@']) {
        ""
    } else {
        ":latest"
    };
    format!("{registry}/{library}{rest}{tag}")
}

/// The same without the registry, which may have several names.
pub(crate) fn name_in_registry(text: &str) -> String {
    let name = full_name(text);
    match name.split_once('/') {
        Some((_, rest)) => rest.to_owned(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::{full_name, name_in_registry};

    #[test]
    fn one_tag_has_one_name() {
        for (text, name) in [
            ("busybox", "docker.io/library/busybox:latest"),
            (
                "index.docker.io/busybox",
                "docker.io/library/busybox:latest",
            ),
            ("user/app:v1", "docker.io/user/app:v1"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/ns/app", "localhost:5000/ns/app:latest"),
            ("r.test/ns/app:v1", "r.test/ns/app:v1"),
            ("r.test/app@sha256:00", "r.test/app@sha256:00"),
        ] {
            assert_eq!(full_name(text), name, "{text}");
        }
        assert_eq!(name_in_registry("r.test:5000/ns/app"), "ns/app:latest");
    }
}
