//! Texts with placeholders in braces.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Text with the labels of an image in it, such as `ns/{name}-{version}`. Doubled braces are literal ones.
///
/// A name in braces is a label's name, dots and all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelTemplate(Template);

/// Text with the package's name in it, as `{package_name}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AnnotationTemplate(Template);

/// A text and its parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Template {
    text: String,
    parts: Vec<Part>,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(String),
}

/// The name of the package in a template.
const PACKAGE: &str = "package_name";

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A brace without its counterpart.
    #[error(
        "`{template}` has a brace without its counterpart; double braces that are meant literally"
    )]
    Brace {
        /// The text.
        template: String,
    },
    /// Braces without a name, or with a conversion or a format in them.
    #[error("`{template}` has `{{{placeholder}}}`, which is no plain name")]
    Name {
        /// The text.
        template: String,
        /// What is in the braces.
        placeholder: String,
    },
    /// A placeholder that stands for nothing.
    #[error(
        "`{template}` has `{{{placeholder}}}`; only `{{package_name}}` stands for something here"
    )]
    Unknown {
        /// The text.
        template: String,
        /// What is in the braces.
        placeholder: String,
    },
}

impl LabelTemplate {
    /// Whether there is nothing to be filled in.
    pub fn is_empty(&self) -> bool {
        self.0.parts.is_empty()
    }

    /// The text for an image with these labels; the name of the label it lacks, if it lacks one.
    pub(super) fn fill(&self, labels: &BTreeMap<String, String>) -> Result<String, &str> {
        let mut text = String::new();
        for part in &self.0.parts {
            text.push_str(match part {
                Part::Text(text) => text,
                Part::Placeholder(label) => labels.get(label).ok_or(label.as_str())?,
            });
        }
        Ok(text)
    }
}

impl AnnotationTemplate {
    /// The text for a package.
    pub(super) fn fill(&self, package: &str) -> String {
        let parts = self.0.parts.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Placeholder(_) => package,
        });
        parts.collect()
    }
}

impl TryFrom<String> for LabelTemplate {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, TemplateError> {
        let parts = parse(&text)?;
        Ok(Self(Template { text, parts }))
    }
}

impl TryFrom<String> for AnnotationTemplate {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, TemplateError> {
        let parts = parse(&text)?;
        let unknown = parts.iter().find_map(|part| match part {
            Part::Placeholder(name) if name != PACKAGE => Some(name.clone()),
            _ => None,
        });
        match unknown {
            Some(placeholder) => Err(TemplateError::Unknown {
                template: text,
                placeholder,
            }),
            None => Ok(Self(Template { text, parts })),
        }
    }
}

impl From<LabelTemplate> for String {
    fn from(template: LabelTemplate) -> Self {
        template.0.text
    }
}

impl From<AnnotationTemplate> for String {
    fn from(template: AnnotationTemplate) -> Self {
        template.0.text
    }
}

fn parse(template: &str) -> Result<Vec<Part>, TemplateError> {
    let brace = || TemplateError::Brace {
        template: template.to_owned(),
    };
    let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), template);
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let (found, behind) = rest[at..].split_at(1);
        if let Some(behind) = behind.strip_prefix(found) {
            text.push_str(found);
            rest = behind;
            continue;
        }
        if found == "}" {
            return Err(brace());
        }
        let (name, behind) = behind.split_once('}').ok_or_else(brace)?;
        if name.is_empty() || name.contains(['{', '!', ':', '[']) {
            return Err(TemplateError::Name {
                template: template.to_owned(),
                placeholder: name.to_owned(),
            });
        }
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(Part::Placeholder(name.to_owned()));
        rest = behind;
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> Result<String, String> {
        let labels = BTreeMap::from([
            ("name".to_owned(), "a/b".to_owned()),
            ("com.example.x".to_owned(), "y".to_owned()),
        ]);
        let template =
            LabelTemplate::try_from(template.to_owned()).map_err(|error| error.to_string())?;
        template
            .fill(&labels)
            .map_err(|label| format!("lacks {label}"))
    }

    #[test]
    fn placeholders_are_filled_and_doubled_braces_are_braces() {
        assert_eq!(filled("{name}-{com.example.x}").unwrap(), "a/b-y");
        assert_eq!(filled("x/{{{name}}}").unwrap(), "x/{a/b}");
        assert_eq!(filled("plain").unwrap(), "plain");
        assert_eq!(filled("{nope}").unwrap_err(), "lacks nope");
        for wrong in ["{", "}", "{a", "a}", "{}", "{a!r}", "{a:>5}", "{a[0]}"] {
            assert!(filled(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn annotations_know_the_package_alone() {
        let template =
            AnnotationTemplate::try_from("by {package_name}, {{literally}}".to_owned()).unwrap();
        assert_eq!(template.fill("demo"), "by demo, {literally}");
        assert!(AnnotationTemplate::try_from("{other}".to_owned()).is_err());
    }
}
