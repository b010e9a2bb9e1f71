//! `iib index rollback`, and the ledger of overwrites that it reads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::process::Stdio;

use http::Method;
use registry::{Fault, Rule};
use samples::Bundle;
use serde_json::Value;
use support::service::until;
use support::{Ran, World, assert_names, command};

/// An index `index:v4.19` for two architectures, and where overwrites are recorded.
struct Scene {
    world: World,
    index: String,
}

impl Scene {
    async fn start() -> Self {
        let world = World::start().await;
        let bundle = Bundle::simple("alpha", "1.0.0", "stable", None);
        let bundle = world.bundle(&bundle).await;
        let index = world.index("v4.19", &[&bundle]).await;
        Self { world, index }
    }

    async fn digest(&self) -> String {
        self.world.digest("index", "v4.19").await.unwrap()
    }

    /// The arguments that add `package` and overwrite the index.
    async fn overwriting(&self, package: &str) -> Vec<String> {
        let bundle = Bundle::simple(package, "1.0.0", "stable", None);
        let bundle = self.world.bundle(&bundle).await.to_string();
        let binary = format!("{}/binary:latest", self.world.host);
        let to = format!("{}/iib-build:{package}", self.world.host);
        let args = [
            ["index", "add", "--from-index", &self.index],
            ["--bundles", &bundle, "--binary-image", &binary],
            ["--to", &to, "--overwrite-from-index", "--oci"],
        ];
        args.concat().into_iter().map(str::to_owned).collect()
    }

    /// Overwrites the index with one that has `package` too, and gives the digest.
    async fn overwrite(&self, package: &str) -> String {
        let args = self.overwriting(package).await;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.world.iib(&args).await.ok();
        self.digest().await
    }

    async fn roll_back(&self, more: &[&str]) -> Ran {
        let args = [&["index", "rollback", &self.index], more].concat();
        self.world.iib(&args).await
    }

    /// The lines of the ledger as (from, to, state).
    fn ledger(&self) -> Vec<[String; 3]> {
        let path = self
            .world
            .dir
            .path()
            .join(".local/state/iib/overwrites.jsonl");
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().map(|line| {
            let entry: Value = serde_json::from_str(line).unwrap();
            assert_eq!(entry["index"], self.index);
            ["from", "to", "state"].map(|name| entry[name].as_str().unwrap().to_owned())
        });
        lines.collect()
    }

    /// Starts `iib` with `args`, and kills it while the registry holds the request that `rule` describes.
    async fn kill_at(&self, args: &[String], method: Method, skip: u32) {
        const PATH: &str = "/v2/index/manifests/v4.19";
        let registry = &self.world.registry;
        registry.log().clear();
        let rule = Rule::new(PATH, Fault::Stall).method(method).skip(skip);
        registry.faults().add(rule.times(1));
        let mut child = command(self.world.dir.path())
            .args(args)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the registry holds the request", || async {
            (registry.faults().struck() > 0).then_some(())
        })
        .await;
        child.kill().await.unwrap();
        registry.faults().clear();
    }
}

