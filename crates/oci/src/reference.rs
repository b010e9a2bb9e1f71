//! Pull specs: how images are named, by the grammar of the distribution project.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;

/// The registry part of a pull spec: `quay.io`, `localhost:5000`, `[::1]:5000`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryHost(String);

/// A repository: a registry and a path in it, such as `quay.io/operators/index`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    registry: RegistryHost,
    path: String,
}

/// A tag, such as `v4.19`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

/// A pull spec as a person writes it: a repository with a tag, a digest, both, or neither.
///
/// Tag and digest are kept apart. Names without a registry mean Docker Hub, as everywhere else:
/// `busybox` is `docker.io/library/busybox`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PullSpec {
    repository: Repository,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

/// An image by tag: what can be moved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagRef {
    /// Where the tag is.
    pub repository: Repository,
    /// The tag.
    pub tag: Tag,
}

/// An image by digest: what never changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pinned {
    /// Where the image is.
    pub repository: Repository,
    /// The digest of its manifest or manifest list.
    pub digest: Digest,
}

/// What a registry is asked for within a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// By tag.
    Tag(Tag),
    /// By digest.
    Digest(Digest),
}

/// Why a text is no pull spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a pull spec: {problem}; write `registry/repository:tag` or `registry/repository@sha256:…`"
)]
pub struct ParseError {
    text: String,
    problem: Problem,
}

/// What is wrong with a pull spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// The registry is no host with an optional port.
    #[error("the registry `{0}` is not a host name with an optional port")]
    Registry(String),
    /// The repository is missing.
    #[error("it names no repository")]
    NoRepository,
    /// A path component breaks the grammar.
    #[error(
        "the repository component `{0}` may hold only lower-case letters and digits, separated by `.`, `_`, `__` or dashes"
    )]
    Component(String),
    /// The repository's name is too long.
    #[error("the repository's name is longer than 255 characters")]
    TooLong,
    /// The tag breaks the grammar.
    #[error(
        "the tag `{0}` must be a letter, digit or `_` followed by at most 127 letters, digits, `_`, `.` or `-`"
    )]
    Tag(String),
    /// The digest breaks the grammar.
    #[error("`{0}` is not a digest")]
    Digest(String),
}

const DOCKER_HUB: &str = "docker.io";

impl RegistryHost {
    /// The text as it stands in a pull spec.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without its port, and without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        let host = match self.0.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.0,
        };
        host.strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(host)
    }

    /// Whether the host is this machine's loopback: the only ones reached over plain HTTP without being told to.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for RegistryHost {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseError {
            text: text.to_owned(),
            problem: Problem::Registry(text.to_owned()),
        };
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or_else(wrong)?;
                address.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
                match port {
                    "" => ("v6", None),
                    port => ("v6", Some(port.strip_prefix(':').ok_or_else(wrong)?)),
                }
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let component = |part: &str| {
            !part.is_empty()
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !host.split('.').all(component) || port.is_some_and(|port| port.parse::<u16>().is_err())
        {
            return Err(wrong());
        }
        Ok(Self(text.to_owned()))
    }
}

impl Repository {
    /// The registry.
    pub fn registry(&self) -> &RegistryHost {
        &self.registry
    }

    /// The path within the registry, such as `operators/index`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same repository's tag `tag`.
    pub fn with_tag(&self, tag: Tag) -> TagRef {
        TagRef {
            repository: self.clone(),
            tag,
        }
    }

    /// The same repository's image `digest`.
    pub fn with_digest(&self, digest: Digest) -> Pinned {
        Pinned {
            repository: self.clone(),
            digest,
        }
    }
}

impl Tag {
    /// `latest`: what a pull spec without tag and digest means.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let first_fits = text.bytes().next().is_some_and(word);
        let rest_fits = text
            .bytes()
            .all(|byte| word(byte) || byte == b'.' || byte == b'-');
        if !first_fits || !rest_fits || text.len() > 128 {
            return Err(ParseError {
                text: text.to_owned(),
                problem: Problem::Tag(text.to_owned()),
            });
        }
        Ok(Self(text.to_owned()))
    }
}

