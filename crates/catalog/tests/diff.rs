//! What changed between two catalogs: the laws, what changes mean, and how they are told.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

#[path = "diff/catalogs.rs"]
mod catalogs;
mod generate;
#[path = "diff/meaning.rs"]
mod meaning;

use catalog::diff::{Change, Diff};
use catalog::fbc::{Catalog, Other, Output, RelatedImage};
use catalogs::{deprecation, entry, package, property};
use proptest::prelude::*;

fn written(catalog: &Catalog) -> String {
    let mut text = Vec::new();
    catalog.write(Output::Json, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

proptest! {
    #[test]
    fn diff_then_apply_equals_the_target((old, new) in generate::changed_catalog()) {
        let diff = Diff::between(&old, &new);
        prop_assert_eq!(written(&diff.apply(old.clone())), written(&new));
        prop_assert_eq!(diff.is_empty(), written(&old) == written(&new));
        let back = Diff::between(&new, &old);
        prop_assert_eq!(written(&back.apply(new.clone())), written(&old));
    }

    #[test]
    fn every_change_is_told_and_said_what_it_means((old, new) in generate::changed_catalog()) {
        let diff = Diff::between(&old, &new);
        for package in &diff.packages {
            let told = package.all_effects().next().is_some()
                || !package.properties.is_empty()
                || !package.blobs.is_empty();
            prop_assert!(told, "nothing is said of {}", package.name);
            for channel in package.channels.iter().filter(|_| package.change == Change::Changed) {
                let told = !channel.effects.is_empty() || !channel.properties.is_empty();
                prop_assert!(told, "nothing is said of {}", channel.name);
            }
        }
        let json: serde_json::Value = serde_json::to_value(&diff).unwrap();
        prop_assert_eq!(json["version"].as_u64(), Some(1));
        prop_assert_eq!(diff.to_text().starts_with("no differences"), diff.is_empty());
        prop_assert_eq!(diff.to_markdown().contains("No differences"), diff.is_empty());
    }

    #[test]
    fn a_catalog_does_not_differ_from_itself_in_another_order(catalog in generate::catalog()) {
        let mut other = catalog.clone();
        other.channels.reverse();
        other.bundles.reverse();
        other.packages.reverse();
        prop_assert!(Diff::between(&catalog, &other).is_empty());
    }
}

/// A small catalog and what became of it, with a change of every kind.
fn pair() -> (Catalog, Catalog) {
    let mut old = package(&[
        ("stable", "v1.0.0, v1.1.0>v1.0.0, v1.2.0>v1.1.0"),
        ("fast", "v1.2.0"),
    ]);
    let mut new = package(&[
        (
            "stable",
            "v1.1.0, v1.2.0>v1.1.0~<1.1.0, v2.0.0>v1.2.0!v1.2.1",
        ),
        ("candidate", "v2.0.0"),
    ]);
    new.packages[0].default_channel = "candidate".into();
    new.packages[0].description = "What it does | and why".into();
    new.bundles[0].image = "quay.io/ns/p@sha256:moved".into();
    new.bundles[1].properties.push(property(
        "olm.package.required",
        r#"{"packageName":"q","versionRange":">=1.0.0"}"#,
    ));
    new.bundles[1].related_images.push(RelatedImage {
        name: "operand".to_owned(),
        image: "quay.io/ns/operand:v1".to_owned(),
    });
    new.deprecations = deprecation("use v2");
    let note = |package: &str, text: &str| Other {
        schema: "example.com/notes".to_owned(),
        package: package.to_owned(),
        name: String::new(),
        blob: format!(
            "{{\"package\":\"{package}\",\"schema\":\"example.com/notes\",\"text\":\"{text}\"}}"
        ),
    };
    old.others = vec![note("p", "old"), note("", "same")];
    new.others = vec![note("p", "new"), note("", "same"), note("", "more")];
    for (catalog, name) in [(&mut old, "gone"), (&mut new, "fresh")] {
        let mut other = package(&[("alpha", "v0.1.0")]);
        other.packages[0].name = name.into();
        other.channels[0].package = name.into();
        other.bundles[0].package = name.into();
        catalog.append(other);
    }
    (old, new)
}

#[test]
fn every_kind_of_change_is_told_as_text() {
    let (old, new) = pair();
    insta::assert_snapshot!(Diff::between(&old, &new).to_text());
}

#[test]
fn every_kind_of_change_is_told_as_markdown() {
    let (old, new) = pair();
    insta::assert_snapshot!(Diff::between(&old, &new).to_markdown());
}

#[test]
fn every_kind_of_change_is_told_as_json() {
    let (old, new) = pair();
    let json = serde_json::to_string_pretty(&Diff::between(&old, &new)).unwrap();
    insta::assert_snapshot!(json);
}

#[test]
fn texts_of_catalogs_cannot_drive_terminals_or_end_cells() {
    let old = package(&[("stable", "v1.0.0")]);
    let mut new = package(&[("a|`b`\n\u{1b}[31m\u{202e}<b>@team", "v1.0.0")]);
    new.deprecations = deprecation("two\nlines | `code` <script>");
    let diff = Diff::between(&old, &new);
    let (text, markdown) = (diff.to_text(), diff.to_markdown());
    for told in [&text, &markdown] {
        assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told}");
        assert!(!told.contains("two\nlines"), "{told}");
        for (at, _) in told.match_indices("<script>") {
            let line = told[..at].rsplit('\n').next().unwrap();
            assert_eq!(line.matches('`').count() % 2, 1, "outside code: {line}");
        }
    }
    let row = markdown
        .lines()
        .find(|line| line.starts_with("| `a"))
        .unwrap();
    assert_eq!(row.replace("\\|", "").matches('|').count(), 5, "{row}");
}

#[test]
fn what_is_wrong_with_a_new_package_is_told() {
    let nothing = Catalog::default();
    let mut new = package(&[("stable", "v1.0.0")]);
    new.channels[0].entries = Some(vec![entry("v2.0.0")]);
    let text = Diff::between(&nothing, &new).to_text();
    assert!(
        text.contains("!! `v1.0.0`: in no channel, so it cannot be installed"),
        "{text}"
    );
}

#[test]
fn long_lists_are_shortened_in_texts_and_whole_in_json() {
    let entries: Vec<String> = (1..=200)
        .map(|minor| format!("v1.{minor}.0>v1.{}.0", minor - 1))
        .collect();
    let (old, new) = (
        package(&[("stable", "v1.200.0>v1.199.0")]),
        package(&[("stable", &entries.join(", "))]),
    );
    let diff = Diff::between(&new, &old);
    let (text, markdown) = (diff.to_text(), diff.to_markdown());
    assert!(text.contains("… and 189 more"), "{text}");
    assert!(text.lines().count() < 60, "{text}");
    assert!(markdown.contains("… and 149 more."), "{markdown}");
    let json = serde_json::to_value(&diff).unwrap();
    let bundles = json["packages"][0]["bundles"].as_array().unwrap();
    assert_eq!(bundles.len(), 199);
    let left = &json["packages"][0]["channels"][0]["effects"][0];
    assert_eq!(left["kind"], "left_behind");
    assert_eq!(left["bundles"].as_array().unwrap().len(), 198);
}
