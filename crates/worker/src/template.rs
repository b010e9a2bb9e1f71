//! Where results are pushed: `registry/iib-build:{request_id}`.

use std::str::FromStr;

use builder::{Output, OutputRepository};
use oci::{ParseError, Repository, Tag};

const REQUEST_ID: &str = "{request_id}";

/// A pull spec whose tag has the place `{request_id}`, which a request's id, or a build tag, fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushTemplate {
    repository: Repository,
    before: String,
    after: String,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTemplateError {
    /// The place for the request's id is missing, or is not in the tag.
    #[error(
        "the push template `{0}` must have `{{request_id}}` in its tag, such as `registry.example.com/iib-build:{{request_id}}`"
    )]
    NoPlace(String),
    /// The rest is no pull spec.
    #[error("the push template is not a pull spec")]
    NotAPullSpec(#[source] ParseError),
}

impl FromStr for PushTemplate {
    type Err = ParseTemplateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let missing = || ParseTemplateError::NoPlace(text.to_owned());
        let (before, after) = text.split_once(REQUEST_ID).ok_or_else(missing)?;
        let slash = before.rfind('/').ok_or_else(missing)?;
        let colon = before[slash..].find(':').ok_or_else(missing)? + slash;
        let repository = before[..colon]
            .parse()
            .map_err(ParseTemplateError::NotAPullSpec)?;
        let template = Self {
            repository,
            before: before[colon + 1..].to_owned(),
            after: after.to_owned(),
        };
        template
            .tag("1")
            .map_err(ParseTemplateError::NotAPullSpec)?;
        Ok(template)
    }
}

impl PushTemplate {
    /// Where the request `id` with the further tags `build_tags` is published.
    ///
    /// # Errors
    /// [`ParseError`] when a build tag makes no valid tag.
    pub fn output(
        &self,
        id: i64,
        build_tags: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Output, ParseError> {
        Ok(Output {
            repository: OutputRepository::Registry(self.repository.clone()),
            tag: self.tag(&id.to_string())?,
            tag_is_private: true,
            build_tags: build_tags
                .into_iter()
                .map(|tag| self.tag(tag.as_ref()))
                .collect::<Result<_, _>>()?,
        })
    }

    fn tag(&self, filling: &str) -> Result<Tag, ParseError> {
        format!("{}{filling}{}", self.before, self.after).parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_build_tags_fill_the_same_place() {
        let template: PushTemplate = "localhost:5000/ns/iib-build:r{request_id}x"
            .parse()
            .unwrap();
        let output = template.output(7, ["extra"]).unwrap();
        assert_eq!(
            output.name(&output.tag).to_string(),
            "localhost:5000/ns/iib-build:r7x"
        );
        assert_eq!(output.build_tags[0].as_str(), "rextrax");
        assert!(template.output(7, ["a b"]).is_err());
    }

    #[test]
    fn a_template_without_a_place_in_its_tag_is_refused() {
        for text in [
            "localhost:5000/iib-build",
            "localhost:5000/{request_id}:latest",
            "{request_id}",
            "a b/c:{request_id}",
        ] {
            assert!(text.parse::<PushTemplate>().is_err(), "{text}");
        }
    }
}
