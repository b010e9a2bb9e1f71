//! `iib catalog graph` on a directory and on a database.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::fs;

use samples::Bundle;
use support::{World, assert_names};

/// Two packages; `alpha` has a channel whose head skips the version below, and is not valid: its default channel does
/// not exist.
const CATALOG: &str = "---
schema: olm.package
name: alpha
defaultChannel: gone
---
schema: olm.channel
package: alpha
name: stable
entries:
- name: alpha.v1.2.0
  replaces: alpha.v1.0.0
  skips: [alpha.v1.1.0]
- name: alpha.v1.1.0
  replaces: alpha.v1.0.0
- name: alpha.v1.0.0
---
schema: olm.channel
package: alpha
name: candidate
entries:
- name: alpha.v1.3.0
---
schema: olm.channel
package: beta
name: stable
entries:
- name: beta.v1.0.0
";

#[tokio::test(flavor = "multi_thread")]
async fn packages_of_a_directory_are_drawn_in_every_format() {
    let world = World::start().await;
    let catalog = world.dir.path().join("catalog");
    fs::create_dir(&catalog).unwrap();
    fs::write(catalog.join("catalog.yaml"), CATALOG).unwrap();
    let catalog = catalog.to_str().unwrap();
    let graph = async |args: &[&str]| {
        let args = [&["catalog", "graph", catalog], args].concat();
        world.iib(&args).await
    };

    let mermaid = graph(&["--package", "alpha"]).await.ok();
    assert_names(
        &mermaid,
        &["flowchart BT", "alpha.v1.2.0", "candidate", "-. skips .->"],
    );
    assert!(!mermaid.contains("beta"), "{mermaid}");
    let both = graph(&["--package", "alpha,beta", "-o", "dot"]).await.ok();
    assert_names(&both, &["digraph", "alpha.v1.2.0", "beta.v1.0.0"]);
    let stable = graph(&["--package", "alpha", "--channel", "stable"])
        .await
        .ok();
    assert!(!stable.contains("alpha.v1.3.0"), "{stable}");

    let file = world.dir.path().join("alpha.svg");
    let to = file.to_str().unwrap();
    let args = ["--package", "alpha", "--output", "svg", "--to", to];
    assert_eq!(graph(&args).await.ok(), "");
    let svg = fs::read_to_string(file).unwrap();
    assert_names(
        &svg,
        &["<svg ", "1.2.0", "The default channel gone does not exist"],
    );

    let error = graph(&[]).await.failed();
    assert_names(&error, &["2 packages", "`alpha`, `beta`"]);
    let error = graph(&["--package", "gamma"]).await.failed();
    assert_names(&error, &["no package `gamma`", "`alpha`, `beta`"]);
    let error = graph(&["--package", "alpha", "--channel", "x"])
        .await
        .failed();
    assert_names(&error, &["no channel `x`", "`candidate`, `stable`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_package_of_a_database_needs_no_name() {
    let world = World::start().await;
    let mut bundles = Vec::new();
    for bundle in [
        Bundle::simple("alpha", "1.0.0", "stable", None),
        Bundle::simple("alpha", "1.1.0", "stable", Some("alpha.v1.0.0")),
    ] {
        bundles.push(world.bundle(&bundle).await.to_string());
    }
    let database = world.dir.path().join("index.db");
    let database = database.to_str().unwrap();
    let bundles = bundles.join(",");
    let add = ["catalog", "add", "--db", database, "--bundles", &bundles];
    world.iib(&add).await.ok();
    let mermaid = world.iib(&["catalog", "graph", database]).await.ok();
    assert_names(&mermaid, &["stable (default)", "p0c0n1 --> p0c0n0"]);
}