impl PullSpec {
    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag as written, if any.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest as written, if any.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What to ask the registry for: the digest if there is one, else the tag, else `latest`.
    pub fn reference(&self) -> Reference {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Reference::Digest(digest.clone()),
            (None, Some(tag)) => Reference::Tag(tag.clone()),
            (None, None) => Reference::Tag(Tag::latest()),
        }
    }

    /// The tag to write to: the one named, or `latest`. `None` if only a digest is named, which nothing can be written to.
    pub fn tag_ref(&self) -> Option<TagRef> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(self.repository.with_tag(tag.clone())),
            (None, Some(_)) => None,
            (None, None) => Some(self.repository.with_tag(Tag::latest())),
        }
    }
}

impl FromStr for PullSpec {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem| ParseError {
            text: text.to_owned(),
            problem,
        };
        if text.is_empty() {
            return Err(wrong(Problem::Empty));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let parsed = digest
                    .parse()
                    .map_err(|_| wrong(Problem::Digest(digest.to_owned())))?;
                (rest, Some(parsed))
            }
            None => (text, None),
        };
        // A colon after the last slash starts a tag; one before it belongs to the registry's port.
        let path_start = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[path_start..].split_once(':') {
            Some((last, tag)) => {
                let parsed = tag
                    .parse()
                    .map_err(|_| wrong(Problem::Tag(tag.to_owned())))?;
                (&rest[..path_start + last.len()], Some(parsed))
            }
            None => (rest, None),
        };
        let (registry, path) = split_registry(name);
        let registry: RegistryHost = registry
            .parse()
            .map_err(|_| wrong(Problem::Registry(registry.to_owned())))?;
        if path.is_empty() {
            return Err(wrong(Problem::NoRepository));
        }
        let path = if registry.as_str() == DOCKER_HUB && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        if let Some(component) = path
            .split('/')
            .find(|component| !is_path_component(component))
        {
            return Err(wrong(Problem::Component(component.to_owned())));
        }
        if registry.as_str().len() + 1 + path.len() > 255 {
            return Err(wrong(Problem::TooLong));
        }
        Ok(Self {
            repository: Repository { registry, path },
            tag,
            digest,
        })
    }
}

/// The first component is a registry when it cannot be a Docker Hub user: it has a dot or a colon, is `localhost`, or has capitals.
fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some(("index.docker.io", path)) => (DOCKER_HUB, path),
        Some((first, path))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (first, path)
        }
        _ => (DOCKER_HUB, name),
    }
}

/// `[a-z0-9]+` runs separated by one dot, one or two underscores, or dashes.
fn is_path_component(component: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    if !bytes.first().copied().is_some_and(alphanumeric)
        || !bytes.last().copied().is_some_and(alphanumeric)
    {
        return false;
    }
    component
        .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
        .all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
        })
}

impl FromStr for Repository {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let spec: PullSpec = text.parse()?;
        match (spec.tag, spec.digest) {
            (None, None) => Ok(spec.repository),
            (Some(tag), _) => Err(ParseError {
                text: text.to_owned(),
                problem: Problem::Component(format!(":{}", tag.0)),
            }),
            (_, Some(digest)) => Err(ParseError {
                text: text.to_owned(),
                problem: Problem::Component(format!("@{digest}")),
            }),
        }
    }
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PullSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TagRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl From<TagRef> for PullSpec {
    fn from(tagged: TagRef) -> Self {
        Self {
            repository: tagged.repository,
            tag: Some(tagged.tag),
            digest: None,
        }
    }
}

impl From<Pinned> for PullSpec {
    fn from(pinned: Pinned) -> Self {
        Self {
            repository: pinned.repository,
            tag: None,
            digest: Some(pinned.digest),
        }
    }
}

