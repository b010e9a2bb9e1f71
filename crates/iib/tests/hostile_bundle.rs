//! Hostile bundles through the commands: refused, with nothing published and no database changed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::fmt::Write as _;

use samples::Bundle;
use support::{World, assert_names};

/// Bundles with a hostile CSV, each with what its refusal must say.
fn hostile() -> Vec<(Bundle, &'static str)> {
    let good = Bundle::simple("evil", "1.0.0", "stable", None);
    let csv = &good.files[0].1;
    let mut laughs = format!("{csv}a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    let deep = format!("{csv}x: {}", "[".repeat(200_000));
    let long = csv.replace("evil.v1.0.0", &"x".repeat(1 << 20));
    [(laughs, "aliases"), (deep, "csv.yaml"), (long, "name")]
        .map(|(csv, reason)| (good.clone().with_file("manifests/csv.yaml", &csv), reason))
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_refuse_hostile_bundles_and_leave_everything_as_it_was() {
    let world = World::start().await;
    let good = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    let database = world.dir.path().join("index.db");
    let path = database.to_str().unwrap();
    let add = ["catalog", "add", "--db", path, "--bundles"];
    let first = good.to_string();
    world.iib(&[&add[..], &[&first]].concat()).await.ok();
    let before = std::fs::read(&database).unwrap();
    let binary = world.binary_image().await.to_string();
    let to = format!("{}/index:evil", world.host);
    for (bundle, reason) in hostile() {
        let evil = world.bundle(&bundle).await.to_string();
        let error = world.iib(&[&add[..], &[&evil]].concat()).await.failed();
        assert_names(&error, &[&evil, reason]);
        assert!(std::fs::read(&database).unwrap() == before, "{reason}");
        let bundles = format!("{first},{evil}");
        let args = [
            "index",
            "add",
            "--binary-image",
            &binary,
            "--arch",
            "amd64",
            "--to",
            &to,
            "--bundles",
            &bundles,
        ];
        let error = world.iib(&args).await.failed();
        assert_names(&error, &[&evil, reason]);
        assert_eq!(world.digest("index", "evil").await, None);
    }
}
