//! `iib catalog cache`: the cache of a file-based catalog.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use support::disk::SmallDisk;
use support::{Ran, World, assert_names, command};

const CATALOG: &str = r#"
{"schema":"olm.package","name":"a","defaultChannel":"stable"}
{"schema":"olm.channel","name":"stable","package":"a","entries":[{"name":"a.v1"}]}
{"schema":"olm.bundle","name":"a.v1","package":"a","image":"r/a:1",
 "properties":[{"type":"olm.package","value":{"packageName":"a","version":"1.0.0"}}]}
"#;

fn change(world: &World, text: &str) {
    let dir = world.dir.path().join("configs");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("catalog.json"), text).unwrap();
}

async fn cache(world: &World, dir: &Path, more: &[&str]) -> Ran {
    let catalog = world.dir.path().join("configs");
    let mut args = vec!["catalog", "cache", catalog.to_str().unwrap()];
    args.extend(["--cache-dir", dir.to_str().unwrap()]);
    args.extend(more);
    world.iib(&args).await
}

#[tokio::test]
async fn a_cache_is_written_checked_and_written_again() {
    let world = World::start().await;
    for (format, digest_file) in [("pogreb.v1", "pogreb.v1/digest"), ("json", "digest")] {
        let dir = world.dir.path().join(format);
        change(&world, CATALOG);
        let text = cache(&world, &dir, &["--check"]).await.failed();
        assert_names(&text, &["no finished cache", "iib catalog cache"]);
        let digest = || fs::read_to_string(dir.join(digest_file)).unwrap();
        let text = cache(&world, &dir, &["--format", format]).await.ok();
        assert_names(&text, &[&digest()]);
        cache(&world, &dir, &["--check"]).await.ok();

        let before = digest();
        change(&world, &CATALOG.replace("r/a:1", "r/a:2"));
        let text = cache(&world, &dir, &["--check"]).await.failed();
        assert_names(&text, &["does not belong to", &before]);
        let text = cache(&world, &dir, &["-o", "json"]).await.ok();
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["digest"], *digest(), "the format found is kept");
        assert_ne!(digest(), before);
    }
}

#[tokio::test]
async fn what_cannot_be_cached_is_refused_by_name() {
    let world = World::start().await;
    change(&world, &CATALOG.replace("\"stable\"}", "\"other\"}"));
    let dir = world.dir.path().join("cache");
    let text = cache(&world, &dir, &[]).await.failed();
    assert_names(&text, &["not valid", "package \"a\"", "channel \"other\""]);
    assert!(!dir.exists());

    change(&world, CATALOG);
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("strange"), "").unwrap();
    let text = cache(&world, &dir, &[]).await.failed();
    assert_names(&text, &["unexpected contents: strange"]);

    let ran = cache(&world, &dir, &["--format", "gob"]).await;
    assert_names(&ran.stderr, &["`gob`", "pogreb.v1", "json"]);
    assert_eq!(ran.code, Some(2));
}

/// A catalog with as many bundles, all of them with so many bytes that `text` differs in.
fn large(bundles: usize, bytes: usize, text: &str) -> String {
    let mut catalog = r#"{"schema":"olm.package","name":"a","defaultChannel":"stable"}"#.to_owned();
    let entries: Vec<Value> = (0..bundles)
        .map(|number| match number {
            0 => json!({"name": "a.v0"}),
            number => {
                json!({"name": format!("a.v{number}"), "replaces": format!("a.v{}", number - 1)})
            }
        })
        .collect();
    let channel =
        json!({"schema": "olm.channel", "name": "stable", "package": "a", "entries": entries});
    catalog.push_str(&channel.to_string());
    for number in 0..bundles {
        let identity = json!({"packageName": "a", "version": format!("{number}.0.0")});
        let filler = text.repeat(bytes / text.len());
        let bundle = json!({"schema": "olm.bundle", "name": format!("a.v{number}"), "package": "a", "image": "r/a:1", "properties": [
            {"type": "olm.package", "value": identity}, {"type": "x", "value": filler},
        ]});
        catalog.push_str(&bundle.to_string());
    }
    catalog
}

/// Appends a second package, which is small.
fn with_another(catalog: &str) -> String {
    format!(
        "{catalog}{}",
        CATALOG.replace("\"a\"", "\"b\"").replace("a.v1", "b.v1")
    )
}

