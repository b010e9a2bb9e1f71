//! Catalogs of any size that look like those people serve, and are always the same.
//!
//! The shape is that of the production catalogs: packages of very different sizes, the median one half a percent of the catalog's
//! bundles; some 15 KB of metadata per bundle, most of which it shares with the one before; an icon per package.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::Digest;
use serde_json::{Value, json};

/// How many bundles the package has that every change is about, in catalogs of any size: what a change costs can be compared then.
const CHANGED_BUNDLES: u32 = 8;
/// The sizes that packages have, one after the other, in percent of half a percent of the catalog's bundles.
const SIZES: [u32; 9] = [20, 400, 60, 100, 90, 1000, 120, 150, 40];
const WORDS: [&str; 48] = [
    "operator",
    "cluster",
    "resource",
    "deployment",
    "the",
    "of",
    "and",
    "namespace",
    "manages",
    "instances",
    "a",
    "to",
    "configuration",
    "custom",
    "storage",
    "replicas",
    "in",
    "is",
    "with",
    "backup",
    "restore",
    "for",
    "automatically",
    "scaling",
    "upgrade",
    "version",
    "secret",
    "certificate",
    "endpoint",
    "service",
    "network",
    "policy",
    "controller",
    "watches",
    "status",
    "metrics",
    "alerts",
    "dashboards",
    "high",
    "availability",
    "persistent",
    "volume",
    "claims",
    "seamless",
    "lifecycle",
    "monitoring",
    "webhook",
    "reconciles",
];

/// A package with all its blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Package {
    /// What tells it from the others.
    number: u32,
    bundles: u32,
}

/// The packages of a catalog of `bundles` bundles. The first is the one that changes.
pub(super) fn packages(bundles: u32) -> Vec<Package> {
    let mut packages = vec![Package {
        number: 0,
        bundles: CHANGED_BUNDLES.min(bundles),
    }];
    let mut left = bundles.saturating_sub(CHANGED_BUNDLES);
    for (number, percent) in (1..).zip(SIZES.into_iter().cycle()) {
        if left == 0 {
            break;
        }
        let size = (bundles * percent / 20_000).clamp(1, left);
        packages.push(Package {
            number,
            bundles: size,
        });
        left -= size;
    }
    packages
}

impl Package {
    /// Its name, by which its directory is called too.
    pub(super) fn name(self) -> String {
        format!("bench-{:04}-operator", self.number)
    }

    /// The same with so many bundles more: what its owners release.
    pub(super) fn released(self, more: u32) -> Self {
        Self {
            bundles: self.bundles + more,
            ..self
        }
    }

    /// Its blobs as a stream of JSON.
    pub(super) fn text(self) -> String {
        let channels = ["stable", "candidate"];
        let mut blobs = vec![json!({
            "schema": "olm.package",
            "name": self.name(),
            "defaultChannel": channels[0],
            "icon": { "base64data": self.icon(), "mediatype": "image/svg+xml" },
        })];
        blobs.extend(channels.map(|channel| self.channel(channel)));
        blobs.extend((0..self.bundles).map(|number| self.bundle(number)));
        let mut text = String::new();
        for blob in blobs {
            writeln!(text, "{blob:#}").expect("writing to a text cannot fail");
        }
        text
    }

    fn version(number: u32) -> String {
        format!("1.{}.{}", number / 6, number % 6)
    }

    fn bundle_name(self, number: u32) -> String {
        format!("{}.v{}", self.name(), Self::version(number))
    }

    fn channel(self, name: &str) -> Value {
        let entries: Vec<Value> = (0..self.bundles)
            .map(|number| {
                let mut entry = json!({ "name": self.bundle_name(number) });
                if let Some(before) = number.checked_sub(1) {
                    entry["replaces"] = json!(self.bundle_name(before));
                    entry["skipRange"] = json!(format!(">=1.0.0 <{}", Self::version(number)));
                }
                entry
            })
            .collect();
        json!({ "schema": "olm.channel", "name": name, "package": self.name(), "entries": entries })
    }

    fn bundle(self, number: u32) -> Value {
        let name = self.bundle_name(number);
        let kinds = ["Cluster", "Backup", "Restore", "Policy"];
        let group = format!("bench{}.example.com", self.number);
        let mut properties: Vec<Value> = kinds
            .iter()
            .map(|kind| {
                let value = json!({ "group": group, "kind": kind, "version": "v1alpha1" });
                json!({ "type": "olm.gvk", "value": value })
            })
            .collect();
        let package = json!({ "packageName": self.name(), "version": Self::version(number) });
        properties.push(json!({ "type": "olm.package", "value": package }));
        properties
            .push(json!({ "type": "olm.csv.metadata", "value": self.metadata(number, &kinds) }));
        let image = |role: &str| {
            let digest = Digest::of(format!("{name} {role}"));
            format!("registry.example.com/bench/{role}@{digest}")
        };
        let related: Vec<Value> = ["operator", "proxy", "agent", "ui"]
            .iter()
            .map(|role| json!({ "name": role, "image": image(role) }))
            .collect();
        json!({
            "schema": "olm.bundle",
            "name": name,
            "package": self.name(),
            "image": image("bundle"),
            "properties": properties,
            "relatedImages": related,
        })
    }

