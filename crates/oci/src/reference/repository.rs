//! Repositories: a registry and a path in it.

use std::fmt;
use std::str::FromStr;

use super::error::{ParseError, Problem};
use super::{Pinned, PullSpec, RegistryHost, Tag, TagRef};
use crate::digest::Digest;

const DOCKER_HUB: &str = "docker.io";

/// A repository: a registry and a path in it, such as `quay.io/operators/index`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    registry: RegistryHost,
    path: String,
}

impl Repository {
    /// Reads a pull spec's part before tag and digest.
    pub(super) fn parse_name(name: &str) -> Result<Self, Problem> {
        let (registry, path) = split_registry(name);
        let registry: RegistryHost = registry
            .parse()
            .map_err(|_| Problem::Registry(registry.to_owned()))?;
        if path.is_empty() {
            return Err(Problem::NoRepository);
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
            return Err(Problem::Component(component.to_owned()));
        }
        if registry.as_str().len() + 1 + path.len() > 255 {
            return Err(Problem::TooLong);
        }
        Ok(Self { registry, path })
    }

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

impl FromStr for Repository {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let spec: PullSpec = text.parse()?;
        let surplus = match (spec.tag(), spec.digest()) {
            (None, None) => return Ok(spec.into_repository()),
            (Some(tag), _) => format!(":{tag}"),
            (None, Some(digest)) => format!("@{digest}"),
        };
        Err(ParseError::new(text, Problem::Component(surplus)))
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
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

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_repository_has_neither_tag_nor_digest() {
        assert!("quay.io/a/b".parse::<Repository>().is_ok());
        assert!("quay.io/a/b:c".parse::<Repository>().is_err());
        assert!(format!("quay.io/a/b@{HEX}").parse::<Repository>().is_err());
    }
}
