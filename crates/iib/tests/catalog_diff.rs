//! `iib catalog diff`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::fs;
use std::process::Stdio;

use samples::Bundle;
use support::{Ran, World, assert_names, command};
use tokio::io::AsyncReadExt as _;

/// A world with two databases, `old.db` and `new.db`, and the newer one's catalog in `new`.
async fn world() -> World {
    let world = World::start().await;
    let first = Bundle::simple("alpha", "1.0.0", "stable", None);
    let second = Bundle::simple("alpha", "1.1.0", "stable", Some("alpha.v1.0.0"));
    let first = world.bundle(&first).await.to_string();
    let second = world.bundle(&second).await.to_string();
    run(&world, &["add", "--db", "@old.db", "--bundles", &first])
        .await
        .ok();
    fs::copy(
        world.dir.path().join("old.db"),
        world.dir.path().join("new.db"),
    )
    .unwrap();
    run(&world, &["add", "--db", "@new.db", "--bundles", &second])
        .await
        .ok();
    run(&world, &["migrate", "@new.db", "@new", "--output", "yaml"])
        .await
        .ok();
    world
}

/// Runs `iib catalog`; arguments that begin with `@` are paths in the world's directory.
async fn run(world: &World, args: &[&str]) -> Ran {
    let mut all = vec!["catalog".to_owned()];
    for arg in args {
        all.push(match arg.strip_prefix('@') {
            Some(name) => world.dir.path().join(name).to_str().unwrap().to_owned(),
            None => (*arg).to_owned(),
        });
    }
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    world.iib(&all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_printed_in_each_form() {
    let world = world().await;
    let text = run(&world, &["diff", "@old.db", "@new.db"]).await.ok();
    assert_names(
        &text,
        &[
            "package `alpha`  changed",
            "head `alpha.v1.0.0` → `alpha.v1.1.0`",
            "=> clusters on `alpha.v1.0.0` are offered `alpha.v1.1.0`",
        ],
    );
    // A database and the catalog made of it are the same.
    let same = run(&world, &["diff", "@new.db", "@new"]).await.ok();
    assert_eq!(same, "no differences\n");
    let json = run(&world, &["diff", "@new", "@old.db", "--output", "json"])
        .await
        .ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let effect = &json["packages"][0]["channels"][0]["effects"][0];
    assert_eq!(effect["kind"], "new_head");
    assert_eq!(
        (&effect["older"], &effect["steps"]),
        (&true.into(), &serde_json::Value::Null)
    );
    let markdown = run(&world, &["diff", "@old.db", "@new", "-o", "markdown"])
        .await
        .ok();
    assert!(markdown.starts_with("## Catalog changes\n"), "{markdown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_says_whether_catalogs_differ_if_asked() {
    let world = world().await;
    let same = run(&world, &["diff", "@new.db", "@new", "--exit-code"]).await;
    assert_eq!(same.ok(), "no differences\n");
    let different = run(&world, &["diff", "@old.db", "@new", "--exit-code"]).await;
    assert_eq!((different.code, different.stderr.as_str()), (Some(1), ""));
    assert_names(&different.stdout, &["package `alpha`  changed"]);
    let missing = run(&world, &["diff", "@old.db", "@missing", "--exit-code"]).await;
    assert_eq!(missing.code, Some(2));
    assert_names(&missing.stderr, &["error: ", "missing"]);
    let error = run(&world, &["diff", "@old.db", "@missing"]).await.failed();
    assert_names(&error, &["missing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_is_no_failure() {
    let world = world().await;
    let path = |name: &str| world.dir.path().join(name);
    let mut child = command(world.dir.path())
        .args(["catalog", "diff"])
        .args([path("old.db"), path("new.db")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut errors = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut errors).await.unwrap();
    let status = child.wait().await.unwrap();
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""));
}
