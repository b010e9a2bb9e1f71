//! Adding bundles, through the public interface; the rules are those of the index database specification, sections 3 to 6.

use super::support::{Index, check_refused, spec};
use catalog::Profile;
use indexdb::{AddOptions, Error, Mode};

#[test]
fn a_chain_with_skips_gets_synthetic_entries() {
    let mut index = Index::new();
    index
        .add(&[
            spec("p", "1.2.0")
                .replaces("p.v1.1.0")
                .skips("p.v1.1.1, p.v1.0.0"),
            spec("p", "1.1.0").replaces("p.v1.0.0"),
            spec("p", "1.0.0"),
        ])
        .unwrap();
    assert_eq!(
        index.entries(),
        [
            "stable p.v1.2.0@0>p.v1.1.0@3",
            "stable p.v1.1.1@1>-",
            "stable p.v1.2.0@1>p.v1.1.1@1",
            "stable p.v1.0.0@2>-",
            "stable p.v1.2.0@2>p.v1.0.0@2",
            "stable p.v1.1.0@3>p.v1.0.0@4",
            "stable p.v1.0.0@4>-",
        ]
    );
}

#[test]
fn each_recomputation_adds_a_package_property_to_every_bundle_visited() {
    let index = Index::with(&[
        spec("p", "1.0.0"),
        spec("p", "1.1.0").replaces("p.v1.0.0"),
        spec("p", "1.2.0").replaces("p.v1.1.0"),
    ]);
    let properties = index.table("properties");
    let count = |name: &str| {
        properties
            .iter()
            .filter(|row| row["operatorbundle_name"] == name)
            .count()
    };
    assert_eq!(["p.v1.0.0", "p.v1.1.0", "p.v1.2.0"].map(count), [4, 3, 2]);
}

#[test]
fn the_order_of_the_request_does_not_matter() {
    let specs = || {
        [
            spec("p", "1.0.0").channels("a,b", "a"),
            spec("p", "1.1.0").channels("a,b", "b").replaces("p.v1.0.0"),
        ]
    };
    let (mut forwards, mut backwards) = (Index::new(), Index::new());
    let [low, high] = specs();
    forwards.add(&[low, high]).unwrap();
    let [low, high] = specs();
    backwards.add(&[high, low]).unwrap();
    assert_eq!(forwards.rows(), backwards.rows());
    assert_eq!(
        forwards.database.packages().unwrap()[0]
            .default_channel
            .as_deref(),
        Some("b")
    );
}

#[test]
fn an_image_given_twice_counts_once_and_no_bundles_change_nothing() {
    let mut index = Index::new();
    index
        .add(&[spec("p", "1.0.0"), spec("p", "1.0.0")])
        .unwrap();
    let before = index.rows();
    index.add(&[]).unwrap();
    assert_eq!(index.rows(), before);
    assert_eq!(index.entries(), ["stable p.v1.0.0@0>-"]);
}

#[test]
fn what_is_in_the_index_is_not_added_again() {
    let mut index = Index::with(&[spec("p", "1.0.0"), spec("q", "1.0.0")]);
    check_refused(
        index.add(&[spec("p", "1.0.0")]),
        "bundle image `img/p:1.0.0` already exists in package `p`",
    );
    check_refused(
        index.add(&[spec("p", "1.0.0").path("other")]),
        "bundle `p.v1.0.0` is already in channel `stable` of package `p`",
    );
    check_refused(
        index.add(&[spec("r", "1.0.0").name("q.v1.0.0")]),
        "bundle `q.v1.0.0` belongs to package `q`",
    );
    check_refused(
        index.add(&[
            spec("p", "2.0.0").replaces("q.v1.0.0"),
            spec("r", "1.0.0").skips("p.v2.0.0"),
        ]),
        "`p.v2.0.0` must belong to exactly one package, but is named in `p`, `r`",
    );
    let error = index.add(&[spec("p", "1.0.0")]).unwrap_err();
    assert_eq!(
        error.each().len(),
        2,
        "image and name are both named: {error}"
    );
}

