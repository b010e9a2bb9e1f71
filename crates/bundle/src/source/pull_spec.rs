//! Pull specs as bundles name and compare them.

use std::fmt;
use std::str::FromStr;

/// How a bundle names an image, taken apart as the replaced service does it (workflow specification, 2.1).
///
/// Any text that is not empty has a form: what the parts mean is for a registry to judge. Equality decides which places in a bundle
/// name the same image: a missing tag equals `latest`.
///
/// ```
/// use bundle::source::PullSpec;
///
/// let spec: PullSpec = "registry.example:5000/ns/deep/app".parse().unwrap();
/// assert_eq!((spec.registry(), spec.namespace(), spec.repository()), (Some("registry.example:5000"), Some("ns"), "deep/app"));
/// assert_eq!(spec.to_string(), "registry.example:5000/ns/deep/app:latest");
/// assert_eq!(spec.with_digest("sha256:00").to_string(), "registry.example:5000/ns/deep/app@sha256:00");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PullSpec {
    registry: Option<String>,
    namespace: Option<String>,
    repository: String,
    /// A tag, or a digest, which is what holds a colon; may be empty.
    tag: String,
}

/// An empty text names no image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an empty text is no pull spec; write `registry/namespace/repository:tag`")]
pub struct EmptyPullSpec;

impl FromStr for PullSpec {
    type Err = EmptyPullSpec;

    fn from_str(text: &str) -> Result<Self, EmptyPullSpec> {
        if text.is_empty() {
            return Err(EmptyPullSpec);
        }
        let parts: Vec<&str> = text.splitn(3, '/').collect();
        let (registry, namespace, rest) = match parts[..] {
            [registry, namespace, rest] => (Some(registry), Some(namespace), rest),
            [first, rest] if first.contains(['.', ':']) => (Some(first), None, rest),
            [namespace, rest] => (None, Some(namespace), rest),
            _ => (None, None, text),
        };
        let (repository, tag) = rest
            .rsplit_once('@')
            .or_else(|| rest.rsplit_once(':'))
            .unwrap_or((rest, "latest"));
        Ok(Self {
            registry: registry.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        })
    }
}

impl PullSpec {
    /// The registry; `None` where the text leaves it to whoever pulls.
    pub fn registry(&self) -> Option<&str> {
        self.registry.as_deref()
    }

    /// The first part of the path, if there are two.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The rest of the path; it may hold more slashes, and the tag before a digest.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Whether it names one image for ever.
    pub fn has_digest(&self) -> bool {
        self.tag.contains(':')
    }

    /// The tag, or the digest without its algorithm: what the names of related images are made of.
    pub(crate) fn tag_or_hex(&self) -> &str {
        self.tag.rsplit_once(':').map_or(&self.tag, |(_, hex)| hex)
    }

    /// The same place with a digest such as `sha256:…` instead of its tag.
    #[must_use]
    pub fn with_digest(&self, digest: &str) -> Self {
        Self {
            tag: digest.to_owned(),
            ..self.clone()
        }
    }

    /// The same image at another registry, which may have a path.
    #[must_use]
    pub fn with_registry(&self, registry: &str) -> Self {
        Self {
            registry: Some(registry.to_owned()),
            ..self.clone()
        }
    }

    /// The same registry and tag with another path; a tag without a letter is `latest` then.
    #[must_use]
    pub fn with_path(&self, namespace: Option<&str>, repository: &str) -> Self {
        let tag = match self.tag.as_str() {
            "" => "latest",
            tag => tag,
        };
        Self {
            registry: self.registry.clone(),
            namespace: namespace.map(str::to_owned),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        }
    }
}

impl fmt::Display for PullSpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.registry, &self.namespace].into_iter().flatten() {
            write!(formatter, "{part}/")?;
        }
        formatter.write_str(&self.repository)?;
        match self.tag.as_str() {
            "" => Ok(()),
            digest if digest.contains(':') => write!(formatter, "@{digest}"),
            tag => write!(formatter, ":{tag}"),
        }
    }
}

// Lists are sorted as people read them.
impl Ord for PullSpec {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let parts = |spec: &Self| {
            (
                spec.registry.clone(),
                spec.namespace.clone(),
                spec.repository.clone(),
                spec.tag.clone(),
            )
        };
        let by_text = self.to_string().cmp(&other.to_string());
        by_text.then_with(|| parts(self).cmp(&parts(other)))
    }
}

impl PartialOrd for PullSpec {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        text: &str,
        registry: Option<&str>,
        namespace: Option<&str>,
        rest: (&str, &str),
        shown: &str,
    ) {
        let spec: PullSpec = text.parse().unwrap();
        assert_eq!(spec.registry(), registry, "{text}");
        assert_eq!(spec.namespace(), namespace, "{text}");
        assert_eq!((spec.repository(), spec.tag.as_str()), rest, "{text}");
        assert_eq!(spec.to_string(), shown, "{text}");
    }

    #[test]
    fn parts_are_those_the_replaced_service_sees() {
        check("app", None, None, ("app", "latest"), "app:latest");
        check("app:1", None, None, ("app", "1"), "app:1");
        check(
            "ns/app",
            None,
            Some("ns"),
            ("app", "latest"),
            "ns/app:latest",
        );
        check(
            "localhost/app",
            None,
            Some("localhost"),
            ("app", "latest"),
            "localhost/app:latest",
        );
        check(
            "host:5000/app",
            Some("host:5000"),
            None,
            ("app", "latest"),
            "host:5000/app:latest",
        );
        check("a/b/c/d:1", Some("a"), Some("b"), ("c/d", "1"), "a/b/c/d:1");
        check(
            "a.b/c@sha256:00",
            Some("a.b"),
            None,
            ("c", "sha256:00"),
            "a.b/c@sha256:00",
        );
        check(
            "a/b/c:1@sha256:00",
            Some("a"),
            Some("b"),
            ("c:1", "sha256:00"),
            "a/b/c:1@sha256:00",
        );
        check("a/b/c:", Some("a"), Some("b"), ("c", ""), "a/b/c");
        check(
            "localhost:5000",
            None,
            None,
            ("localhost", "5000"),
            "localhost:5000",
        );
        assert_eq!("".parse::<PullSpec>(), Err(EmptyPullSpec));
    }

    #[test]
    fn a_missing_tag_is_latest() {
        let parse = |text: &str| text.parse::<PullSpec>().unwrap();
        assert_eq!(parse("a/b/c"), parse("a/b/c:latest"));
        assert_ne!(parse("a/b/c"), parse("a/b/C"));
        assert!(parse("a/b/c@sha256:0").has_digest());
        assert!(!parse("a/b/c:sha256").has_digest());
    }
}
