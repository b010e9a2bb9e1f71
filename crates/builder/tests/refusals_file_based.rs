//! Catalogs and hidden databases that a request cannot work on: the error says what is wrong where, and nothing is published.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeMap;

use builder::{ContentError, Error};
use oci::{ImageRepository, PullSpec};
use samples::Bundle;
use support::files::{FILE_BASED, HIDDEN, json};
use support::index::{Index, SCHEMA};

#[tokio::test]
async fn without_a_hidden_database_each_request_says_what_to_do_instead() {
    let index = Index::start().await;
    let (world, files) = (&index.world, [json("gamma", 1)]);
    world
        .push_catalog("iib-build", "bare", &[FILE_BASED], &files, None)
        .await;
    let one = index.bundle("one", "1.0.0").await;
    let added = index.add(Some("bare"), &[one], &[], "refused").await;
    let removed = index.remove("bare", &["gamma"], "refused").await;
    let emptied = index.empty("bare", true, "refused").await;
    let merged = index.merge(&index.merging("bare", None, "refused")).await;
    let deprecated = index.deprecate("bare", "gamma", SCHEMA, "refused").await;
    for (done, need) in [
        (added, "change its packages with catalog fragments"),
        (
            removed.map(|removed| removed.built),
            "packages are removed from; name an index image that has one",
        ),
        (
            emptied,
            "an empty index keeps; name an index image that has one",
        ),
        (
            merged.map(|merged| merged.built),
            "name a source that has one",
        ),
        (deprecated, "put the deprecations into a catalog fragment"),
    ] {
        let error = index
            .refused(done, &["iib-build:bare`", HIDDEN, need])
            .await;
        assert!(matches!(
            error,
            Error::Content(ContentError::NoHiddenDatabase { .. })
        ));
    }
}

/// What an add and a removal say of a file-based index whose catalog has these files.
async fn check_files(files: &[(&str, &str)], add: &[&str], remove: &[&str]) {
    let index = Index::start().await;
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    index.push_foreign("files", &files, "").await;
    let one = index.bundle("one", "1.0.0").await;
    let added = index.add(Some("files"), &[one], &[], "refused").await;
    let named = "iib-build:files`";
    index.refused(added, &[add, &[named]].concat()).await;
    let removed = index.remove("files", &["alpha"], "refused").await;
    index.refused(removed, &[remove, &[named]].concat()).await;
}

#[tokio::test]
async fn files_in_yaml_that_cannot_become_json_are_named() {
    let blob = "schema: olm.package\nname: gamma\ndefaultChannel: stable\n";
    let twins = [("gamma/a.yaml", blob), ("gamma/a.yml", "schema: x\n")];
    let both = ["would both become `gamma/a.json`", "rename one"];
    check_files(&twins, &both, &both).await;

    let empty = ["`gamma/a.yaml`", "the file is empty; delete it"];
    check_files(&[("gamma/a.yaml", "")], &empty, &empty).await;
}

#[tokio::test]
async fn documents_without_content_or_sense_are_named() {
    // An add lists the bundles first, and reads the files as the catalog server does.
    let listed = ["`gamma/a.yaml`", "correct it"];
    for (text, removed) in [
        ("# nothing\n", "no document with content"),
        ("schema: [\n", "not valid YAML"),
    ] {
        let named = ["`gamma/a.yaml`", removed];
        check_files(&[("gamma/a.yaml", text)], &listed, &named).await;
    }
}

#[tokio::test]
async fn an_empty_document_among_others_fails_what_lists_the_bundles() {
    let text = "schema: olm.package\nname: gamma\ndefaultChannel: stable\n---\n# nothing\n---\n\
        schema: olm.channel\npackage: gamma\nname: stable\nentries: [{name: gamma.v1}]\n---\n\
        schema: olm.bundle\npackage: gamma\nname: gamma.v1\nimage: quay.io/x/gamma:v1\n\
        properties: [{type: olm.package, value: {packageName: gamma, version: 1.0.0}}]\n";
    let files = [("gamma/a.yaml".to_owned(), text.to_owned())];
    let index = Index::start().await;
    index.push_foreign("files", &files, "").await;
    let one = [index.bundle("one", "1.0.0").await];
    let added = index.add(Some("files"), &one, &[], "refused").await;
    let expected = ["iib-build:files`", "`gamma/a.yaml`", "line 5", "`schema`"];
    index.refused(added, &expected).await;
    // A removal leaves it out.
    index.remove("files", &["alpha"], "1").await.unwrap();
    assert_eq!(index.packages("1").await, ["beta", "gamma"]);
}

/// What an add of another package and the removal of `alpha` say of the file-based index `iib-build:files`.
async fn check_others(index: &Index, expected: &[&str], is_right: fn(&ContentError) -> bool) {
    let one = [index.bundle("one", "1.0.0").await];
    let added = index.add(Some("files"), &one, &[], "refused").await;
    let removed = index.remove("files", &["alpha"], "refused").await;
    for done in [added, removed.map(|removed| removed.built)] {
        let error = index.refused(done, expected).await;
        assert!(matches!(&error, Error::Content(error) if is_right(error)));
    }
}

