//! Small catalogs, written down briefly.

use catalog::fbc::{
    BUNDLE, Bundle, Catalog, Channel, Deprecation, Deprecations, Entry, Package, Property,
    canonical,
};

/// An entry such as `v2.0.0>v1.0.0!v1.5.0~<1.0.0`: it replaces, skips (any number), skips a range.
pub(crate) fn entry(text: &str) -> Entry {
    let (text, range) = text.split_once('~').unwrap_or((text, ""));
    let mut skips = text.split('!');
    let edge = skips.next().unwrap();
    let (name, replaces) = edge.split_once('>').unwrap_or((edge, ""));
    Entry {
        name: name.to_owned(),
        replaces: replaces.to_owned(),
        skips: skips.map(str::to_owned).collect(),
        skip_range: range.to_owned(),
    }
}

/// A package `p` with these channels, the first one its default, and the bundles they name; `v1.0.0` is of version 1.0.0.
pub(crate) fn package(channels: &[(&str, &str)]) -> Catalog {
    let mut catalog = Catalog {
        packages: vec![Package {
            name: "p".to_owned(),
            default_channel: channels.first().map_or("", |(name, _)| name).to_owned(),
            ..Package::default()
        }],
        ..Catalog::default()
    };
    for (name, entries) in channels {
        let entries = entries.split(", ").filter(|text| !text.is_empty());
        let entries: Vec<Entry> = entries.map(entry).collect();
        for entry in &entries {
            let known = catalog
                .bundles
                .iter()
                .any(|bundle| bundle.name == entry.name);
            if !known {
                let version = entry.name.trim_start_matches('v');
                catalog.bundles.push(Bundle {
                    name: entry.name.clone(),
                    package: "p".to_owned(),
                    image: format!("quay.io/ns/p@sha256:{version}"),
                    properties: vec![canonical::package("p", version, "")],
                    ..Bundle::default()
                });
            }
        }
        catalog.channels.push(Channel {
            name: (*name).to_owned(),
            package: "p".to_owned(),
            entries: Some(entries),
            properties: Vec::new(),
        });
    }
    catalog
}

/// A property with a value in JSON.
pub(crate) fn property(type_: &str, value: &str) -> Property {
    Property {
        type_: type_.to_owned(),
        value: Some(value.to_owned()),
    }
}

/// Version 1.0.0 is deprecated.
pub(crate) fn deprecation(message: &str) -> Vec<Deprecations> {
    vec![Deprecations {
        package: "p".to_owned(),
        entries: Some(vec![Deprecation {
            schema: BUNDLE.to_owned(),
            name: "v1.0.0".to_owned(),
            message: message.to_owned(),
        }]),
    }]
}
