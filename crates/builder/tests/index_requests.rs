//! Removing, emptying, deprecating and merging: what the index image holds afterwards, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeMap;

use builder::{
    BinaryImage, Checkpoint, ContentError, Error, MigrateLevel, Overwrite, RemoveRequest, Scope,
};
use samples::Bundle;
use support::Observer;
use support::index::{Index, SCHEMA, content, names};

/// The OCP version of an index that says none.
const VERSION: &str = "v4.5";

#[tokio::test]
async fn packages_leave_an_sqlite_index() {
    let index = Index::start().await;
    let removed = index.remove("sqlite", &["alpha"], "1").await.unwrap();
    assert_eq!(removed.packages, names(&["alpha"]));
    assert_eq!(index.packages("1").await, ["beta"]);

    let refused = content(index.remove("sqlite", &["alpha", "gamma"], "2").await);
    assert!(matches!(refused, ContentError::Remove { .. }));
    let report = Error::from(refused).report();
    assert!(report.contains("gamma"), "{report}");
    let tags = index.world.tags("iib-build").await;
    assert!(!tags.iter().any(|tag| tag.as_str() == "2"), "{tags:?}");
}

#[tokio::test]
async fn packages_leave_a_file_based_index_with_their_deprecations() {
    let index = Index::file_based().await;
    assert_eq!(index.packages("files").await, ["alpha", "beta"]);
    index.deprecate("files", "beta", SCHEMA, "3").await.unwrap();
    assert!(
        has_deprecations(&index, "3").await,
        "they are in the catalog"
    );

    let removed = index.remove("3", &["beta", "gamma"], "4").await.unwrap();
    assert_eq!(removed.packages, names(&["beta"]));
    assert_eq!(removed.absent, names(&["gamma"]));
    assert_eq!(index.packages("4").await, ["alpha"]);
    assert!(
        !has_deprecations(&index, "4").await,
        "they went with the package"
    );
    // The database forgot it too: it can be added again.
    let beta = index.bundle("beta", "1.0.0").await;
    index.add(Some("4"), &[beta], &[], "5").await.unwrap();
    assert_eq!(index.packages("5").await, ["alpha", "beta"]);

    for name in ["../alpha", "", ".."] {
        let refused = content(index.remove("files", &[name], "6").await);
        assert!(
            matches!(refused, ContentError::PackageName { .. }),
            "{name}"
        );
    }
}

/// Whether deprecations of `beta` are in the image, byte for byte as the replaced service writes them.
async fn has_deprecations(index: &Index, tag: &str) -> bool {
    let path = "/configs/_operator-deprecations-content/beta/beta.json";
    let Some(found) = index.file(tag, path).await else {
        return false;
    };
    let expected = r#"{"schema": "olm.deprecations", "package": "beta", "entries": [{"reference": {"schema": "olm.package"}, "message": "gone soon: gr\u00fcn"}]}"#;
    assert_eq!(found, expected);
    true
}

#[tokio::test]
async fn deprecations_that_fit_nothing_are_refused() {
    let index = Index::file_based().await;
    let unknown = content(index.deprecate("files", "gamma", SCHEMA, "3").await);
    assert!(matches!(unknown, ContentError::NotInDatabase { package, .. } if package == "gamma"));
    let broken = content(index.deprecate("files", "beta", "{", "3").await);
    assert!(matches!(broken, ContentError::DeprecationSchema { .. }));
    let elsewhere = SCHEMA.replace(
        r#"{"schema":"olm.package"}"#,
        r#"{"schema":"olm.channel","name":"none"}"#,
    );
    let invalid = index
        .deprecate("files", "beta", &elsewhere, "3")
        .await
        .unwrap_err();
    assert!(invalid.report().contains("none"), "{}", invalid.report());
    let sqlite = content(index.deprecate("sqlite", "beta", SCHEMA, "3").await);
    assert!(matches!(sqlite, ContentError::NotFileBased { .. }));
}

#[tokio::test]
async fn an_empty_index_keeps_kind_and_labels() {
    let index = Index::file_based().await;
    for (from, file_based, tag) in [
        ("sqlite", false, "1"),
        ("sqlite", true, "2"),
        ("files", true, "3"),
    ] {
        index.empty(from, file_based, tag).await.unwrap();
        let summary = index.look(tag).await;
        assert_eq!(summary.catalog.packages, [], "{tag}");
        assert_eq!(
            summary.catalog.database_bytes.is_none(),
            file_based,
            "{tag}"
        );
        let label = summary.image.labels.get("com.example.made");
        assert_eq!(label.map(String::as_str), Some("empty"), "{tag}");
    }
    // Again, from what is empty already.
    index.empty("1", false, "4").await.unwrap();
    let refused = content(index.empty("files", false, "5").await);
    assert!(matches!(refused, ContentError::DatabaseFromFiles { .. }));
}