#[test]
fn graphs_that_cannot_be_made_are_refused() {
    let mut index = Index::with(&[spec("p", "1.0.0"), spec("p", "1.1.0").replaces("p.v1.0.0")]);
    let new = |version: &str| spec("p", version);
    check_refused(
        index.add(&[new("2.0.0").replaces("p.v1.9.0")]),
        "`p.v2.0.0` of package `p` replaces `p.v1.9.0`",
    );
    check_refused(
        index.add(&[new("2.0.0").replaces("p.v2.0.0")]),
        "`p.v2.0.0` replaces `p.v2.0.0`, which is above it",
    );
    check_refused(
        index.add(&[new("1.1.0").name("x").path("y")]),
        "more than one bundle with the maximum version `1.1.0`",
    );
    check_refused(
        index.add(&[new("0.9.0")]),
        "adding bundle `p.v0.9.0` (`img/p:0.9.0`) prunes it",
    );
    check_refused(
        index.add(&[new("2.0.0").channels("a,b", "c")]),
        "`c` is proposed, but its channels are `a`, `b`, `stable`",
    );
    check_refused(
        index.add(&[new("2.0.0").skips("p.v2.0.0")]),
        "channel `stable` of package `p` has no head",
    );
    check_refused(
        index.add(&[new("2.0")]),
        "version of bundle `p.v2.0` of package `p` cannot be used",
    );
}

#[test]
fn one_bad_package_refuses_the_whole_call_and_all_problems_are_named() {
    let mut index = Index::new();
    let added = index.add(&[
        spec("good", "1.0.0"),
        spec("bad", "1.0.0").replaces("none"),
        spec("worse", "1").channels("a", "a"),
    ]);
    let error = added.unwrap_err();
    assert!(
        matches!(&error, Error::Several(errors) if errors.len() == 2),
        "{error}"
    );
    assert_eq!(index.database.packages().unwrap(), []);
}

#[test]
fn a_shared_api_keeps_its_plural_and_has_a_row_per_bundle() {
    let index = Index::with(&[
        spec("p", "1.0.0").api("owned", "Foo"),
        spec("q", "1.0.0").api("required", "Foo"),
    ]);
    assert_eq!(index.table("api").len(), 1);
    assert_eq!(
        index.table("api_provider")[0]["operatorbundle_name"],
        "p.v1.0.0"
    );
    assert_eq!(
        index.table("api_requirer")[0]["operatorbundle_name"],
        "q.v1.0.0"
    );
    assert_eq!(
        index.table("dependencies")[0]["value"]["blob"],
        r#"{"group":"example.com","kind":"Foo","version":"v1"}"#
    );
}

#[test]
fn overwriting_replaces_a_head_only() {
    let mut index = Index::with(&[spec("p", "1.0.0"), spec("p", "1.1.0").replaces("p.v1.0.0")]);
    let rebuilt = || spec("p", "1.1.0").path("rebuilt").replaces("p.v1.0.0");
    check_refused(
        index.overwrite(&[spec("p", "1.0.0").path("rebuilt")]),
        "`p.v1.0.0` of package `p` cannot be overwritten: `p.v1.1.0`",
    );
    check_refused(
        index.overwrite(&[spec("p", "1.1.0").replaces("p.v1.0.0")]),
        "already exists",
    );
    let dangling = spec("p", "1.1.0").path("rebuilt").replaces("none");
    check_refused(index.overwrite(&[dangling]), "not in the index");
    index.overwrite(&[rebuilt(), spec("q", "1.0.0")]).unwrap();
    let bundles = index.database.bundles().unwrap();
    let paths: Vec<&str> = bundles.iter().map(|bundle| bundle.path.as_str()).collect();
    assert_eq!(paths, ["img/p:1.0.0", "rebuilt", "img/q:1.0.0"]);
    assert_eq!(index.entries()[0], "stable p.v1.1.0@0>p.v1.0.0@1");
}

#[test]
fn overwriting_the_only_bundle_keeps_the_package() {
    let mut index = Index::with(&[spec("p", "1.0.0").api("owned", "Foo")]);
    index
        .overwrite(&[spec("p", "1.0.0").path("rebuilt").api("owned", "Foo")])
        .unwrap();
    assert_eq!(index.database.bundles().unwrap()[0].path, "rebuilt");
    assert_eq!(index.table("api_provider").len(), 1);
}

#[test]
fn a_head_that_leaves_a_channel_leaves_it_to_the_bundle_below() {
    let mut index = Index::with(&[
        spec("p", "1.0.0").channels("a,b", "a"),
        spec("p", "1.1.0").channels("a,b", "a").replaces("p.v1.0.0"),
    ]);
    index
        .overwrite(&[spec("p", "1.1.0")
            .path("rebuilt")
            .channels("a", "a")
            .replaces("p.v1.0.0")])
        .unwrap();
    assert_eq!(
        index.entries(),
        [
            "a p.v1.1.0@0>p.v1.0.0@1",
            "a p.v1.0.0@1>-",
            "b p.v1.0.0@0>-"
        ]
    );
}

