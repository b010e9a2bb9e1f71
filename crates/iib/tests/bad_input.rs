//! Every wrong input: what failed, on what, and the remedy; exit code 1; nothing published.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use registry::{Auth, Fault, Password, Rule};
use samples::Bundle;
use support::disk::SmallDisk;
use support::{World, assert_names};

/// Adds `bundles` to a new index `index:out` and gives the error, having checked that nothing was published.
async fn refused(world: &World, bundles: &[&str], more: &[&str]) -> String {
    let to = format!("{}/index:out", world.host);
    let mut more = more.to_vec();
    if !more.contains(&"--from-index") && !more.contains(&"--arch") {
        more.extend(["--arch", "amd64"]);
    }
    let error = world.add(&to, bundles, &more).await.failed();
    assert_eq!(
        world.digest("index", "out").await,
        None,
        "nothing is published: {error}"
    );
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_not_there() {
    let world = World::start().await;
    world.binary_image().await;
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await
        .to_string();
    let repository = format!("{}/bundles/nothing:v1", world.host);
    assert_names(
        &refused(&world, &[&repository], &[]).await,
        &["bundle", &repository],
    );
    let tag = format!("{}/bundles/alpha:v9", world.host);
    assert_names(&refused(&world, &[&tag], &[]).await, &["bundle", &tag]);
    let index = format!("{}/index:v4.19", world.host);
    assert_names(
        &refused(&world, &[&bundle], &["--from-index", &index]).await,
        &["from-index", &index],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_name_the_repository_and_the_file_they_came_from() {
    let auth = |users: &[(&str, &str)]| {
        let users = users
            .iter()
            .map(|(user, password)| ((*user).to_owned(), Password::new(*password)));
        Some(Auth::Token(users.collect::<BTreeMap<_, _>>()))
    };
    let world = World::start_with(|config| config.auth = auth(&[("robot", "right")])).await;
    let file = world.dir.path().join("auth.json");
    // `robot:wrong`
    let content = format!(
        r#"{{"auths": {{"{}": {{"auth": "cm9ib3Q6d3Jvbmc="}}}}}}"#,
        world.host
    );
    std::fs::write(&file, content).unwrap();
    let file = file.to_str().unwrap();
    let spec = format!("{}/bundles/alpha:v1", world.host);
    let to = format!("{}/index:out", world.host);
    let error = world
        .add(
            &to,
            &[&spec],
            &[
                "--arch",
                "amd64",
                "--binary-image",
                &spec,
                "--authfile",
                file,
            ],
        )
        .await
        .failed();
    assert_names(&error, &[&format!("{}/bundles/alpha", world.host), file]);
    assert!(
        !error.contains("wrong"),
        "the password is not printed: {error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_down() {
    let world = World::start().await;
    world.binary_image().await;
    // Nothing listens on port 1 of the loopback.
    let error = refused(&world, &["127.0.0.1:1/bundles/alpha:v1"], &[]).await;
    assert_names(&error, &["127.0.0.1:1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flaky_registry_is_asked_again() {
    let world = World::start().await;
    world.binary_image().await;
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await
        .to_string();
    let unavailable = Fault::Status {
        code: 503.try_into().unwrap(),
        retry_after: None,
    };
    let busy = Fault::Status {
        code: 429.try_into().unwrap(),
        retry_after: Some(Duration::from_secs(0)),
    };
    world
        .registry
        .faults()
        .add(Rule::new("/manifests/", unavailable).times(1));
    world
        .registry
        .faults()
        .add(Rule::new("/blobs/", busy).times(2));
    world
        .registry
        .faults()
        .add(Rule::new("/blobs/sha256", Fault::CutBody { after_bytes: 20 }).times(1));
    let to = format!("{}/index:out", world.host);
    world.add(&to, &[&bundle], &["--arch", "amd64"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_no_bundle_says_what_is_missing() {
    let world = World::start().await;
    world.binary_image().await;
    let simple = || Bundle::simple("alpha", "1.0.0", "stable", None);
    for (bundle, expected) in [
        (simple().without("manifests/"), "manifests"),
        (simple().without("metadata/"), "metadata"),
        (
            simple().with_file("metadata/annotations.yaml", "annotations: {}\n"),
            "annotations",
        ),
        (
            simple().with_file(
                "manifests/csv.yaml",
                "kind: ConfigMap\nmetadata: {name: x}\n",
            ),
            "ClusterServiceVersion",
        ),
    ] {
        let spec = world.bundle(&bundle).await.to_string();
        assert_names(&refused(&world, &[&spec], &[]).await, &[&spec, expected]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_does_not_parse_is_named_with_its_line() {
    let world = World::start().await;
    world.binary_image().await;
    let broken = "apiVersion: operators.coreos.com/v1alpha1\nkind: ClusterServiceVersion\nmetadata:\n  name: [\n";
    let bundle =
        Bundle::simple("alpha", "1.0.0", "stable", None).with_file("manifests/csv.yaml", broken);
    let spec = world.bundle(&bundle).await.to_string();
    assert_names(
        &refused(&world, &[&spec], &[]).await,
        &[&spec, "csv.yaml", "line"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_csv_name_under_another_digest() {
    let world = World::start().await;
    let bundle = Bundle::simple("alpha", "1.0.0", "stable", None);
    let first = world.bundle(&bundle).await;
    let index = world.index("one", &[&first]).await;
    let other = world
        .bundle(&bundle.with_file("manifests/extra.yaml", "kind: ConfigMap\n"))
        .await
        .to_string();
    let error = refused(&world, &[&other], &["--from-index", &index]).await;
    assert_names(&error, &["alpha.v1.0.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_bundle_that_is_not_there() {
    let world = World::start().await;
    world.binary_image().await;
    let bundle = Bundle::simple("alpha", "1.1.0", "stable", Some("alpha.v1.0.0"));
    let spec = world.bundle(&bundle).await.to_string();
    assert_names(
        &refused(&world, &[&spec], &[]).await,
        &["alpha.v1.1.0", "alpha.v1.0.0", "replaces"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_architecture_the_binary_image_lacks() {
    let world = World::start().await;
    world.binary_image_for(&["amd64"]).await;
    let spec = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await
        .to_string();
    let error = refused(&world, &[&spec], &["--arch", "amd64,s390x"]).await;
    assert_names(&error, &["binary image", "`s390x`"]);
    assert!(!error.contains("`amd64`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_no_index() {
    let world = World::start().await;
    let spec = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await
        .to_string();
    let binary = world.binary_image().await.to_string();
    let error = refused(&world, &[&spec], &["--from-index", &binary]).await;
    assert_names(
        &error,
        &[&binary, "operators.operatorframework.io.index.database.v1"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk() {
    let world = World::start().await;
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    let index = world.index("one", &[&bundle]).await;
    let Some(disk) = SmallDisk::mount(&world.dir.path().join("small")) else {
        return;
    };
    let to = format!("{}/index:out", world.host);
    let binary = format!("{}/binary:latest", world.host);
    let tmp = disk.path().to_str().unwrap();
    let bundle = bundle.to_string();
    for more in [&["--from-index", &index] as &[&str], &["--arch", "amd64"]] {
        let mut args = vec![
            "index",
            "add",
            "--binary-image",
            &binary,
            "--to",
            &to,
            "--bundles",
            &bundle,
        ];
        args.extend(more);
        let error = world.iib_with(&args, &[("TMPDIR", tmp)]).await.failed();
        assert_names(&error, &[tmp, "space"]);
        assert!(error.matches("full").count() < 2, "said once: {error}");
        assert_eq!(
            world.digest("index", "out").await,
            None,
            "nothing is published: {error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_ends_with_two() {
    let world = World::start().await;
    for args in [
        &["index", "add"] as &[&str],
        &[
            "index",
            "add",
            "--to",
            "quay.io/UPPER",
            "--binary-image",
            "x",
        ],
        &["index", "inspect", "a b"],
        &["unknown"],
    ] {
        let ran = world.iib(args).await;
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
    }

    let by_digest = format!("r.test/a@sha256:{}", "0".repeat(64));
    for (more, expected) in [
        (&["--to", &by_digest] as &[&str], "name a tag"),
        (&["--to", "r.test/a:1"], "nothing to add"),
        (&["--to", "r.test/a:1", "--bundles", "r.test/b:1"], "--arch"),
        (
            &[
                "--to",
                "r.test/a:1",
                "--from-index",
                "r.test/i:1",
                "--overwrite-from-index",
                "--overwrite-from-index-token",
                "s3cret",
            ],
            "user:password",
        ),
    ] {
        let mut args = vec!["index", "add", "--binary-image", "r.test/opm:1"];
        args.extend(more);
        let ran = world.iib(&args).await;
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert_names(&ran.stderr, &["error: ", expected]);
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_from_index_is_not_overwritten_by_naming_it_as_the_target() {
    let world = World::start().await;
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    let index = world.index("v1", &[&bundle]).await;
    let before = world.digest("index", "v1").await;
    let error = world
        .add(&index, &[], &["--from-index", &index])
        .await
        .failed();
    assert_names(&error, &[&index, "from-index", "another tag", "overwrite"]);
    assert_eq!(world.digest("index", "v1").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verbs_help_has_an_example() {
    let world = World::start().await;
    for verb in [
        &[] as &[&str],
        &["quickstart"],
        &["serve"],
        &["index", "add"],
        &["index", "add-fragment"],
        &["index", "inspect"],
        &["index", "diff"],
        &["index", "rollback"],
        &["registry", "serve"],
        &["catalog", "add"],
        &["catalog", "rm"],
        &["catalog", "deprecate"],
        &["catalog", "prune"],
        &["catalog", "prune-stranded"],
        &["catalog", "cache"],
        &["catalog", "validate"],
        &["catalog", "render"],
        &["catalog", "migrate"],
        &["catalog", "convert"],
        &["catalog", "graph"],
    ] {
        let mut args = verb.to_vec();
        args.push("--help");
        assert_names(&world.iib(&args).await.ok(), &["Example", "  iib "]);
    }
}
