//! Values of other crates' types, as they are written in the file.

use std::fmt;

use builder::MigrateLevel;
use oci::{LossPolicy, RegistryHost};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};
use server::{Origin, ProxyNetwork};

/// A registry host in the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct RegistryHostText(pub(crate) RegistryHost);

impl TryFrom<String> for RegistryHostText {
    type Error = oci::ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// A loss policy in the file: `refuse`, `keep-missing` or `replace`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct LossPolicyText(pub(crate) LossPolicy);

impl TryFrom<String> for LossPolicyText {
    type Error = oci::ParseLossPolicyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// A release of opm in the file, such as `1.44.0` or `opm-v1.44.0`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct OpmVersionText {
    text: String,
    pub(crate) level: MigrateLevel,
}

impl TryFrom<String> for OpmVersionText {
    type Error = builder::ParseOpmError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let level = MigrateLevel::of_opm(&text)?;
        Ok(Self { text, level })
    }
}

impl From<OpmVersionText> for String {
    fn from(version: OpmVersionText) -> Self {
        version.text
    }
}

/// An address or a network in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub(crate) struct ProxyNetworkText(pub(crate) ProxyNetwork);

/// By a visitor: an error that comes while a text is visited has its place in the file, so each wrong entry of a list is named.
impl<'de> Deserialize<'de> for ProxyNetworkText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = ProxyNetworkText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address or a network, such as `192.0.2.7` or `192.0.2.0/24`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ProxyNetworkText, E> {
                text.parse().map(ProxyNetworkText).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// A site in the file, such as `https://console.example`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct OriginText(pub(crate) Origin);

impl TryFrom<String> for OriginText {
    type Error = server::ParseOriginError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl From<RegistryHostText> for String {
    fn from(text: RegistryHostText) -> Self {
        text.0.to_string()
    }
}

impl From<LossPolicyText> for String {
    fn from(text: LossPolicyText) -> Self {
        text.0.to_string()
    }
}

impl From<ProxyNetworkText> for String {
    fn from(text: ProxyNetworkText) -> Self {
        text.0.to_string()
    }
}

impl From<OriginText> for String {
    fn from(text: OriginText) -> Self {
        text.0.as_str().to_owned()
    }
}

/// What stands in the place of a secret.
pub(crate) const HIDDEN: &str = "***";

/// A text with the password hidden that it has if it is an address with one.
pub(crate) fn without_password(text: &str) -> String {
    hide_password(text).unwrap_or_else(|| text.to_owned())
}

fn hide_password(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may hold `@` itself: the last one ends it.
    let (user, host) = rest.get(..end)?.rsplit_once('@')?;
    let (name, _) = user.split_once(':')?;
    Some(format!(
        "{scheme}://{name}:{HIDDEN}@{host}{}",
        rest.get(end..)?
    ))
}
