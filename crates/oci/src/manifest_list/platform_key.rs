//! When two entries are for the same platform.

use std::fmt;

use crate::platform::Platform;

/// What attestations and other attachments give as system and processor.
const UNKNOWN: &str = "unknown";
const WINDOWS: &str = "windows";
/// Windows runs images of its own build; the fourth number, the revision, may differ.
const WINDOWS_BUILD_PARTS: usize = 3;

/// A platform as far as it decides whether two entries of lists are for the same machines.
///
/// Spellings of one platform are equal: `arm64` is `arm64/v8`, `arm` is `arm/v7`, and `amd64` is `amd64/v1`, as container
/// engines have it; versions of Windows are equal when their builds are. Features are compared in any order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlatformKey {
    os: String,
    architecture: String,
    /// Nothing for what `arm64` and `amd64` mean without one.
    variant: Option<String>,
    os_version: Option<String>,
    os_features: Vec<String>,
    features: Vec<String>,
}

impl PlatformKey {
    /// The key of `platform`; nothing when it is none, as with attestations.
    pub fn of(platform: &Platform) -> Option<Self> {
        let names_one = |text: &str| !text.is_empty() && text != UNKNOWN;
        if !names_one(&platform.architecture) {
            return None;
        }
        Some(Self {
            os: platform.os.clone(),
            architecture: platform.architecture.clone(),
            variant: variant(&platform.architecture, platform.variant.as_deref()),
            os_version: (platform.os_version.as_deref())
                .filter(|version| !version.is_empty())
                .map(|version| os_version(&platform.os, version)),
            os_features: sorted(&platform.os_features),
            features: sorted(&platform.features),
        })
    }

    /// The processor architecture by its Go name.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }
}

fn variant(architecture: &str, written: Option<&str>) -> Option<String> {
    let written = written.filter(|variant| !variant.is_empty());
    match (architecture, written) {
        ("arm64", Some("v8" | "8")) | ("amd64", Some("v1")) => None,
        ("arm", None) => Some("v7".to_owned()),
        ("arm", Some(number @ ("5" | "6" | "7" | "8"))) => Some(format!("v{number}")),
        (_, written) => written.map(str::to_owned),
    }
}

fn os_version(os: &str, version: &str) -> String {
    if os != WINDOWS {
        return version.to_owned();
    }
    let build: Vec<&str> = version.split('.').take(WINDOWS_BUILD_PARTS).collect();
    build.join(".")
}

fn sorted(features: &[String]) -> Vec<String> {
    let mut features = features.to_vec();
    features.sort();
    features.dedup();
    features
}

impl fmt::Display for PlatformKey {
    /// Short, as index images are spoken of: `amd64`, `arm/v7`, `windows/amd64 10.0.20348`. Linux goes without saying.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.os != "linux" {
            write!(f, "{}/", self.os)?;
        }
        f.write_str(&self.architecture)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Option<String> {
        let platform: Platform = serde_json::from_str(text).unwrap();
        PlatformKey::of(&platform).map(|key| key.to_string())
    }

    #[test]
    fn spellings_of_one_platform_are_equal_and_others_are_not() {
        for (text, expected) in [
            (r#"{"os":"linux","architecture":"arm64"}"#, Some("arm64")),
            (
                r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#,
                Some("arm64"),
            ),
            (
                r#"{"os":"linux","architecture":"arm64","variant":""}"#,
                Some("arm64"),
            ),
            (
                r#"{"os":"linux","architecture":"arm64","variant":"v9"}"#,
                Some("arm64/v9"),
            ),
            (r#"{"os":"linux","architecture":"arm"}"#, Some("arm/v7")),
            (
                r#"{"os":"linux","architecture":"arm","variant":"7"}"#,
                Some("arm/v7"),
            ),
            (
                r#"{"os":"linux","architecture":"arm","variant":"v6"}"#,
                Some("arm/v6"),
            ),
            (
                r#"{"os":"linux","architecture":"amd64","variant":"v1"}"#,
                Some("amd64"),
            ),
            (
                r#"{"os":"linux","architecture":"amd64","variant":"v3"}"#,
                Some("amd64/v3"),
            ),
            (
                r#"{"os":"windows","architecture":"amd64","os.version":"10.0.20348.2113","os.features":["win32k"]}"#,
                Some("windows/amd64 10.0.20348 +win32k"),
            ),
            (
                r#"{"os":"linux","architecture":"amd64","os.version":"5.4.1.2"}"#,
                Some("amd64 5.4.1.2"),
            ),
            (
                r#"{"os":"linux","architecture":"amd64","features":["sse4","avx","sse4"]}"#,
                Some("amd64 +avx +sse4"),
            ),
            (r#"{"os":"unknown","architecture":"unknown"}"#, None),
            (r#"{"os":"","architecture":""}"#, None),
        ] {
            assert_eq!(key(text).as_deref(), expected, "{text}");
        }
    }
}
