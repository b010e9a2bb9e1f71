//! Random catalogs for the laws. Names come from small pools, so that two catalogs have much in common.

#![allow(dead_code, reason = "each test program uses its part of this")]

use catalog::fbc::{
    BUNDLE, Bundle, CHANNEL, Catalog, Channel, Deprecation, Deprecations, Entry, Icon, Other,
    PACKAGE, Package, Property, RelatedImage, canonical,
};
use catalog::json;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const PACKAGES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
const CHANNELS: [&str; 3] = ["stable", "fast", "candidate"];
const VERSIONS: [&str; 7] = [
    "0.9.0-rc.1",
    "0.9.0",
    "1.0.0",
    "1.1.0",
    "1.1.1",
    "1.2.0+1",
    "2.0.0",
];
const RANGES: [&str; 4] = ["", "<1.0.0", ">=0.9.0 <1.1.1", ">=1.0.0 <2.0.0 || 0.9.0"];

/// A catalog that is valid: every channel has one head and nobody is stranded.
pub(crate) fn catalog() -> impl Strategy<Value = Catalog> {
    let packages = subsequence(PACKAGES.to_vec(), 0..=PACKAGES.len())
        .prop_flat_map(|names| names.into_iter().map(package).collect::<Vec<_>>());
    (packages, vec(other(""), 0..3)).prop_map(|(packages, others)| {
        let mut catalog = Catalog::default();
        for package in packages {
            catalog.append(package);
        }
        catalog.others.extend(others);
        catalog
    })
}

/// A valid catalog and what became of it: some blobs are gone, some are those of another one. The second is rarely valid.
pub(crate) fn changed_catalog() -> impl Strategy<Value = (Catalog, Catalog)> {
    (catalog(), catalog(), vec(0..10_u8, 32)).prop_map(|(old, other, fates)| {
        let mut fates = fates.into_iter().cycle();
        let mut new = old.clone();
        // Of each kind: most stay, some go, and some of the other catalog's come, under names that may be taken.
        macro_rules! mix {
            ($($kind:ident),*) => {$(
                new.$kind.retain(|_| fates.next() != Some(0));
                let more = other.$kind.into_iter().filter(|_| fates.next() < Some(2));
                new.$kind.extend(more);
            )*};
        }
        mix!(packages, channels, bundles, deprecations, others);
        (old, new)
    })
}

fn package(name: &'static str) -> impl Strategy<Value = Catalog> {
    let versions = subsequence(VERSIONS.to_vec(), 1..=VERSIONS.len());
    versions.prop_flat_map(move |versions| {
        let channels = subsequence(CHANNELS.to_vec(), 1..=CHANNELS.len());
        let channels = channels.prop_flat_map({
            let versions = versions.clone();
            move |channels| {
                let some = channels
                    .into_iter()
                    .map(|channel| self::channel(name, channel, &versions));
                some.collect::<Vec<_>>()
            }
        });
        let bundles: Vec<_> = versions
            .iter()
            .map(|version| bundle(name, version))
            .collect();
        let icon = option::of((option::of(Just("PHN2Zy8+".to_owned())), text()));
        let blob = (text(), icon, properties());
        (
            channels,
            bundles,
            blob,
            vec(other(name), 0..3),
            vec(any::<Option<bool>>(), 10),
            text(),
        )
            .prop_map(
                move |(
                    channels,
                    mut bundles,
                    (description, icon, properties),
                    others,
                    deprecated,
                    message,
                )| {
                    bundles.retain(|bundle| {
                        let mut entries = channels
                            .iter()
                            .flat_map(|channel| channel.entries.iter().flatten());
                        entries.any(|entry| entry.name == bundle.name)
                    });
                    let package = Package {
                        name: name.to_owned(),
                        default_channel: channels[0].name.clone(),
                        icon: icon.map(|(base64data, mediatype)| Icon {
                            base64data,
                            mediatype,
                        }),
                        description,
                        properties,
                    };
                    let deprecations =
                        deprecations(name, &channels, &bundles, &deprecated, &message);
                    Catalog {
                        packages: vec![package],
                        channels,
                        bundles,
                        deprecations,
                        others,
                    }
                },
            )
    })
}

fn bundle_name(package: &str, version: &str) -> String {
    format!("{package}.v{version}")
}

