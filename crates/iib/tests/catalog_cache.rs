//! `iib catalog cache`: the cache of a file-based catalog.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::fs;
use std::path::Path;

use support::{Ran, World, assert_names};

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
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
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
