//! Platforms: the operating system and processor an image is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A processor architecture by its Go/OCI name, such as `amd64` or `s390x`.
///
/// Any name a manifest list may carry is accepted; [`Arch::label`] knows the four this service's users build for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arch(String);

/// Why a text is no architecture name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an architecture; use a name such as `amd64`, `arm64`, `ppc64le` or `s390x`"
)]
pub struct ParseArchError {
    text: String,
}

impl Arch {
    /// `amd64`, the architecture whose labels speak for an image.
    pub fn amd64() -> Self {
        Self("amd64".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The distribution's name for it, which an image's `architecture` label carries: `x86_64` for `amd64`.
    /// `None` for an architecture outside the supported four.
    pub fn label(&self) -> Option<&'static str> {
        match self.0.as_str() {
            "amd64" => Some("x86_64"),
            "arm64" => Some("aarch64"),
            "ppc64le" => Some("ppc64le"),
            "s390x" => Some("s390x"),
            _ => None,
        }
    }
}

impl FromStr for Arch {
    type Err = ParseArchError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if text.is_empty() || text.len() > 32 || !text.bytes().all(allowed) {
            return Err(ParseArchError {
                text: text.to_owned(),
            });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Arch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Arch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// What a manifest-list entry says it runs on (OCI image index, `platform`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// The processor architecture, such as `arm64` or `unknown` on an attestation.
    pub architecture: String,
    /// The operating system, nearly always `linux`.
    pub os: String,
    /// The operating system's version (Windows images carry one).
    #[serde(
        rename = "os.version",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub os_version: Option<String>,
    /// Mandatory features of the operating system.
    #[serde(rename = "os.features", default, skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// The processor's variant, such as `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Mandatory processor features (Docker manifest lists have them).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

impl Platform {
    /// Linux on `arch`, as the index images' lists say it.
    pub fn linux(arch: &Arch) -> Self {
        Self {
            architecture: arch.as_str().to_owned(),
            os: "linux".to_owned(),
            os_version: None,
            os_features: Vec::new(),
            variant: None,
            features: Vec::new(),
        }
    }
}

impl fmt::Display for Platform {
    /// As people write it: `linux/arm64/v8`, with the system's version behind it: `windows/amd64 10.0.20348.2113`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if let Some(variant) = &self.variant {
            write!(f, "/{variant}")?;
        }
        if let Some(version) = &self.os_version {
            write!(f, " {version}")?;
        }
        for feature in self.os_features.iter().chain(&self.features) {
            write!(f, " +{feature}")?;
        }
        Ok(())
    }
}