#[test]
fn substitutes_take_the_place_of_their_base() {
    let enabled = AddOptions {
        substitutes_for: true,
        ..AddOptions::default()
    };
    let mut index = Index::with(&[spec("p", "1.0.0"), spec("p", "1.1.0").replaces("p.v1.0.0")]);
    let rebuild = || spec("p", "1.0.0+1").substitutes("p.v1.0.0");
    check_refused(index.add(&[rebuild()]), "alpha feature");
    index.add_with(&[rebuild()], enabled).unwrap();
    assert_eq!(
        index.entries(),
        [
            "stable p.v1.1.0@0>p.v1.0.0+1@1",
            "stable p.v1.0.0+1@1>-",
            "stable p.v1.0.0+1@2>p.v1.0.0@2",
            "stable p.v1.0.0@2>-",
        ]
    );
    check_refused(
        index.add_with(
            &[spec("p", "1.0.0+1")
                .name("same")
                .path("same")
                .substitutes("p.v1.0.0")],
            enabled,
        ),
        "have the same version",
    );
}

#[test]
fn the_release_of_a_substitute_is_stored_as_the_profile_says() {
    let whole = r#"{"packageName":"p","version":"1.0.0+1"}"#;
    let split = r#"{"packageName":"p","version":"1.0.0","release":"1"}"#;
    // The walk along the channel writes the whole version once more.
    for (profile, expected) in [
        (Profile::A, vec![whole, split]),
        (Profile::B, vec![whole, whole]),
    ] {
        let options = AddOptions {
            substitutes_for: true,
            profile,
            ..AddOptions::default()
        };
        let mut index = Index::with(&[spec("p", "1.0.0")]);
        let substitute = spec("p", "1.0.0+1").substitutes("p.v1.0.0");
        index.add_with(&[substitute], options).unwrap();
        let properties = index.table("properties");
        let values: Vec<&str> = properties
            .iter()
            .filter(|row| row["operatorbundle_name"] == "p.v1.0.0+1")
            .map(|row| row["value"].as_str().unwrap())
            .collect();
        assert_eq!(values, expected, "{profile}");
        let unreleased = spec("p", "1.1.0").substitutes("p.v1.0.0");
        let added = index.add_with(&[unreleased], options);
        if profile == Profile::A {
            check_refused(added, "`img/p:1.1.0` cannot be used: `p.v1.1.0` has");
        } else {
            added.unwrap();
        }
    }
}

#[test]
fn annotated_properties_that_cannot_be_stored_refuse_the_bundle() {
    let mut index = Index::new();
    for (properties, expected) in [
        ("[", "`olm.properties` cannot be used"),
        (
            r#"[{"type":"olm.gvk","value":1}]"#,
            "must be a mapping with texts under `group`",
        ),
    ] {
        let added = index.add(&[spec("p", "1.0.0").annotated("olm.properties", properties)]);
        check_refused(added, expected);
    }
}

#[test]
fn semver_orders_by_version_and_clears_what_is_no_head() {
    let mut index = Index::new();
    index
        .add_mode(
            Mode::Semver,
            &[spec("p", "1.2.0"), spec("p", "1.0.0"), spec("p", "1.1.0")],
        )
        .unwrap();
    assert_eq!(
        index.entries(),
        [
            "stable p.v1.2.0@0>p.v1.1.0@1",
            "stable p.v1.1.0@1>p.v1.0.0@2",
            "stable p.v1.0.0@2>-"
        ]
    );
    let cleared = index
        .table("operatorbundle")
        .iter()
        .filter(|row| row["csv"].is_null())
        .count();
    assert_eq!(cleared, 2);
    check_refused(
        index.add_mode(Mode::Semver, &[spec("p", "1.1.0+1")]),
        "is already in channel `stable`",
    );
    check_refused(
        index.add_mode(
            Mode::Semver,
            &[spec("p", "2.0.0").channels("stable", "none")],
        ),
        "default channel `none`",
    );
}

#[test]
fn skippatch_skips_lower_patches() {
    let mut index = Index::new();
    let mode = Mode::SemverSkippatch;
    index
        .add_mode(
            mode,
            &[spec("p", "1.0.2"), spec("p", "1.0.0"), spec("p", "1.0.1")],
        )
        .unwrap();
    assert_eq!(
        index.entries(),
        [
            "stable p.v1.0.2@0>p.v1.0.1@1",
            "stable p.v1.0.1@1>-",
            "stable p.v1.0.0@2>-",
            "stable p.v1.0.1@2>p.v1.0.0@2"
        ]
    );
    check_refused(
        index.add_mode(mode, &[spec("p", "1.1.0"), spec("p", "1.1.1")]),
        "is invalid",
    );
}

#[test]
fn modes_are_read_in_any_case() {
    assert_eq!("Semver-SkipPatch".parse(), Ok(Mode::SemverSkippatch));
    assert!(
        "semverskippatch"
            .parse::<Mode>()
            .unwrap_err()
            .to_string()
            .contains("choose")
    );
}