#[tokio::test]
async fn bundles_are_deprecated_with_those_below_them() {
    for file_based in [false, true] {
        let index = if file_based {
            Index::file_based().await
        } else {
            Index::start().await
        };
        let from = if file_based { "files" } else { "sqlite" };
        let old = index.bundle("alpha", "1.0.0").await;
        let next = Bundle::simple("alpha", "1.1.0", "stable", Some("alpha.v1.0.0"));
        let next = index.world.bundle(&next).await;
        let last = Bundle::simple("alpha", "1.2.0", "stable", Some("alpha.v1.1.0"));
        let last = index.world.bundle(&last).await;
        index
            .add(Some(from), &[next.clone(), last], &[next, old], "1")
            .await
            .unwrap();
        // A catalog made of a database leaves deprecated bundles out.
        let all = ["alpha.v1.1.0", "alpha.v1.2.0", "beta.v1.0.0"];
        let shown = if file_based { &all[1..] } else { &all[..] };
        assert_eq!(index.bundles("1").await, shown);
        // Of a package whose head is deprecated nothing stays.
        let beta = index.bundle("beta", "1.0.0").await;
        index
            .add(Some("1"), &[], std::slice::from_ref(&beta), "2")
            .await
            .unwrap();
        assert_eq!(index.packages("2").await, ["alpha"]);
        // What the index does not have is not deprecated.
        index.add(Some("2"), &[], &[beta], "3").await.unwrap();
        assert_eq!(index.packages("3").await, ["alpha"]);
    }
}

#[tokio::test]
async fn a_merge_brings_what_the_source_lacks() {
    let index = Index::file_based().await;
    let gamma = index.bundle("gamma", "1.0.0").await;
    index
        .add(Some("sqlite"), std::slice::from_ref(&gamma), &[], "more")
        .await
        .unwrap();
    index
        .add(
            Some("files"),
            std::slice::from_ref(&gamma),
            &[],
            "more-files",
        )
        .await
        .unwrap();
    for (source, target, tag) in [
        ("sqlite", "more", "1"),
        ("sqlite", "more-files", "2"),
        ("files", "more-files", "3"),
    ] {
        let merged = index
            .merge(&index.merging(source, Some(target), tag))
            .await
            .unwrap();
        assert_eq!(merged.added, std::slice::from_ref(&gamma), "{tag}");
        assert_eq!(merged.deprecated, Vec::<String>::new(), "{tag}");
        assert_eq!(
            index.packages(tag).await,
            ["alpha", "beta", "gamma"],
            "{tag}"
        );
        let kept_kind = index.look(tag).await.catalog.database_bytes.is_none();
        assert_eq!(kept_kind, target != "more", "{tag}");
    }
    // Without a target there is nothing to bring.
    let alone = index
        .merge(&index.merging("sqlite", None, "4"))
        .await
        .unwrap();
    assert_eq!(alone.added, []);
    assert_eq!(index.packages("4").await, ["alpha", "beta"]);

    let refused = content(
        index
            .merge(&index.merging("files", Some("more"), "5"))
            .await,
    );
    assert!(matches!(
        refused,
        ContentError::MergesFilesIntoDatabase { .. }
    ));
}