fn words(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwrite_is_taken_back_and_that_too() {
    let scene = Scene::start().await;
    let old = scene.digest().await;
    let new = scene.overwrite("beta").await;
    assert_ne!(old, new);

    let dry = scene.roll_back(&["--dry-run"]).await.ok();
    assert_names(
        &dry,
        &[
            &scene.index,
            &old,
            &new,
            "nothing was changed",
            "recorded at",
            "amd64, arm64",
        ],
    );
    assert_eq!(scene.digest().await, new);
    assert_eq!(scene.ledger().len(), 2, "a dry run is no overwrite");

    scene.world.registry.log().clear();
    let done = scene.roll_back(&[]).await.ok();
    assert_names(&done, &[&scene.index, &old, &new, "the tag was moved"]);
    assert_eq!(scene.digest().await, old);
    let puts = scene.world.registry.log().entries();
    let puts = puts
        .iter()
        .filter(|entry| entry.method != Method::GET && entry.method != Method::HEAD);
    assert_eq!(puts.count(), 1, "one PUT, and nothing else is written");

    let again = scene.roll_back(&["-o", "json"]).await.ok();
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(
        (&again["from"], &again["to"]),
        (&old.clone().into(), &new.clone().into())
    );
    assert_eq!(again["moved"], true);
    assert_eq!(scene.digest().await, new);
    let [planned, done] = ["planned", "done"].map(str::to_owned);
    let line =
        |from: &String, to: &String, state: &String| [from.clone(), to.clone(), state.clone()];
    assert_eq!(
        scene.ledger(),
        [
            line(&old, &new, &planned),
            line(&old, &new, &done),
            line(&new, &old, &planned),
            line(&new, &old, &done),
            line(&old, &new, &planned),
            line(&old, &new, &done),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_nothing_hides_no_earlier_overwrite() {
    let scene = Scene::start().await;
    let old = scene.digest().await;
    let new = scene.overwrite("beta").await;
    assert_eq!(scene.overwrite("beta").await, new, "it is there already");
    scene.roll_back(&[]).await.ok();
    assert_eq!(scene.digest().await, old);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwrite_that_was_killed_before_the_tag_moved_does_not_count() {
    let scene = Scene::start().await;
    let old = scene.digest().await;
    let args = scene.overwriting("beta").await;
    scene.kill_at(&args, Method::PUT, 0).await;
    assert_eq!(scene.digest().await, old);
    assert_eq!(scene.ledger().len(), 1);
    let error = scene.roll_back(&[]).await.failed();
    assert_names(
        &error,
        &[
            "no overwrite that moved",
            &scene.index,
            &old,
            "--to",
            "overwrites.jsonl",
        ],
    );

    // With an overwrite before it, that one is taken back.
    let new = scene.overwrite("beta").await;
    let args = scene.overwriting("gamma").await;
    scene.kill_at(&args, Method::PUT, 0).await;
    assert_eq!(scene.digest().await, new);
    scene.roll_back(&[]).await.ok();
    assert_eq!(scene.digest().await, old);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwrite_that_was_killed_after_the_tag_moved_counts() {
    let scene = Scene::start().await;
    let old = scene.digest().await;
    let args = scene.overwriting("beta").await;
    // Two looks before the tag moves, and one after.
    scene.kill_at(&args, Method::HEAD, 2).await;
    let new = scene.digest().await;
    assert_ne!(new, old);
    assert_eq!(scene.ledger().len(), 1, "nobody could confirm it");
    scene.roll_back(&[]).await.ok();
    assert_eq!(scene.digest().await, old);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_was_killed_is_made_again() {
    let scene = Scene::start().await;
    let old = scene.digest().await;
    let new = scene.overwrite("beta").await;
    let args = words(&["index", "rollback", &scene.index]);
    scene.kill_at(&args, Method::PUT, 0).await;
    assert_eq!(scene.digest().await, new);
    scene.roll_back(&[]).await.ok();
    assert_eq!(scene.digest().await, old);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_somebody_else_moved_is_moved_to_a_named_digest_only() {
    let scene = Scene::start().await;
    let old = scene.digest().await;
    let new = scene.overwrite("beta").await;
    // Somebody with another ledger.
    let elsewhere = scene.world.dir.path().join("elsewhere");
    let elsewhere = elsewhere.to_str().unwrap();
    let mut args = scene.overwriting("gamma").await;
    args.extend(words(&["--state-dir", elsewhere]));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    scene.world.iib(&args).await.ok();
    let now = scene.digest().await;

    let error = scene.roll_back(&[]).await.failed();
    assert_names(&error, &[&now, &new, "somebody else", "--to"]);
    assert_eq!(scene.digest().await, now);
    let text = scene.roll_back(&["--to", &old]).await.ok();
    assert_names(&text, &["named with `--to`"]);
    assert_eq!(scene.digest().await, old);
    // What was named is recorded too.
    let env = [("IIB_STATE_DIR", elsewhere)];
    let dry = ["index", "rollback", &scene.index, "--dry-run"];
    let error = scene.world.iib_with(&dry, &env).await.failed();
    assert_names(&error, &[&old, &now, "somebody else"]);
    let text = scene.roll_back(&["--dry-run"]).await.ok();
    assert_names(&text, &[&format!("to         {now}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_moved_back_to_is_refused() {
    let scene = Scene::start().await;
    let world = &scene.world;
    let now = scene.digest().await;
    let refused = async |args: &[&str], names: &[&str]| {
        let error = scene.roll_back(args).await.failed();
        assert_names(&error, &[&[scene.index.as_str()], names].concat());
        assert_eq!(scene.digest().await, now);
    };
    let nowhere = format!("sha256:{}", "0".repeat(64));
    refused(&["--to", &nowhere], &[&nowhere, "no more", "--to"]).await;
    let one_arch = world.digest("index", "v4.19-amd64").await.unwrap();
    refused(&["--to", &one_arch], &[&one_arch, "would drop `arm64`"]).await;
    refused(&["--to", &now], &["points to", "already"]).await;
    refused(&[], &["no overwrite that moved", "--to"]).await;

    let by_digest = format!("{}/index@{now}", world.host);
    let error = world
        .iib(&["index", "rollback", &by_digest, "--to", &one_arch])
        .await
        .failed();
    assert_names(&error, &[&by_digest, "name it by tag"]);
    let missing = format!("{}/index:missing", world.host);
    let error = world.iib(&["index", "rollback", &missing]).await.failed();
    assert_names(&error, &[&missing, "check"]);
    // Any image may be there now, but only an index is moved to.
    let binary = format!("{}/binary:latest", world.host);
    let repository = world.client.repository(&world.repository("binary"));
    let list = repository
        .manifest(&oci::Reference::Tag(oci::Tag::latest()))
        .await
        .unwrap();
    let oci::Document::List(list) = list.parse().unwrap() else {
        panic!("a list")
    };
    let part = list.manifests[0].digest.to_string();
    let error = world
        .iib(&["index", "rollback", &binary, "--to", &part])
        .await
        .failed();
    assert_names(&error, &[&binary, "is no index image"]);
    let wrong = world
        .iib(&["index", "rollback", &scene.index, "--to", "v4.18"])
        .await;
    assert_eq!(wrong.code, Some(2));
    assert_names(&wrong.stderr, &["v4.18"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_in_a_layout_is_rolled_back_unless_a_part_of_it_is_gone() {
    let scene = Scene::start().await;
    let world = &scene.world;
    let layout = world.dir.path().join("layout");
    let index = format!("oci:{}:v1", layout.display());
    let other = format!("oci:{}:v2", layout.display());
    let more = ["--from-index", &scene.index];
    world.add(&index, &[], &more).await.ok();
    let inspected = async |name: &str| -> Value {
        let args = ["index", "inspect", name, "-o", "json"];
        serde_json::from_str(&world.iib(&args).await.ok()).unwrap()
    };
    let old = inspected(&index).await;
    let bundle = Bundle::simple("beta", "1.0.0", "stable", None);
    let bundle = world.bundle(&bundle).await.to_string();
    let more = ["--from-index", &index, "--overwrite-from-index"];
    world.add(&other, &[&bundle], &more).await.ok();
    assert_ne!(inspected(&index).await["digest"], old["digest"]);
    // The same directory, written otherwise.
    let same = format!("oci:{}/../layout:v1", layout.display());
    world.iib(&["index", "rollback", &same]).await.ok();
    assert_eq!(inspected(&index).await["digest"], old["digest"]);

    world.iib(&["index", "rollback", &index]).await.ok();
    let part = old["images"]["arm64"].as_str().unwrap();
    let hex = part.strip_prefix("sha256:").unwrap();
    std::fs::remove_file(layout.join("blobs/sha256").join(hex)).unwrap();
    let error = world.iib(&["index", "rollback", &index]).await.failed();
    assert_names(
        &error,
        &[
            &index,
            old["digest"].as_str().unwrap(),
            "not all of it",
            part,
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_does_not_happen() {
    let scene = Scene::start().await;
    let old = scene.digest().await;
    let file = scene.world.dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let state = file.join("state");
    let state = state.to_str().unwrap();
    let mut args = scene.overwriting("beta").await;
    args.extend(words(&["--state-dir", state]));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    scene.world.registry.log().clear();
    let error = scene.world.iib(&args).await.failed();
    assert_names(&error, &["could not be recorded", state, "--state-dir"]);
    assert!(
        scene.world.registry.log().entries().is_empty(),
        "nothing was begun"
    );
    let more = ["--to", &scene.world.digest("index", "v4.19").await.unwrap()];
    let home = [("HOME", "relative")];
    let args = [&["index", "rollback", &scene.index], &more[..]].concat();
    let error = scene.world.iib_with(&args, &home).await.failed();
    assert_names(&error, &["XDG_STATE_HOME", "--state-dir"]);
    assert_eq!(scene.digest().await, old);
}
