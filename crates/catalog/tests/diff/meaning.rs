//! What changes mean for clusters.

use catalog::diff::Diff;
use catalog::fbc::{Bundle, Catalog, Icon, RelatedImage, canonical};

use crate::catalogs::{deprecation, package, property};

/// What the changes of the only package mean, those that need attention with `!!` before them.
fn effects(old: &Catalog, new: &Catalog) -> Vec<String> {
    let diff = Diff::between(old, new);
    let effects = diff.packages.iter().flat_map(|package| {
        let mut effects = Vec::new();
        for effect in package.all_effects() {
            let mark = if effect.needs_attention() { "!! " } else { "" };
            effects.push(format!("{mark}{effect}"));
        }
        effects
    });
    effects.collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn changed_graphs_say_what_clusters_are_offered() {
    let table: &[(&str, &str, &[&str])] = &[
        (
            "v1.0.0",
            "v1.0.0, v2.0.0>v1.0.0",
            &["clusters on `v1.0.0` are offered `v2.0.0`"],
        ),
        (
            "v1.0.0",
            "v1.0.0, v2.0.0!v1.0.0",
            &["clusters on `v1.0.0` are offered `v2.0.0`"],
        ),
        (
            "v1.0.0",
            "v2.0.0~>=1.0.0 <2.0.0",
            &["clusters on `v1.0.0` are offered `v2.0.0`"],
        ),
        (
            "v1.0.0",
            "v1.0.0, v2.0.0>v1.0.0, v3.0.0>v2.0.0",
            &["clusters on `v1.0.0` reach `v3.0.0` in 2 updates"],
        ),
        // A range shortens the way.
        (
            "v1.0.0",
            "v1.0.0, v2.0.0>v1.0.0, v3.0.0>v2.0.0~<3.0.0",
            &["clusters on `v1.0.0` are offered `v3.0.0`"],
        ),
        (
            "v1.0.0",
            "v2.0.0",
            &[
                "!! clusters on `v1.0.0` get no update to `v2.0.0`: nothing leads from one to the other",
            ],
        ),
        // A range that cannot be read skips nothing.
        (
            "v1.0.0",
            "v2.0.0~anything",
            &[
                "!! clusters on `v1.0.0` get no update to `v2.0.0`: nothing leads from one to the other",
            ],
        ),
        (
            "v1.0.0, v2.0.0>v1.0.0",
            "v1.0.0",
            &[
                "!! the head goes back: clusters on `v2.0.0` stay there, new subscriptions install `v1.0.0`",
            ],
        ),
        (
            "v1.0.0, v1.1.0>v1.0.0, v2.0.0>v1.1.0",
            "v1.1.0, v2.0.0>v1.1.0",
            &[
                "!! gone from the channel, and no updates lead to the head from `v1.0.0`; clusters that run them stay behind",
            ],
        ),
        (
            "v1.0.0, v1.1.0>v1.0.0, v2.0.0>v1.1.0",
            "v2.0.0>v1.1.0~<1.1.0",
            &["gone from the channel, but updates still lead to the head from `v1.0.0`, `v1.1.0`"],
        ),
        // Still in the channel, but nothing leads on from it.
        (
            "v1.0.0, v1.1.0>v1.0.0, v2.0.0>v1.1.0",
            "v1.0.0, v1.1.0!v1.0.0, v2.0.0",
            &[
                "!! what this means cannot be told: now, the channel has several heads, `v1.1.0`, `v2.0.0`",
            ],
        ),
        (
            "v1.0.0, v2.0.0>v1.0.0",
            "v1.0.0>v1.0.0, v2.0.0",
            &[
                "!! no updates lead to the head any more from `v1.0.0`; clusters that run them stay behind",
            ],
        ),
        (
            "v1.0.0>v1.0.0, v2.0.0",
            "v1.0.0, v2.0.0>v1.0.0",
            &["updates lead to the head now from `v1.0.0`, where none did before"],
        ),
        // Circles end.
        (
            "v1.0.0, v2.0.0>v1.0.0",
            "v1.0.0>v2.0.0, v2.0.0>v1.0.0",
            &["!! what this means cannot be told: now, the channel has no head"],
        ),
        (
            "v1.0.0, v2.0.0>v1.0.0",
            "v1.0.0>v1.1.0, v1.1.0>v1.0.0, v2.0.0>v1.0.0",
            &["the bundles of both catalogs get updates up to the head as before"],
        ),
        (
            "",
            "v1.0.0",
            &["!! what this means cannot be told: before, the channel has no head"],
        ),
        (
            "v1.0.0, v1.1.0>v1.0.0~<1.0.0",
            "v1.0.0, v1.1.0>v1.0.0",
            &["the bundles of both catalogs get updates up to the head as before"],
        ),
    ];
    for (old, new, expected) in table {
        let (old_catalog, new_catalog) = (package(&[("c", old)]), package(&[("c", new)]));
        let diff = Diff::between(&old_catalog, &new_catalog);
        let effects: Vec<String> = (diff.packages[0].channels[0].effects.iter())
            .map(|effect| {
                let mark = if effect.needs_attention() { "!! " } else { "" };
                format!("{mark}{effect}")
            })
            .collect();
        assert_eq!(&effects, expected, "{old} → {new}");
    }
}

#[test]
fn switching_channels_is_judged_too() {
    let old = package(&[("fast", "v2.0.0~<2.0.0"), ("stable", "v1.0.0")]);
    let new = package(&[("fast", "v2.0.0"), ("stable", "v1.0.0")]);
    assert_eq!(
        effects(&old, &new),
        ["!! clusters that switch to this channel get no update any more from `v1.0.0`"]
    );
    assert_eq!(
        effects(&new, &old),
        ["clusters that switch to this channel get updates now from `v1.0.0`"]
    );
}

#[test]
fn channels_and_packages_that_come_and_go_say_what_happens_to_subscriptions() {
    let one = package(&[("stable", "v1.0.0")]);
    let two = package(&[("stable", "v1.0.0"), ("fast", "v1.0.0")]);
    let other_default = package(&[("fast", "v1.0.0"), ("stable", "v1.0.0")]);
    let nothing = Catalog::default();
    let none_left = package(&[]);
    let lost_default = Catalog {
        channels: Vec::new(),
        ..one.clone()
    };
    let table: [(&Catalog, &Catalog, &[&str]); 6] = [
        (&one, &two, &["new subscriptions to it install `v1.0.0`"]),
        (
            &two,
            &one,
            &["!! clusters that follow it keep what they run and get no more updates"],
        ),
        (
            &two,
            &other_default,
            &[
                "new subscriptions that name no channel follow `fast` and install `v1.0.0`; those that name a channel stay in it",
            ],
        ),
        (
            &one,
            &lost_default,
            &[
                "!! the default channel `stable` is not there: subscriptions that name no channel install nothing",
                "!! clusters that follow it keep what they run and get no more updates",
            ],
        ),
        (
            &nothing,
            &none_left,
            &["!! no default channel: subscriptions that name no channel install nothing"],
        ),
        (
            &nothing,
            &one,
            &[
                "new subscriptions that name no channel follow `stable` and install `v1.0.0`",
                "new subscriptions to it install `v1.0.0`",
                "can be installed from `stable`",
            ],
        ),
    ];
    for (old, new, expected) in table {
        assert_eq!(effects(old, new), expected);
    }
    assert_eq!(
        effects(&one, &nothing),
        ["!! clusters keep what they run and get no more updates; it cannot be installed any more"],
        "what goes with its package is told once"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn other_changes_say_what_they_mean() {
    type Edit = fn(&mut Catalog);
    let table: &[(Edit, &[&str])] = &[
        (
            |catalog| catalog.bundles[0].image = "quay.io/ns/p@sha256:other".into(),
            &[
                "!! new installations get another image; clusters that run it do not notice, as the name is the same",
            ],
        ),
        (
            |catalog| catalog.bundles[0].image = "mirror.example/p@sha256:1.0.0".into(),
            &["the same image from another place; clusters that run it do not notice"],
        ),
        (
            |catalog| catalog.bundles[0].properties[0] = canonical::package("p", "1.0.1", ""),
            &[
                "!! another version under the same name: ranges and dependencies judge it differently",
            ],
        ),
        (
            |catalog| {
                let required = canonical::gvk_required("example.com", "Thing", "v1");
                catalog.bundles[0].properties.push(required);
            },
            &[
                "needs other packages or APIs: clusters that cannot provide them get no update to it",
            ],
        ),
        (
            |catalog| {
                let provided = canonical::gvk("example.com", "Thing", "v1");
                catalog.bundles[0].properties.push(provided);
            },
            &["provides other APIs: operators that depend on them may resolve differently"],
        ),
        (
            |catalog| {
                let limit = property("olm.maxOpenShiftVersion", "\"4.20\"");
                catalog.bundles[0].properties.push(limit);
            },
            &[
                "allows other OpenShift versions: it may block the update of clusters, or stop blocking it",
            ],
        ),
        (
            |catalog| {
                catalog.bundles[0].related_images.push(RelatedImage {
                    name: "operand".to_owned(),
                    image: "quay.io/ns/operand:v1".to_owned(),
                });
            },
            &["mirrors for disconnected clusters must copy other images"],
        ),
        (
            |catalog| {
                catalog.bundles[0]
                    .properties
                    .push(property("olm.csv.metadata", "{}"));
            },
            &["consoles show something else; updates are not affected"],
        ),
        (
            |catalog| {
                let manifest = canonical::bundle_object(b"{}");
                catalog.bundles[0].properties.push(manifest);
            },
            &["consoles show something else; updates are not affected"],
        ),
        (
            |catalog| catalog.packages[0].description = "words".into(),
            &["consoles show something else; updates are not affected"],
        ),
        (
            |catalog| catalog.packages[0].icon = Some(Icon::default()),
            &["consoles show something else; updates are not affected"],
        ),
        (
            |catalog| catalog.deprecations = deprecation("use v2"),
            &["users see a warning; updates are not affected"],
        ),
        (
            |catalog| {
                let unlisted = Bundle {
                    name: "v0.1.0".to_owned(),
                    ..catalog.bundles[0].clone()
                };
                catalog.bundles.push(unlisted);
            },
            &["!! in no channel, so it cannot be installed"],
        ),
        (
            |catalog| {
                catalog.bundles.pop();
            },
            &["cannot be installed any more; clusters that run it keep it"],
        ),
        (
            |catalog| catalog.channels[0].entries.as_mut().unwrap().reverse(),
            &["only the order or form of what is written differs; clusters do not notice"],
        ),
        (
            |catalog| catalog.bundles.push(catalog.bundles[1].clone()),
            &[
                "only the order or form of what is written differs; clusters do not notice",
                "!! what this means cannot be told: there are 2 `olm.bundle` blobs of this name, of which the first is compared",
            ],
        ),
    ];
    let old = package(&[("stable", "v1.0.0, v2.0.0>v1.0.0")]);
    for (number, (change, expected)) in table.iter().enumerate() {
        let mut new = old.clone();
        change(&mut new);
        assert_eq!(&effects(&old, &new), expected, "change {number}");
    }
}

#[test]
fn deprecations_are_compared_one_by_one() {
    let none = package(&[("stable", "v1.0.0")]);
    let [first, second] = ["use v2", "use v3"].map(|message| Catalog {
        deprecations: deprecation(message),
        ..none.clone()
    });
    assert_eq!(effects(&first, &second), ["users see another warning"]);
    assert_eq!(effects(&first, &none), ["users see no warning any more"]);
    let diff = Diff::between(&first, &second);
    assert!(
        diff.to_text()
            .contains("~ bundle `v1.0.0`  `use v2` → `use v3`"),
        "{}",
        diff.to_text()
    );
}

#[test]
fn hostile_graphs_cost_bounded_time() {
    // Every range would be compared with every version.
    let entries: Vec<String> = (0..3000)
        .map(|minor| format!("v1.{minor}.0>v1.{}.0~>=9.0.0", minor + 1))
        .collect();
    let old = package(&[("stable", &entries.join(", "))]);
    let mut new = old.clone();
    new.channels[0].entries.as_mut().unwrap()[5]
        .skips
        .push("v0.1.0".to_owned());
    assert_eq!(
        effects(&old, &new),
        ["!! what this means cannot be told: the channel has too many entries with a `skipRange`"]
    );
}
