//! `iib catalog add|rm|deprecate|prune|prune-stranded` on index databases in files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::path::PathBuf;

use oci::PullSpec;
use samples::Bundle;
use serde_json::Value;
use support::{World, assert_names};

/// A world with a database of packages alpha (1.0.0, 1.1.0) and beta (1.0.0).
struct Catalog {
    world: World,
    database: PathBuf,
    /// alpha 1.0.0, alpha 1.1.0, beta 1.0.0.
    bundles: Vec<PullSpec>,
}

impl Catalog {
    async fn new() -> Self {
        let world = World::start().await;
        let mut bundles = Vec::new();
        for bundle in [
            Bundle::simple("alpha", "1.0.0", "stable", None),
            Bundle::simple("alpha", "1.1.0", "stable", Some("alpha.v1.0.0")),
            Bundle::simple("beta", "1.0.0", "stable", None),
        ] {
            bundles.push(world.bundle(&bundle).await);
        }
        let database = world.dir.path().join("index.db");
        let catalog = Self {
            world,
            database,
            bundles,
        };
        let all: Vec<String> = catalog.bundles.iter().map(ToString::to_string).collect();
        let text = catalog
            .run(&["add", "--bundles", &all.join(",")])
            .await
            .ok();
        assert_names(&text, &["3 bundles"]);
        catalog
    }

    async fn run(&self, args: &[&str]) -> support::Ran {
        let database = self.database.to_str().unwrap();
        let mut all = vec!["catalog", args[0], "--db", database];
        all.extend(&args[1..]);
        self.world.iib(&all).await
    }

    async fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.extend(["-o", "json"]);
        serde_json::from_str(&self.run(&all).await.ok()).unwrap()
    }

    fn packages(&self) -> Vec<String> {
        let index = indexdb::IndexDb::open(&self.database, 0).unwrap();
        let packages = index.packages().unwrap();
        packages.into_iter().map(|package| package.name).collect()
    }

    /// The files beside the database, itself included.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.world.dir.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.starts_with("index")).collect();
        names.sort();
        names
    }

    /// Expects a run to fail and to leave the file as it was; gives the error.
    async fn refused(&self, args: &[&str]) -> String {
        let before = std::fs::read(&self.database).unwrap();
        let error = self.run(args).await.failed();
        assert!(
            std::fs::read(&self.database).unwrap() == before,
            "a refused change left something: {error}"
        );
        assert_eq!(self.files(), ["index.db"]);
        error
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_are_removed_in_place_and_the_file_shrinks() {
    let catalog = Catalog::new().await;
    let before = std::fs::metadata(&catalog.database).unwrap().len();
    let told = catalog.json(&["rm", "--packages", "alpha"]).await;
    assert_eq!(told["packages_removed"][0], "alpha");
    assert_eq!(told["bundles_removed"].as_array().unwrap().len(), 2);
    assert_eq!(catalog.packages(), ["beta"]);
    assert!(std::fs::metadata(&catalog.database).unwrap().len() <= before);
    assert_eq!(catalog.files(), ["index.db"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_missing_package_refuses_the_removal_unless_permissive() {
    let catalog = Catalog::new().await;
    let error = catalog.refused(&["rm", "--packages", "alpha,nope"]).await;
    assert_names(&error, &["`nope`", "no bundle of it"]);
    let ran = catalog
        .run(&["rm", "--packages", "alpha,nope", "--permissive"])
        .await;
    assert_names(&ran.stderr, &["warning", "`nope`"]);
    assert_names(&ran.ok(), &["1 packages, 2 bundles"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_keeps_what_is_named() {
    let catalog = Catalog::new().await;
    catalog.run(&["prune", "--packages", "alpha"]).await.ok();
    assert_eq!(catalog.packages(), ["alpha"]);
    let text = catalog.run(&["prune-stranded"]).await.ok();
    assert_names(&text, &["0 packages, 0 bundles"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deprecated_head_takes_its_package_only_when_that_is_allowed() {
    let catalog = Catalog::new().await;
    let (first, head) = (
        catalog.bundles[0].to_string(),
        catalog.bundles[1].to_string(),
    );
    let told = catalog.json(&["deprecate", "--bundles", &first]).await;
    assert_eq!(told["bundles_deprecated"][0], "alpha.v1.0.0");
    let error = catalog.refused(&["deprecate", "--bundles", &head]).await;
    assert_names(&error, &["default channel", "`alpha`", &head]);
    let told = catalog
        .json(&["deprecate", "--bundles", &head, "--allow-package-removal"])
        .await;
    assert_eq!(told["packages_removed"][0], "alpha");
    assert_eq!(catalog.packages(), ["beta"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_is_there_is_not_added_again() {
    let catalog = Catalog::new().await;
    let present = catalog.bundles[2].to_string();
    let error = catalog.refused(&["add", "--bundles", &present]).await;
    assert_names(&error, &["already exists", &present]);
    let told = catalog
        .json(&["add", "--bundles", &present, "--permissive"])
        .await;
    assert_eq!(told["bundles_added"].as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_addition_makes_a_database_and_a_refused_one_leaves_none() {
    let catalog = Catalog::new().await;
    let other = catalog.world.dir.path().join("index-other.db");
    let path = other.to_str().unwrap();
    let commands: [&[&str]; 4] = [
        &["rm", "--packages", "alpha"],
        &["deprecate", "--bundles", "x"],
        &["prune", "--packages", "alpha"],
        &["prune-stranded"],
    ];
    for command in commands {
        let mut args = vec!["catalog"];
        args.extend(command);
        args.extend(["--db", path]);
        let error = catalog.world.iib(&args).await.failed();
        assert_names(&error, &[path, "iib catalog add"]);
    }
    // It replaces a bundle that the new database does not have.
    let orphan = catalog.bundles[1].to_string();
    let args = ["catalog", "add", "--db", path, "--bundles", &orphan];
    let error = catalog.world.iib(&args).await.failed();
    assert_names(&error, &["`alpha.v1.0.0`", "not in the index"]);
    assert!(!other.exists());
}