#[tokio::test]
async fn a_cache_is_brought_up_to_date_and_says_how() {
    let world = World::start().await;
    let dir = world.dir.path().join("cache");
    let catalog = large(20, 1000, "x");
    change(&world, &catalog);
    let text = cache(&world, &dir, &[]).await.ok();
    assert_names(&text, &["written: 21 records"]);
    let text = cache(&world, &dir, &[]).await.ok();
    assert_names(&text, &["up to date, nothing written"]);

    change(&world, &with_another(&catalog));
    let text = cache(&world, &dir, &[]).await.ok();
    assert_names(&text, &["updated: kept 20 records, wrote 2, deleted 0; "]);
    let segments = || {
        fs::read_dir(dir.join("pogreb.v1/db"))
            .unwrap()
            .filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .path()
                    .extension()
                    .is_some_and(|end| end == "psg")
            })
            .count()
    };
    assert_eq!(segments(), 2);
    change(&world, &catalog);
    let text = cache(&world, &dir, &["-o", "json"]).await.ok();
    let told: Value = serde_json::from_str(&text).unwrap();
    let counts = ["change", "kept", "written", "deleted"].map(|key| told[key].clone());
    assert_eq!(counts, [json!("updated"), json!(20), json!(1), json!(1)]);

    let text = cache(&world, &dir, &["--rewrite"]).await.ok();
    assert_names(
        &text,
        &["written: 21 records", told["digest"].as_str().unwrap()],
    );
    assert_eq!(segments(), 1);
}

#[tokio::test]
async fn profile_b_keeps_other_blobs() {
    let world = World::start().await;
    let dir = world.dir.path().join("cache");
    change(&world, &format!("{CATALOG}{}", r#"{"schema":"x.y"}"#));
    let text = cache(&world, &dir, &[]).await.ok();
    assert_names(&text, &["written: 2 records"]);
    let text = cache(&world, &dir, &["--profile", "b", "--rewrite"])
        .await
        .ok();
    assert_names(&text, &["written: 3 records"]);
    cache(&world, &dir, &["--check"]).await.ok();
    change(&world, &format!("{CATALOG}{}", r#"{"schema":"x/y"}"#));
    let text = cache(&world, &dir, &["--profile", "b"]).await.failed();
    assert_names(&text, &["invalid schema `x/y`"]);
}

#[tokio::test]
async fn a_full_disk_leaves_the_old_cache() {
    let world = World::start().await;
    let Some(disk) = SmallDisk::mount(&world.dir.path().join("small")) else {
        return;
    };
    let dir = disk.path().join("cache");
    let small = large(10, 1000, "x");
    change(&world, &small);
    cache(&world, &dir, &[]).await.ok();
    let mut larger = large(12, 8000, "y");
    for more in [&[] as &[&str], &["--rewrite"]] {
        change(&world, &larger);
        let text = cache(&world, &dir, more).await.failed();
        assert_names(&text, &[dir.to_str().unwrap(), "psg.new", "space"]);
        change(&world, &small);
        cache(&world, &dir, &["--check"]).await.ok();
        larger = with_another(&larger);
    }
    let mut left = fs::read_dir(dir.join("pogreb.v1/db")).unwrap();
    let is_new = |path: &Path| path.extension().is_some_and(|end| end == "new");
    assert!(!left.any(|entry| is_new(&entry.unwrap().path())));
}

#[tokio::test]
async fn a_killed_update_leaves_the_old_cache_or_none() {
    let world = World::start().await;
    let dir = world.dir.path().join("cache");
    let fresh = world.dir.path().join("fresh");
    let old = large(60, 20_000, "x");
    change(&world, &old);
    cache(&world, &dir, &[]).await.ok();
    for round in 0..12 {
        // In turn what one more segment brings up to date, and what makes a new database necessary.
        let new = match round % 2 {
            0 => with_another(&old),
            _ => large(60, 20_000, &round.to_string()),
        };
        change(&world, &new);
        let catalog = world.dir.path().join("configs");
        let mut child = command(world.dir.path())
            .args(["catalog", "cache"])
            .args([&catalog, Path::new("--cache-dir"), &dir])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(20 * round)).await;
        child.kill().await.unwrap();

        // Whatever the check takes for whole is what a new cache would be.
        let checked = cache(&world, &dir, &["--check"]).await;
        let expected = cache(&world, &fresh, &["--rewrite"]).await.ok();
        let digest = expected.lines().next().unwrap().to_owned();
        if checked.code == Some(0) {
            assert_eq!(checked.stdout.trim(), digest);
        }
        let text = cache(&world, &dir, &[]).await.ok();
        assert!(text.starts_with(&digest), "{text} {digest}");
        cache(&world, &dir, &["--check"]).await.ok();
        change(&world, &old);
        cache(&world, &dir, &[]).await.ok();
    }
}
