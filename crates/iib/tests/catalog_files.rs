//! `iib catalog validate|render|migrate|convert` on file-based catalogs, databases and bundles.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::fs;
use std::path::PathBuf;

use samples::Bundle;
use support::{World, assert_names};

const CATALOG: &str = "---
schema: olm.package
name: alpha
defaultChannel: stable
---
schema: olm.channel
package: alpha
name: stable
entries:
- name: alpha.v1.0.0
---
schema: olm.bundle
package: alpha
name: alpha.v1.0.0
image: quay.io/ns/alpha:v1.0.0
properties:
- type: olm.package
  value: {packageName: alpha, version: 1.0.0}
---
schema: example.com/notes
package: alpha
text: yes
";

/// A world with a catalog in `catalog/alpha/catalog.yaml`.
async fn world() -> World {
    let world = World::start().await;
    write(&world, "catalog/alpha/catalog.yaml", CATALOG);
    world
}

fn path(world: &World, name: &str) -> PathBuf {
    world.dir.path().join(name)
}

fn write(world: &World, name: &str, text: &str) {
    let path = path(world, name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Runs `iib catalog`; arguments that begin with `@` are paths in the world's directory.
async fn run(world: &World, args: &[&str]) -> support::Ran {
    let mut all = vec!["catalog".to_owned()];
    for arg in args {
        all.push(match arg.strip_prefix('@') {
            Some(name) => path(world, name).to_str().unwrap().to_owned(),
            None => (*arg).to_owned(),
        });
    }
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    world.iib(&all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valid_catalog_is_accepted_silently_and_an_invalid_one_names_everything_wrong() {
    let world = world().await;
    assert_eq!(run(&world, &["validate", "@catalog"]).await.ok(), "");
    write(&world, "catalog/.indexignore", "README.md\n");
    write(&world, "catalog/README.md", "prose\n");
    run(&world, &["validate", "@catalog"]).await.ok();
    fs::remove_file(path(&world, "catalog/.indexignore")).unwrap();
    let error = run(&world, &["validate", "@catalog"]).await.failed();
    assert_names(&error, &["README.md", ".indexignore"]);
    fs::remove_file(path(&world, "catalog/README.md")).unwrap();
    let channels = "schema: olm.channel\npackage: alpha\nname: empty\nentries: []\n";
    write(&world, "catalog/more.yaml", channels);
    let error = run(&world, &["validate", "@catalog"]).await.failed();
    assert_names(&error, &["alpha", "empty", "at least one bundle"]);
    let error = run(&world, &["validate", "@catalog/more.yaml"])
        .await
        .failed();
    // A file is a catalog by itself.
    assert_names(&error, &["more.yaml", "unknown package `alpha`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn converting_there_and_back_keeps_the_catalog() {
    let world = world().await;
    run(
        &world,
        &["convert", "@catalog", "@json", "--output", "json"],
    )
    .await
    .ok();
    let json = fs::read_to_string(path(&world, "json/alpha/catalog.json")).unwrap();
    assert_names(
        &json,
        &["\"schema\": \"example.com/notes\"", "\"text\": true"],
    );
    run(&world, &["convert", "@json", "@yaml", "--output", "yaml"])
        .await
        .ok();
    let [first, second] = ["catalog", "yaml"].map(|name| format!("@{name}"));
    let first = run(&world, &["render", &first]).await.ok();
    assert_eq!(first, run(&world, &["render", &second]).await.ok());
    let error = run(
        &world,
        &["convert", "@catalog", "@json", "--output", "json"],
    )
    .await
    .failed();
    assert_names(&error, &["json", "must be empty"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_stays_in_the_directory_and_leaves_nothing_when_it_fails() {
    let world = world().await;
    run(&world, &["migrate", "@catalog", "@out"]).await.ok();
    let written = fs::read_to_string(path(&world, "out/alpha/catalog.json")).unwrap();
    assert_names(&written, &["alpha.v1.0.0"]);
    write(
        &world,
        "evil/catalog.yaml",
        "schema: olm.package\nname: ../evil\ndefaultChannel: c\n",
    );
    for profile in ["a", "b"] {
        let args = ["migrate", "@evil", "@new", "--profile", profile];
        let error = run(&world, &args).await.failed();
        assert_names(&error, &["../evil"]);
        assert!(!path(&world, "new").exists(), "nothing is left behind");
    }
    let hidden = fs::read_dir(world.dir.path()).unwrap();
    let hidden = hidden.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_str().unwrap().starts_with(".catalog-")
    });
    assert_eq!(hidden.count(), 0, "no work directory is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_that_a_profile_leaves_out_are_counted_in_a_warning() {
    let world = world().await;
    let unowned = "schema: olm.bundle\nname: nowhere\n---\nschema: example.com/global\n";
    write(&world, "catalog/more.yaml", unowned);
    let migrate = async |profile: &str, to: &str| {
        let args = ["migrate", "@catalog", to, "--profile", profile];
        run(&world, &args).await
    };
    let ran = migrate("a", "@a").await;
    assert_names(
        &ran.stderr,
        &[
            "warning",
            "1 of olm.bundle",
            "2 of other schemas",
            "--profile b",
        ],
    );
    ran.ok();
    let written = fs::read_to_string(path(&world, "a/alpha/catalog.json")).unwrap();
    assert!(!written.contains("example.com/notes"));
    assert!(!path(&world, "a/catalog.json").exists());

    let ran = migrate("b", "@b").await;
    assert_names(
        &ran.stderr,
        &["warning", "1 of olm.bundle", "name their package"],
    );
    ran.ok();
    let written = fs::read_to_string(path(&world, "b/alpha/catalog.json")).unwrap();
    assert_names(&written, &["example.com/notes"]);
    let written = fs::read_to_string(path(&world, "b/catalog.json")).unwrap();
    assert_names(&written, &["example.com/global"]);

    let ran = run(&world, &["render", "@catalog"]).await;
    assert_names(
        &ran.stderr,
        &["warning", "1 of olm.bundle", "name their package"],
    );
    fs::remove_file(path(&world, "catalog/more.yaml")).unwrap();
    let ran = run(&world, &["render", "@catalog"]).await;
    assert_eq!(ran.stderr, "", "nothing is left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn profile_b_checks_skip_ranges_and_reads_no_databases() {
    let world = world().await;
    let ranged = CATALOG.replace(
        "- name: alpha.v1.0.0",
        "- name: alpha.v1.0.0\n  skipRange: bogus",
    );
    write(&world, "catalog/alpha/catalog.yaml", &ranged);
    run(&world, &["validate", "@catalog"]).await.ok();
    let args = ["validate", "@catalog", "--profile", "b"];
    let error = run(&world, &args).await.failed();
    assert_names(&error, &["alpha.v1.0.0", "invalid skipRange", "bogus"]);

    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await
        .to_string();
    run(&world, &["add", "--db", "@index.db", "--bundles", &bundle])
        .await
        .ok();
    for args in [
        &["render", "@index.db"][..],
        &["migrate", "@index.db", "@out"],
    ] {
        let args = [args, &["--profile", "b"]].concat();
        let error = run(&world, &args).await.failed();
        assert_names(&error, &["index.db", "is not a directory", "profile `a`"]);
    }
    let ran = run(&world, &["validate", "@catalog", "--profile", "c"]).await;
    assert_names(&ran.stderr, &["no profile `c`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_and_bundle_images_are_rendered() {
    let world = World::start().await;
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await
        .to_string();
    let rendered = run(&world, &["render", &bundle]).await.ok();
    assert_names(
        &rendered,
        &["\"schema\": \"olm.bundle\"", "alpha.v1.0.0", &bundle],
    );
    run(&world, &["add", "--db", "@index.db", "--bundles", &bundle])
        .await
        .ok();
    let before = fs::read(path(&world, "index.db")).unwrap();
    let rendered = run(&world, &["render", "@index.db", "--output", "yaml"])
        .await
        .ok();
    assert_names(&rendered, &["schema: olm.package", "- name: alpha.v1.0.0"]);
    assert_eq!(before, fs::read(path(&world, "index.db")).unwrap());
    run(
        &world,
        &["migrate", "@index.db", "@out", "--migrate-level", "all"],
    )
    .await
    .ok();
    run(&world, &["validate", "@out"]).await.ok();
    let error = run(&world, &["render", "@nothing"]).await.failed();
    assert_names(&error, &["nothing"]);
}
