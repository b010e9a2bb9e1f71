//! Indexes that requests cannot start from, and what they cannot find: the error names it, and nothing is published.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use builder::{ContentError, Error, Role};
use oci::PullSpec;
use support::files::{FILE_BASED, json};
use support::index::Index;

const DATABASE: (&str, &str) = (
    "operators.operatorframework.io.index.database.v1",
    "/database/index.db",
);
const SCOPE: &str = "com.redhat.index.delivery.distribution_scope";
const VERSION: &str = "com.redhat.index.delivery.version";

#[tokio::test]
async fn an_index_of_a_merge_that_is_not_there_is_named_with_its_role() {
    let index = Index::start().await;
    for (source, target, role, named) in [
        ("none", "sqlite", Role::SourceIndex, "the source index `"),
        ("sqlite", "none", Role::FromIndex, "the from-index `"),
    ] {
        let request = index.merging(source, Some(target), "refused");
        let name = index.world.name("iib-build:none").to_string();
        let expected = [named, &name, "check its name"];
        let error = index.refused(index.merge(&request).await, &expected).await;
        assert!(matches!(error, Error::Read { role: found, .. } if found == role));
    }
}

#[tokio::test]
async fn a_scope_that_is_none_is_named_with_its_label() {
    let index = Index::start().await;
    let labels = [FILE_BASED, (SCOPE, "qa")];
    let world = &index.world;
    world
        .push_catalog("iib-build", "qa", &labels, &[], None)
        .await;
    let removed = index.remove("qa", &["alpha"], "refused").await;
    let expected = [SCOPE, "iib-build:qa` is `qa`", "use `dev`"];
    let error = index.refused(removed, &expected).await;
    assert!(matches!(error, Error::BadLabel { .. }));
}

#[tokio::test]
async fn a_merge_needs_an_index_for_a_version() {
    let index = Index::start().await;
    let labels = [FILE_BASED, (VERSION, "latest")];
    let world = &index.world;
    world
        .push_catalog("iib-build", "odd", &labels, &[], None)
        .await;
    for (source, target) in [("sqlite", Some("odd")), ("odd", None)] {
        let merged = index.merge(&index.merging(source, target, "refused")).await;
        let expected = [VERSION, "iib-build:odd`", "`latest`", "such as `v4.14`"];
        let error = index.refused(merged, &expected).await;
        let Error::Content(ContentError::IndexVersion { index, .. }) = error else {
            panic!("{error}")
        };
        assert!(index.to_string().ends_with("iib-build:odd"), "{index}");
    }
}

#[tokio::test]
async fn what_a_label_names_and_the_image_lacks_is_named_with_the_label() {
    let index = Index::start().await;
    for (label, path) in [FILE_BASED, DATABASE] {
        let world = &index.world;
        world
            .push_catalog("iib-build", "hollow", &[(label, path)], &[], None)
            .await;
        let path = format!("`{path}`");
        let expected = ["iib-build:hollow`", &path, label, "rebuild the"];
        let removed = index.remove("hollow", &["alpha"], "refused").await;
        let error = index.refused(removed, &expected).await;
        let is_right = match error {
            Error::Content(ContentError::CatalogMissing { .. }) => label == FILE_BASED.0,
            Error::Content(ContentError::DatabaseMissing { .. }) => label == DATABASE.0,
            _ => false,
        };
        assert!(is_right, "{label}");
    }
    // Of an image with both labels a merge reads both.
    let labels = [FILE_BASED, DATABASE];
    let files = [json("gamma", 1)];
    let world = &index.world;
    world
        .push_catalog("iib-build", "half", &labels, &files, None)
        .await;
    let request = index.merging("sqlite", Some("half"), "refused");
    let expected = ["iib-build:half`", "`/database/index.db`", DATABASE.0];
    index.refused(index.merge(&request).await, &expected).await;
}

#[tokio::test]
async fn a_bundle_to_deprecate_that_is_not_there_is_named() {
    let index = Index::start().await;
    let pinned = format!("bundles/b@sha256:{:064}", 7);
    for image in ["bundles/none:v1", &pinned] {
        let image: PullSpec = index.world.name(image);
        let named = format!("the bundle `{image}`");
        let deprecations = std::slice::from_ref(&image);
        let added = index.add(Some("sqlite"), &[], deprecations, "refused");
        let error = index.refused(added.await, &[&named]).await;
        assert!(matches!(error, Error::Read { .. }));

        let mut request = index.merging("sqlite", None, "refused");
        request.deprecations = vec![image];
        let error = index.refused(index.merge(&request).await, &[&named]).await;
        assert!(matches!(error, Error::Read { .. }));
    }
}

#[tokio::test]
async fn a_merge_needs_bundles_that_are_named_by_digest() {
    let index = Index::start().await;
    let (world, image) = (&index.world, "quay.io/x/alpha:v1");
    let (path, text) = json("alpha", 1);
    let pinned = format!("quay.io/x/alpha@sha256:{:064}", 1);
    let files = [(path, text.replace(&pinned, image))];
    world
        .push_catalog("iib-build", "files", &[FILE_BASED], &files, None)
        .await;
    let sql =
        format!("UPDATE operatorbundle SET bundlepath = '{image}' WHERE name = 'alpha.v1.0.0'");
    let database = index.changed_database(&sql).await;
    let source = oci::BlobSource::File(database);
    let repository = world.repository("iib-build");
    samples::push_index(&world.client, &repository, &["amd64"], source)
        .await
        .unwrap();
    for (source, target, named) in [
        ("sqlite", Some("files"), "iib-build:files`"),
        ("sqlite", Some("latest"), "iib-build:latest`"),
        ("latest", None, "iib-build:latest`"),
    ] {
        let merged = index.merge(&index.merging(source, target, "refused")).await;
        let expected = ["`quay.io/x/alpha:v1`", named, "by digest"];
        let error = index.refused(merged, &expected).await;
        assert!(matches!(
            error,
            Error::Content(ContentError::NotPinned { .. })
        ));
    }
}
