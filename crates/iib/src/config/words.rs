//! Values of other crates' types, as they are written in the file.

use oci::{LossPolicy, RegistryHost};
use serde::Deserialize;
use server::{Origin, ProxyNetwork};

/// A registry host in the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct RegistryHostText(pub(crate) RegistryHost);

impl TryFrom<String> for RegistryHostText {
    type Error = oci::ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// A loss policy in the file: `refuse`, `keep-missing` or `replace`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct LossPolicyText(pub(crate) LossPolicy);

impl TryFrom<String> for LossPolicyText {
    type Error = oci::ParseLossPolicyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// An address or a network in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ProxyNetworkText(pub(crate) ProxyNetwork);

impl TryFrom<String> for ProxyNetworkText {
    type Error = server::BadNetwork;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// A site in the file, such as `https://console.example`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct OriginText(pub(crate) Origin);

impl TryFrom<String> for OriginText {
    type Error = server::ParseOriginError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}