    /// Some 15 KB, of which a new version changes a few words.
    fn metadata(self, number: u32, kinds: &[&str]) -> Value {
        let mut text = Prose::new(self.number);
        let examples: Vec<Value> = kinds
            .iter()
            .map(|kind| {
                json!({
                    "apiVersion": format!("bench{}.example.com/v1alpha1", self.number),
                    "kind": kind,
                    "metadata": { "name": format!("example-{}", kind.to_lowercase()), "namespace": "bench" },
                    "spec": { "replicas": number % 5 + 1, "image": text.words(3), "notes": text.words(60), "options": text.words(40) },
                })
            })
            .collect();
        let owned: Vec<Value> = kinds
            .iter()
            .map(|kind| {
                json!({
                    "description": text.words(50),
                    "displayName": kind,
                    "kind": kind,
                    "name": format!("{}s.bench{}.example.com", kind.to_lowercase(), self.number),
                    "version": "v1alpha1",
                })
            })
            .collect();
        let version = Self::version(number);
        let notes = Prose::new(self.number.wrapping_mul(1000).wrapping_add(number)).words(40);
        json!({
            "annotations": {
                "alm-examples": format!("{:#}", json!(examples)),
                "capabilities": "Deep Insights",
                "categories": "Database, Monitoring",
                "containerImage": format!("registry.example.com/bench/operator:{version}"),
                "createdAt": format!("2026-01-{:02}T00:00:00Z", number % 28 + 1),
                "description": text.words(20),
                "operators.operatorframework.io/builder": "operator-sdk-v1.34.1",
                "support": "Bench",
            },
            "crdDescriptions": { "owned": owned },
            "description": format!("# {}\n\n{}\n\n## New in {version}\n\n{notes}\n", self.name(), text.words(950)),
            "displayName": format!("Bench operator {}", self.number),
            "installModes": [
                { "type": "OwnNamespace", "supported": true },
                { "type": "SingleNamespace", "supported": true },
                { "type": "MultiNamespace", "supported": false },
                { "type": "AllNamespaces", "supported": true },
            ],
            "keywords": ["bench", "database", text.words(1)],
            "links": [{ "name": "Documentation", "url": "https://example.com/docs" }],
            "maintainers": [{ "name": "Bench", "email": "bench@example.com" }],
            "maturity": "stable",
            "minKubeVersion": "1.25.0",
            "provider": { "name": "Bench" },
        })
    }

    fn icon(self) -> String {
        let mut path = String::new();
        let mut dice = Dice::new(self.number);
        for _ in 0..400 {
            write!(path, "L{} {}", dice.below(512), dice.below(512))
                .expect("writing to a text cannot fail");
        }
        STANDARD.encode(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 512 512\"><path d=\"M0 0{path}Z\"/></svg>"
        ))
    }
}

/// Numbers that look random and are always the same for a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn new(seed: u32) -> Self {
        Self((u64::from(seed) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(end)).expect("what is below 32 bits fits in them")
    }
}

/// Text that compresses about as well as what people write.
struct Prose(Dice);

impl Prose {
    fn new(seed: u32) -> Self {
        Self(Dice::new(seed))
    }

    fn words(&mut self, count: u32) -> String {
        let length = u32::try_from(WORDS.len()).expect("the words are few");
        let words = (0..count).map(|_| {
            let word = WORDS[usize::try_from(self.0.below(length)).expect("the words are few")];
            // Names and numbers among the words, as people write them.
            if self.0.below(9) == 0 {
                format!("{word}-{:x}", self.0.below(1 << 20))
            } else {
                word.to_owned()
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalogs_have_the_bundles_asked_for_in_packages_of_every_size() {
        for bundles in [1, 8, 50, 500, 5000] {
            let packages = packages(bundles);
            let sum: u32 = packages.iter().map(|package| package.bundles).sum();
            assert_eq!(sum, bundles);
        }
        let mut sizes: Vec<u32> = packages(5000).iter().map(|p| p.bundles).collect();
        sizes.sort_unstable();
        let median = sizes[sizes.len() / 2];
        assert!((20..=30).contains(&median), "half a percent: {sizes:?}");
    }

    #[test]
    fn a_package_is_the_same_in_every_catalog_and_a_bundle_has_real_size() {
        let (small, large) = (packages(50)[0], packages(5000)[0]);
        assert_eq!(small.text(), large.text());
        let metadata = small.metadata(3, &["Cluster", "Backup", "Restore", "Policy"]);
        let bytes = metadata.to_string().len();
        assert!((13_000..18_000).contains(&bytes), "{bytes}");
        let released = small.released(1).text();
        assert!(released.contains(&small.bundle_name(CHANGED_BUNDLES)));
        assert!(!small.text().contains(&small.bundle_name(CHANGED_BUNDLES)));
    }
}
