//! What stood in for registries when the recordings were made.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use bundle::source::PullSpec;

pub(super) fn hex_of(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// The digest of an image, whether its pull spec has one or not.
pub(super) fn digest(image: &PullSpec) -> String {
    format!("sha256:{}", hex_of(&image.to_string()))
}

/// The name that labels and rebuilt images are made of.
fn base(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    last.rsplit_once(':').map_or(last, |(name, _)| name)
}

/// The pull spec of what an image was rebuilt as.
pub(super) fn rebuilt(image: &PullSpec) -> String {
    let image = image.to_string();
    let digest = hex_of(&format!("rebuilt {image}"));
    format!(
        "registry.example.test/rebuilt/{}@sha256:{digest}",
        base(&image)
    )
}

/// The labels of an image.
pub(super) fn labels(image: &PullSpec) -> BTreeMap<String, String> {
    let image = image.to_string();
    let name = base(&image);
    if name.ends_with("-nolabels") {
        return BTreeMap::new();
    }
    let hex = hex_of(name);
    let digit = |at: usize| {
        hex[at..]
            .chars()
            .next()
            .and_then(|digit| digit.to_digit(16))
    };
    let (major, minor) = (digit(0).unwrap_or_default(), digit(1).unwrap_or_default());
    let mut labels = BTreeMap::from([
        ("name".to_owned(), format!("product/{name}")),
        ("flatname".to_owned(), name.to_owned()),
        ("version".to_owned(), format!("{major}.{minor}")),
        ("release".to_owned(), hex[..4].to_owned()),
        (
            "com.redhat.component".to_owned(),
            format!("{name}-container"),
        ),
    ]);
    let word = name.rsplit_once("-bundle-is-").map(|(_, word)| word);
    let is_word = |word: &&str| {
        let in_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        !word.is_empty() && word.bytes().all(in_word)
    };
    let says = word
        .filter(is_word)
        .or_else(|| name.ends_with("-bundle").then_some("true"));
    if let Some(says) = says {
        let label = "com.redhat.delivery.operator.bundle".to_owned();
        labels.insert(label, says.to_owned());
    }
    labels
}