impl Serialize for PullSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PullSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn check(text: &str, registry: &str, path: &str, tag: Option<&str>, digest: bool) {
        let spec: PullSpec = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(spec.repository().registry().as_str(), registry, "{text}");
        assert_eq!(spec.repository().path(), path, "{text}");
        assert_eq!(spec.tag().map(Tag::as_str), tag, "{text}");
        assert_eq!(spec.digest().is_some(), digest, "{text}");
        assert_eq!(
            spec.to_string().parse::<PullSpec>().unwrap(),
            spec,
            "printing and parsing agree"
        );
    }

    #[test]
    fn the_distribution_grammar_decides() {
        check(
            "quay.io/ns/repo:v1",
            "quay.io",
            "ns/repo",
            Some("v1"),
            false,
        );
        check("localhost:5000/repo", "localhost:5000", "repo", None, false);
        check("localhost/repo", "localhost", "repo", None, false);
        check(
            "127.0.0.1:5000/a/b/c/d:x",
            "127.0.0.1:5000",
            "a/b/c/d",
            Some("x"),
            false,
        );
        check("[::1]:5000/a:x", "[::1]:5000", "a", Some("x"), false);
        check("Upper.example/a", "Upper.example", "a", None, false);
        check("busybox", "docker.io", "library/busybox", None, false);
        check(
            "busybox:1",
            "docker.io",
            "library/busybox",
            Some("1"),
            false,
        );
        check("user/app", "docker.io", "user/app", None, false);
        check(
            "index.docker.io/app",
            "docker.io",
            "library/app",
            None,
            false,
        );
        check(
            &format!("quay.io/ns/repo@{HEX}"),
            "quay.io",
            "ns/repo",
            None,
            true,
        );
        check(
            &format!("quay.io/ns/repo:v1@{HEX}"),
            "quay.io",
            "ns/repo",
            Some("v1"),
            true,
        );
        check(
            "quay.io/a__b/c.d-e--f_g",
            "quay.io",
            "a__b/c.d-e--f_g",
            None,
            false,
        );
    }

    #[test]
    fn what_breaks_the_grammar_is_refused_by_name() {
        for text in [
            "",
            ":tag",
            "quay.io/",
            "quay.io//a",
            "quay.io/UPPER",
            "quay.io/a:",
            "quay.io/a:-x",
            "quay.io/a@sha256:1",
            "quay.io/a..b",
            "quay.io/a___b",
            "quay.io/a_",
            "-x.io/a",
            "host:port/a",
            "[::g]:1/a",
            "a b",
            "host:99999/a",
            "quay.io/a:b:c",
            "https://quay.io/a",
        ] {
            let error = text.parse::<PullSpec>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn a_digest_wins_over_a_tag_and_nothing_means_latest() {
        let spec: PullSpec = format!("quay.io/a:t@{HEX}").parse().unwrap();
        assert_eq!(spec.reference().to_string(), HEX);
        assert_eq!(spec.tag_ref().unwrap().to_string(), "quay.io/a:t");
        let spec: PullSpec = "quay.io/a".parse().unwrap();
        assert_eq!(spec.reference().to_string(), "latest");
        let spec: PullSpec = format!("quay.io/a@{HEX}").parse().unwrap();
        assert_eq!(spec.tag_ref(), None);
    }

    #[test]
    fn loopback_is_recognised_with_and_without_port() {
        for (host, loopback) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:1", true),
            ("[::1]:5000", true),
            ("[::1]", true),
            ("quay.io", false),
            ("10.0.0.1:5000", false),
            ("localhost.example", false),
        ] {
            assert_eq!(
                host.parse::<RegistryHost>().unwrap().is_loopback(),
                loopback,
                "{host}"
            );
        }
    }

    #[test]
    fn a_repository_has_neither_tag_nor_digest() {
        assert!("quay.io/a/b".parse::<Repository>().is_ok());
        assert!("quay.io/a/b:c".parse::<Repository>().is_err());
        assert!(format!("quay.io/a/b@{HEX}").parse::<Repository>().is_err());
    }
}