/// A channel of some of the versions: each is replaced or skipped by one above it.
fn channel(
    package: &'static str,
    name: &'static str,
    versions: &[&'static str],
) -> impl Strategy<Value = Channel> + use<> {
    let count = versions.len();
    let some = subsequence(versions.to_vec(), 1..=count);
    let edges = vec((any::<bool>(), select(RANGES.to_vec())), count);
    (some, edges, properties()).prop_map(move |(versions, edges, properties)| {
        let mut entries: Vec<Entry> = Vec::new();
        // The entry of the chain that the next lower version is below of.
        let mut above = None;
        for (version, (skipped, range)) in versions.iter().rev().zip(edges) {
            let entry = Entry {
                name: bundle_name(package, version),
                skip_range: range.to_owned(),
                ..Entry::default()
            };
            match above {
                Some(above) if skipped => {
                    let above: &mut Entry = &mut entries[above];
                    above.skips.push(entry.name.clone());
                }
                _ => {
                    if let Some(above) = above {
                        let above: &mut Entry = &mut entries[above];
                        above.replaces.clone_from(&entry.name);
                    }
                    above = Some(entries.len());
                }
            }
            entries.push(entry);
        }
        Channel {
            name: name.to_owned(),
            package: package.to_owned(),
            entries: Some(entries),
            properties,
        }
    })
}

fn bundle(package: &'static str, version: &'static str) -> impl Strategy<Value = Bundle> + use<> {
    let related = vec((text(), image()), 0..3);
    (image(), properties(), related).prop_map(move |(image, more, related)| {
        let mut properties = vec![canonical::package(package, version, "")];
        properties.extend(more);
        let related = related
            .into_iter()
            .map(|(name, image)| RelatedImage { name, image });
        Bundle {
            name: bundle_name(package, version),
            package: package.to_owned(),
            image,
            properties,
            related_images: related.collect(),
        }
    })
}

fn image() -> impl Strategy<Value = String> {
    (select(vec!["a", "b"]), 0..3_u8).prop_map(|(repository, digit)| {
        let digest = digit.to_string().repeat(64);
        format!("registry.example/ns/{repository}@sha256:{digest}")
    })
}

fn properties() -> impl Strategy<Value = Vec<Property>> {
    let known = select(vec![
        canonical::gvk("example.com", "Thing", "v1"),
        canonical::gvk_required("example.com", "Other", "v1"),
        canonical::package_required("beta", ">=1.0.0 <2.0.0"),
        canonical::bundle_object(b"{\"kind\":\"ConfigMap\"}"),
    ]);
    let type_ = select(vec![
        "olm.maxOpenShiftVersion",
        "olm.constraint",
        "example.com/any",
    ]);
    let opaque = (type_, value()).prop_map(|(type_, value)| Property {
        type_: type_.to_owned(),
        value: Some(json::to_plain_text(&value)),
    });
    vec(prop_oneof![known, opaque], 0..4)
}

fn deprecations(
    package: &str,
    channels: &[Channel],
    bundles: &[Bundle],
    which: &[Option<bool>],
    message: &str,
) -> Vec<Deprecations> {
    let things = [(PACKAGE, "")]
        .into_iter()
        .chain(
            channels
                .iter()
                .map(|channel| (CHANNEL, channel.name.as_str())),
        )
        .chain(bundles.iter().map(|bundle| (BUNDLE, bundle.name.as_str())));
    let entries: Vec<Deprecation> = things
        .zip(which)
        .filter(|(_, which)| **which == Some(true))
        .map(|((schema, name), _)| Deprecation {
            schema: schema.to_owned(),
            name: name.to_owned(),
            message: format!("{message}."),
        })
        .collect();
    if entries.is_empty() {
        return Vec::new();
    }
    vec![Deprecations {
        package: package.to_owned(),
        entries: Some(entries),
    }]
}

fn other(package: &'static str) -> impl Strategy<Value = Other> {
    let schema = select(vec!["example.com/notes", "olm.custom", "zeta"]);
    let name = select(vec!["", "one", "two"]);
    (schema, name, value()).prop_map(move |(schema, name, value)| {
        let mut members = std::collections::BTreeMap::from([
            ("schema".to_owned(), json::Value::String(schema.to_owned())),
            ("data".to_owned(), value),
        ]);
        for (key, text) in [("package", package), ("name", name)] {
            if !text.is_empty() {
                members.insert(key.to_owned(), json::Value::String(text.to_owned()));
            }
        }
        Other {
            schema: schema.to_owned(),
            package: package.to_owned(),
            name: name.to_owned(),
            blob: json::to_plain_text(&json::Value::Object(members)),
        }
    })
}

/// Texts that writers and readers may take for something else.
fn text() -> impl Strategy<Value = String> {
    const ODD: [&str; 44] = [
        "",
        "plain",
        "yes",
        "null",
        "0x10",
        "1e3",
        "1.10",
        "- a",
        "a: b",
        "two\nlines\n",
        " blank ",
        "<b>&\"'\\",
        "\u{2028}\t",
        "日本 é 🦀",
        "---",
        "--- a\n---\n...\n",
        "~",
        "=",
        "<<",
        "*a",
        "&a",
        "!t a",
        "? a",
        "a #b",
        "# c",
        "a:",
        "@a",
        "`a",
        "%a",
        "{a",
        "[a]",
        "+.5",
        ".nan",
        "0o17",
        "017",
        "1_000",
        "190:20:30",
        "2020-01-01T00:00:00Z",
        "12345678901234567890",
        "\n lead\n\n  deep\n",
        "a\r\nb\rc\u{85}d",
        "\u{feff}a\u{7f}\u{0}\u{1b}",
        "folded near the eightieth column, where writers break lines between two words  or three",
        "'it''s' \"quoted\"",
    ];
    prop_oneof![
        select(ODD.to_vec()).prop_map(str::to_owned),
        "[ -~]{0,12}",
        "[ \n\t#:'\"-]{0,9}",
        any::<String>(),
    ]
}

/// A JSON value whose numbers are doubles in the form that catalogs hold them in.
fn value() -> impl Strategy<Value = json::Value> {
    const NUMBERS: [&str; 8] = [
        "0",
        "-1",
        "1.5",
        "1e+21",
        "1e-7",
        "123456789012",
        "0.1",
        "-2.5e-9",
    ];
    let number = select(NUMBERS.to_vec())
        .prop_map(|text| json::parse(text.as_bytes()).expect("these are numbers"));
    let leaf = prop_oneof![
        Just(json::Value::Null),
        any::<bool>().prop_map(json::Value::Bool),
        number,
        text().prop_map(json::Value::String),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(json::Value::Array),
            btree_map(text(), inner, 0..3).prop_map(json::Value::Object),
        ]
    })
}