#[tokio::test]
async fn a_catalog_that_would_be_invalid_is_refused_naming_the_package() {
    let index = Index::start().await;
    let (path, text) = json("gamma", 1);
    let text = text.replace(r#""defaultChannel":"stable""#, r#""defaultChannel":"none""#);
    index.push_foreign("files", &[(path, text)], "").await;
    let expected = ["iib-build:files` cannot be served", "gamma"];
    check_others(&index, &expected, |error| {
        matches!(error, ContentError::Cache { .. })
    })
    .await;
}

#[tokio::test]
async fn a_database_that_would_become_an_invalid_catalog_is_refused_naming_the_package() {
    let index = Index::start().await;
    for (sql, problem) in [
        (
            "DELETE FROM channel WHERE package_name = 'beta'",
            "package `beta` cannot become part of a catalog: it has no channel",
        ),
        (
            "UPDATE package SET default_channel = 'none' WHERE name = 'beta'",
            "package `beta` cannot become part of a catalog: its default channel `none`",
        ),
        (
            "UPDATE channel_entry SET replaces = entry_id WHERE package_name = 'beta'",
            "no valid catalog: invalid index",
        ),
    ] {
        index.push_foreign("files", &[json("gamma", 1)], sql).await;
        let expected = ["iib-build:files`", problem, "beta"];
        check_others(&index, &expected, |error| {
            matches!(error, ContentError::Migrate { .. })
        })
        .await;
    }
}

#[tokio::test]
async fn a_package_of_the_database_that_can_be_no_directory_is_named() {
    let index = Index::file_based().await;
    let upper = [index.bundle("Upper", "1.0.0").await];
    let added = index.add(Some("files"), &upper, &[], "refused").await;
    index
        .add(Some("sqlite"), &upper, &[], "upper")
        .await
        .unwrap();
    let merging = index.merging("upper", Some("files"), "refused");
    let merged = index.merge(&merging).await.map(|merged| merged.built);
    for (done, from) in [
        (added, "iib-build:files` has"),
        (merged, "iib-build:upper` has"),
    ] {
        let expected = [from, "`Upper`", "lower-case", "rename or remove"];
        let error = index.refused(done, &expected).await;
        assert!(matches!(
            error,
            Error::Content(ContentError::PackageName { .. })
        ));
    }
}

#[tokio::test]
async fn a_bundle_to_deprecate_must_be_labelled_with_its_package() {
    let index = Index::file_based().await;
    let world = &index.world;
    let repository = world.repository("bundles/plain");
    let files = Bundle::simple("one", "1.0.0", "stable", None).files;
    let target = ImageRepository::Remote(world.client.repository(&repository));
    let (tag, no_labels) = ("v1".parse().unwrap(), BTreeMap::new());
    let digest = samples::push_files(&target, &tag, no_labels, &[files])
        .await
        .unwrap();
    let bundle = [PullSpec::from(repository.with_digest(digest))];
    let added = index.add(Some("files"), &bundle, &bundle, "refused").await;
    let named = format!("the bundle `{}`, which shall be deprecated", bundle[0]);
    let label = "operators.operatorframework.io.bundle.package.v1";
    let error = index.refused(added, &[&named, label]).await;
    assert!(matches!(
        error,
        Error::Content(ContentError::NoPackageLabel { .. })
    ));
}

#[tokio::test]
async fn what_only_fragments_change_is_not_deprecated_otherwise() {
    let index = Index::start().await;
    let native = index.bundle("native", "1.0.0").await;
    let (path, text) = json("native", 1);
    let unknown = format!("quay.io/x/native@sha256:{:064}", 1);
    let files = [(path, text.replace(&unknown, &native.to_string()))];
    index.push_foreign("files", &files, "").await;
    let deprecations = std::slice::from_ref(&native);

    let added = index.add(Some("files"), &[], deprecations, "refused").await;
    let mut merging = index.merging("files", None, "refused");
    merging.deprecations = deprecations.to_vec();
    let merged = index.merge(&merging).await.map(|merged| merged.built);
    let image = format!("`{native}`");
    let expected = [&image, "iib-build:files`", "catalog fragments"];
    for done in [added, merged] {
        let error = index.refused(done, &expected).await;
        assert!(
            matches!(error, Error::Content(ContentError::DeprecatesOptedIn { bundles, .. }) if bundles == deprecations)
        );
    }

    let schema = SCHEMA.replace("beta", "native");
    let deprecated = index.deprecate("files", "native", &schema, "refused").await;
    let expected = ["`native`", "iib-build:files`", "into its fragment"];
    let error = index.refused(deprecated, &expected).await;
    assert!(
        matches!(error, Error::Content(ContentError::NotInDatabase { package, .. }) if package == "native")
    );
}

#[tokio::test]
async fn a_merge_needs_the_version_of_every_bundle() {
    let index = Index::start().await;
    let (path, text) = json("gamma", 1);
    let text = text.replace(r#""type":"olm.package""#, r#""type":"x""#);
    index.push_foreign("files", &[(path, text)], "").await;
    for (source, target) in [("sqlite", Some("files")), ("files", None)] {
        let merged = index.merge(&index.merging(source, target, "refused")).await;
        let expected = ["`gamma.v1`", "iib-build:files`", "`olm.package`"];
        let error = index.refused(merged, &expected).await;
        assert!(matches!(
            error,
            Error::Content(ContentError::NoPackageProperty { .. })
        ));
    }
}
