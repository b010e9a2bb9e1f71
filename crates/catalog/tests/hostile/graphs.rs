//! Upgrade graphs that are made to cost much.

use catalog::fbc::{
    Bundle, Catalog, Channel, Deprecation, Deprecations, Entry, Package, canonical,
};

use crate::cost::assert_linear;

/// A package `p` with a bundle of each name.
fn catalog(names: impl Iterator<Item = String>) -> Catalog {
    let bundle = |(number, name): (usize, String)| Bundle {
        name,
        package: "p".to_owned(),
        image: "registry.example/p:1".to_owned(),
        properties: vec![canonical::package("p", &format!("1.{number}.0"), "")],
        related_images: Vec::new(),
    };
    Catalog {
        packages: vec![Package {
            name: "p".to_owned(),
            default_channel: "c".to_owned(),
            ..Package::default()
        }],
        bundles: names.enumerate().map(bundle).collect(),
        ..Catalog::default()
    }
}

fn entry(name: &str, replaces: &str, skips: Vec<String>) -> Entry {
    Entry {
        name: name.to_owned(),
        replaces: replaces.to_owned(),
        skips,
        skip_range: String::new(),
    }
}

fn channel(name: &str, entries: Vec<Entry>) -> Channel {
    Channel {
        name: name.to_owned(),
        package: "p".to_owned(),
        entries: Some(entries),
        properties: Vec::new(),
    }
}

/// The names of as many bundles.
fn names(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("b{number}"))
}

/// Each bundle replaces the one before it; the first one replaces `first`.
fn chain(count: usize, first: &str) -> Catalog {
    let mut catalog = catalog(names(count));
    let before = std::iter::once(first.to_owned()).chain(names(count));
    let entries = names(count).zip(before);
    let entries = entries.map(|(name, before)| entry(&name, &before, Vec::new()));
    catalog.channels = vec![channel("c", entries.collect())];
    catalog
}

#[test]
fn a_chain_is_walked_once() {
    assert_linear(
        "a chain",
        3_000,
        |count| chain(count, ""),
        |catalog| {
            catalog.validate().unwrap();
        },
    );
    chain(50_000, "").validate().unwrap();
}

#[test]
fn a_circle_is_found_at_once() {
    let circle = |count: usize| {
        let mut catalog = chain(count, &format!("b{}", count - 2));
        catalog.channels[0].name = "c".to_owned();
        catalog
    };
    assert_linear("a circle", 3_000, circle, |catalog| {
        let problem = catalog.validate().unwrap_err().to_string();
        assert!(problem.contains("detected cycle"), "{problem}");
    });
}

#[test]
fn a_bundle_may_skip_very_many() {
    let skipping = |count: usize| {
        let mut catalog = catalog(names(count + 1));
        let mut entries: Vec<Entry> = names(count)
            .map(|name| entry(&name, "", Vec::new()))
            .collect();
        let head = format!("b{count}");
        entries.push(entry(&head, "", names(count).collect()));
        catalog.channels = vec![channel("c", entries)];
        catalog
    };
    assert_linear("skips", 3_000, skipping, |catalog| {
        catalog.validate().unwrap();
    });
    // And skips alone, of bundles that are not there.
    let absent = |count: usize| {
        let mut catalog = catalog(std::iter::once("b".to_owned()));
        catalog.channels = vec![channel("c", vec![entry("b", "", names(count).collect())])];
        catalog
    };
    assert_linear("skips of nothing", 10_000, absent, |catalog| {
        catalog.validate().unwrap();
    });
}

#[test]
fn channels_and_bundles_are_not_multiplied() {
    let apart = |count: usize| {
        let mut catalog = catalog(names(count));
        let alone = |name: &str| vec![entry(name, "", Vec::new())];
        catalog.channels = names(count)
            .map(|name| channel(&name, alone(&name)))
            .collect();
        catalog.packages[0].default_channel = "b0".to_owned();
        catalog.deprecations = vec![Deprecations {
            package: "p".to_owned(),
            entries: Some(
                names(count)
                    .map(|name| Deprecation {
                        schema: "olm.bundle".to_owned(),
                        name,
                        message: "old".to_owned(),
                    })
                    .collect(),
            ),
        }];
        catalog
    };
    assert_linear("a channel for each bundle", 1_000, apart, |catalog| {
        catalog.validate().unwrap();
    });
}

#[test]
fn many_problems_are_told_in_one_pass() {
    let stranded = |count: usize| {
        let mut catalog = chain(count, "");
        let entries = catalog.channels[0].entries.as_mut().unwrap();
        let last = entries.last_mut().unwrap();
        last.replaces = "nobody".to_owned();
        last.skips = vec![format!("b{}", count - 2)];
        catalog
    };
    assert_linear("stranded bundles", 3_000, stranded, |catalog| {
        let problem = catalog.validate().unwrap_err().to_string();
        assert!(problem.contains("stranded"), "{problem}");
    });
    let heads = |count: usize| {
        let mut catalog = catalog(names(count));
        let entries = names(count).map(|name| entry(&name, "", vec![String::new()]));
        catalog.channels = vec![channel("c", entries.collect())];
        catalog
    };
    assert_linear("heads", 3_000, heads, |catalog| {
        let problem = catalog.validate().unwrap_err().to_string();
        assert!(problem.contains("multiple channel heads"), "{problem}");
    });
}