#[tokio::test]
async fn a_merge_deprecates_what_is_asked_for_and_what_is_not_for_the_version() {
    let index = Index::start().await;
    let gamma = index.bundle("gamma", "1.0.0").await;
    index
        .add(Some("sqlite"), std::slice::from_ref(&gamma), &[], "more")
        .await
        .unwrap();
    let mut request = index.merging("sqlite", Some("more"), "1");
    request.deprecations = vec![gamma.clone()];
    let merged = index.merge(&request).await.unwrap();
    assert_eq!(merged.deprecated, [gamma.to_string()]);
    assert_eq!(index.packages("1").await, ["alpha", "beta"]);

    // Nobody allowed it: bundles that do not say for which OCP versions they are do not stay.
    let mut request = index.merging("sqlite", Some("more"), "2");
    request.requester = Some("somebody".to_owned());
    let merged = index.merge(&request).await.unwrap();
    assert_eq!(merged.deprecated.len(), 3, "{:?}", merged.deprecated);
    assert_eq!(index.packages("2").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_merge_overwrites_its_target_alone() {
    let index = Index::start().await;
    let gamma = index.bundle("gamma", "1.0.0").await;
    index
        .add(Some("sqlite"), &[gamma], &[], "more")
        .await
        .unwrap();
    let source = index.world.digest("iib-build", "sqlite").await;
    let mut request = index.merging("sqlite", Some("more"), "1");
    request.index.overwrite = Overwrite::Yes;
    let merged = index.merge(&request).await.unwrap();
    let target = index.world.digest("iib-build", "more").await;
    assert_eq!(target, Some(merged.built.digest.to_string()));
    assert_eq!(index.world.digest("iib-build", "sqlite").await, source);
}

#[tokio::test]
async fn a_merge_without_a_target_overwrites_nothing() {
    let index = Index::start().await;
    let source = index.world.digest("iib-build", "sqlite").await;
    let mut request = index.merging("sqlite", None, "1");
    request.index.overwrite = Overwrite::Yes;
    let refused = index.merge(&request).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "the merge is to overwrite its target index, but none is given, and `{}` is merged, not overwritten; name the target with `target_index`",
            request.source
        )
    );
    assert_eq!(index.world.digest("iib-build", "sqlite").await, source);
    assert_eq!(index.world.digest("iib-build", "1").await, None);
}

#[tokio::test]
async fn the_database_is_shown_as_the_configured_release_does() {
    let index = Index::file_based().await;
    let mut config = index.world.builder.config().clone();
    config
        .migrate_levels
        .insert(VERSION.to_owned(), MigrateLevel::BundleObjects);
    let older = index.world.builder.clone().with_config(config);
    let remove = |from: &str, package: &str, tag: &str| RemoveRequest {
        packages: names(&[package]),
        index: index.request(Some(from), tag),
    };
    let (observer, start) = (Observer::default(), Checkpoint::default());
    let first = older
        .remove(&remove("files", "none", "1"), &observer, start.clone())
        .await
        .unwrap();
    // A change of what is configured shows all packages anew, touched or not.
    assert_eq!(
        first.built.migrate_level,
        Some(MigrateLevel::CsvMetadata),
        "nothing was rendered"
    );
    let gamma = index.bundle("gamma", "1.0.0").await;
    let mut request = index.world.request(gamma, "2");
    request.index = index.request(Some("files"), "2");
    let added = older.add(&request, &observer, start.clone()).await.unwrap();
    assert_eq!(added.built.migrate_level, Some(MigrateLevel::BundleObjects));
    for package in ["alpha", "beta", "gamma"] {
        let text = index.catalog("2", package).await;
        assert!(text.contains("olm.bundle.object"), "{text}");
        assert!(!text.contains("olm.csv.metadata"), "{text}");
    }
    let kept = older
        .remove(&remove("2", "gamma", "3"), &observer, start)
        .await
        .unwrap();
    assert_eq!(kept.built.migrate_level, Some(MigrateLevel::BundleObjects));
    index.remove("2", &["gamma"], "4").await.unwrap();
    let text = index.catalog("4", "alpha").await;
    assert!(text.contains("olm.csv.metadata"), "{text}");
}

#[tokio::test]
async fn a_binaryless_index_carries_its_catalog_alone() {
    let index = Index::file_based().await;
    let mut config = index.world.builder.config().clone();
    let scratch = BTreeMap::from([(VERSION.to_owned(), BinaryImage::Scratch)]);
    config.binary_images.insert(Scope::Prod, scratch);
    let builder = index.world.builder.clone().with_config(config);
    let remove = |from: &str, tag: &str| {
        let mut index = index.request(Some(from), tag);
        index.binary_image = None;
        RemoveRequest {
            packages: names(&["alpha"]),
            index,
        }
    };
    let (observer, start) = (Observer::default(), Checkpoint::default());
    let done = builder
        .remove(&remove("files", "1"), &observer, start.clone())
        .await
        .unwrap();
    let (manifest, config) = {
        let digest = done.built.images.values().next().unwrap();
        index.world.image("iib-build", digest).await
    };
    assert_eq!(manifest.layers.len(), done.built.layers.len());
    let run = config.config.unwrap();
    assert_eq!((run.entrypoint, run.cmd), (None, None));
    assert_eq!(index.packages("1").await, ["beta"]);

    let refused = builder
        .remove(&remove("sqlite", "2"), &observer, start)
        .await;
    assert!(matches!(refused, Err(Error::BinarylessDatabase)));
}
