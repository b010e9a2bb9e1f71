//! Values of other crates' types, as they are written in the file.

use oci::{LossPolicy, RegistryHost};
use serde::{Deserialize, Serialize};
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

/// An address or a network in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ProxyNetworkText(pub(crate) ProxyNetwork);

impl TryFrom<String> for ProxyNetworkText {
    type Error = server::BadNetwork;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
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
