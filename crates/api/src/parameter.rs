//! The parameters of payloads: how each is called, which values it takes, what it means.
//!
//! Payloads take the names they allow from these tables, and [`crate::schema`] describes the same tables: no parameter exists
//! without being documented.

/// One parameter of a payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) presence: Presence,
    /// What it means, for people: a sentence in Markdown.
    pub(crate) about: &'static str,
    /// A value to show, as JSON; none where the form has a good one.
    pub(crate) example: Option<&'static str>,
    /// What counts when it is left out, as JSON.
    pub(crate) default: Option<&'static str>,
    /// Taken for the sake of older clients.
    pub(crate) deprecated: bool,
    /// Never shown again.
    pub(crate) secret: bool,
}

/// Which values a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An image reference with a tag or a digest.
    Image,
    /// A list of those.
    Images,
    /// An object whose values are lists of those.
    ImagesByName,
    /// Any string.
    Text,
    /// A list of strings that say something.
    Texts,
    /// An object whose values are strings.
    TextByName,
    /// A string that holds a JSON document.
    JsonText,
    /// True or false.
    Flag,
    /// A distribution scope, in any letter case.
    Scope,
    /// The name of a state.
    State,
    /// A docker configuration with nothing but credentials.
    DockerConfig,
    /// Any object.
    Object,
}

/// Whether a parameter may be left out, and what is made of a falsy value (section 1.5 of the contract).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It has to be there; a falsy value is none.
    Required,
    /// It may be left out; a falsy value other than a boolean counts as left out.
    Optional,
    /// It may be left out; `null` counts as left out.
    Nullable,
    /// It may be left out; what is there has to be of the form.
    Strict,
}

impl Parameter {
    const fn new(name: &'static str, form: Form, presence: Presence, about: &'static str) -> Self {
        Self {
            name,
            form,
            presence,
            about,
            example: None,
            default: None,
            deprecated: false,
            secret: false,
        }
    }

    pub(crate) const fn required(name: &'static str, form: Form, about: &'static str) -> Self {
        Self::new(name, form, Presence::Required, about)
    }

    pub(crate) const fn optional(name: &'static str, form: Form, about: &'static str) -> Self {
        Self::new(name, form, Presence::Optional, about)
    }

    pub(crate) const fn nullable(name: &'static str, form: Form, about: &'static str) -> Self {
        Self::new(name, form, Presence::Nullable, about)
    }

    pub(crate) const fn strict(name: &'static str, form: Form, about: &'static str) -> Self {
        Self::new(name, form, Presence::Strict, about)
    }

    /// With a value to show, as JSON.
    pub(crate) const fn example(self, json: &'static str) -> Self {
        Self {
            example: Some(json),
            ..self
        }
    }

    /// With the value that counts when it is left out, as JSON.
    pub(crate) const fn default(self, json: &'static str) -> Self {
        Self {
            default: Some(json),
            ..self
        }
    }

    /// Taken for the sake of older clients.
    pub(crate) const fn deprecated(self) -> Self {
        Self {
            deprecated: true,
            ..self
        }
    }

    /// Never shown again.
    pub(crate) const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }
}
