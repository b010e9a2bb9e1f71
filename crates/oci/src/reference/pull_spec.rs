//! Pull specs as a person writes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{ParseError, Problem};
use super::{Pinned, Reference, Repository, Tag, TagRef};
use crate::digest::Digest;

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

impl PullSpec {
    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    pub(super) fn into_repository(self) -> Repository {
        self.repository
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
        let wrong = |problem| ParseError::new(text, problem);
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
        Ok(Self {
            repository: Repository::parse_name(name).map_err(wrong)?,
            tag,
            digest,
        })
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
}
