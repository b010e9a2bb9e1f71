//! `iib manifest inspect`, `merge` and `publish` on registries and OCI layouts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use oci::{Document, Reference};
use registry::{Auth, Fault, Rule};
use serde_json::Value;
use support::{World, assert_names};

/// A world with `source:latest` for amd64 and arm64, and `dest:latest` for other images of arm64 and s390x.
async fn two_lists() -> World {
    let world = World::start().await;
    list(&world, "source", &["amd64", "arm64"], 0).await;
    list(&world, "dest", &["arm64", "s390x"], 10).await;
    world
}

/// A list `path:latest`; `padding` tells its images from others'.
async fn list(world: &World, path: &str, arches: &[&str], padding: usize) {
    let repository = world.repository(path);
    samples::push_binary_image(&world.client, &repository, arches, padding)
        .await
        .unwrap();
}

/// The entries of `path:tag`: architecture and digest.
async fn entries(world: &World, path: &str, tag: &str) -> Vec<(String, String)> {
    let repository = world.client.repository(&world.repository(path));
    let reference = Reference::Tag(tag.parse().unwrap());
    let raw = repository.manifest(&reference).await.unwrap();
    let Document::List(list) = raw.parse().unwrap() else {
        panic!("a list")
    };
    let entry = |entry: &oci::Descriptor| {
        let platform = entry.platform.as_ref().unwrap();
        (platform.architecture.clone(), entry.digest.to_string())
    };
    list.manifests.iter().map(entry).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Whether any request since the log was cleared could have changed something.
fn wrote(world: &World) -> bool {
    let entries = world.registry.log().entries();
    entries.iter().any(|entry| !entry.method.is_safe())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_keeps_what_only_the_destination_has() {
    let world = two_lists().await;
    let [source, dest] = ["source", "dest"].map(|path| format!("{}/{path}:latest", world.host));
    let theirs = entries(&world, "source", "latest").await;
    let ours = entries(&world, "dest", "latest").await;
    let before = world.digest("dest", "latest").await.unwrap();
    let merge = ["manifest", "merge", &source, "--into", &dest];

    world.registry.log().clear();
    let text = world.iib(&[&merge[..], &["--dry-run"]].concat()).await.ok();
    assert_names(
        &text,
        &[
            "would be published",
            &dest,
            &before,
            "added    amd64",
            "replaced arm64",
            "kept     s390x",
        ],
    );
    assert_names(&text, &[&ours[0].1, &ours[1].1, &theirs[0].1, &theirs[1].1]);
    assert!(!wrote(&world), "a dry run changes nothing");
    assert_eq!(world.digest("dest", "latest").await.unwrap(), before);

    let merged = json(
        &world
            .iib(&[&merge[..], &["-o", "json"]].concat())
            .await
            .ok(),
    );
    let expected = [theirs[0].clone(), theirs[1].clone(), ours[1].clone()];
    assert_eq!(entries(&world, "dest", "latest").await, expected);
    let after = world.digest("dest", "latest").await.unwrap();
    assert_eq!(merged["before"], before.as_str());
    assert_eq!(merged["after"], after.as_str());
    assert_eq!(merged["changed"], true);
    assert_eq!(merged["kept"], serde_json::json!(["s390x"]));
    assert_eq!(merged["copied"]["manifests"], 2);

    let again = world.iib(&merge).await.ok();
    assert_names(&again, &["unchanged", "0 manifest(s), 2 there already"]);
    assert_eq!(world.digest("dest", "latest").await.unwrap(), after);
}

#[tokio::test(flavor = "multi_thread")]
async fn selected_architectures_are_taken_alone() {
    let world = two_lists().await;
    let [source, dest, fresh] =
        ["source:latest", "dest:latest", "fresh:v1"].map(|path| format!("{}/{path}", world.host));
    let theirs = entries(&world, "source", "latest").await;
    let ours = entries(&world, "dest", "latest").await;
    let merge = async |dest: &str, more: &[&str]| {
        let args = [&["manifest", "merge", &source, "--into", dest], more].concat();
        world.iib(&args).await
    };
    // Into nothing, with a selection alone.
    let error = merge(&fresh, &[]).await.failed();
    assert_names(&error, &[&source, &fresh, "does not exist"]);
    merge(&fresh, &["--exclude-arch", "arm64"]).await.ok();
    assert_eq!(entries(&world, "fresh", "v1").await, theirs[..1]);

    let before = world.digest("dest", "latest").await;
    let nothing = merge(&dest, &["--arch", "ppc64le,riscv64"]).await;
    assert_names(&nothing.stderr, &["warning", &source, "stays as it is"]);
    assert_names(&nothing.ok(), &["unchanged"]);
    assert_eq!(world.digest("dest", "latest").await, before);

    merge(&dest, &["--arch", "amd64"]).await.ok();
    let expected = [theirs[0].clone(), ours[0].clone(), ours[1].clone()];
    assert_eq!(entries(&world, "dest", "latest").await, expected);

    let both = merge(&dest, &["--arch", "amd64", "--exclude-arch", "arm64"]).await;
    assert_eq!(both.code, Some(2), "{}", both.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn single_images_are_published_as_one_list() {
    let world = two_lists().await;
    let parts = entries(&world, "source", "latest").await;
    let [amd, arm] =
        [&parts[0].1, &parts[1].1].map(|digest| format!("{}/source@{digest}", world.host));
    let to = format!("{}/joined:v1", world.host);
    let publish = ["manifest", "publish", &arm, &amd, "--to", &to];
    world.registry.log().clear();
    let dry = world
        .iib(&[&publish[..], &["--dry-run"]].concat())
        .await
        .ok();
    assert_names(
        &dry,
        &["would be published", "before     none", "added    arm64"],
    );
    assert!(!wrote(&world));
    world.iib(&publish).await.ok();
    let expected = [parts[1].clone(), parts[0].clone()];
    assert_eq!(entries(&world, "joined", "v1").await, expected);

    let shown = json(
        &world
            .iib(&["manifest", "inspect", &to, "-o", "json"])
            .await
            .ok(),
    );
    assert_eq!(
        shown["digest"].as_str().map(str::to_owned),
        world.digest("joined", "v1").await
    );
    let list = "application/vnd.docker.distribution.manifest.list.v2+json";
    assert_eq!(shown["media_type"], list);
    assert_eq!(shown["entries"][0]["entry"], "arm64");
    assert_eq!(shown["entries"][0]["platform"]["os"], "linux");
    let text = world.iib(&["manifest", "inspect", &to]).await.ok();
    assert_names(&text, &[list, "entries    2", "linux/arm64", &parts[0].1]);
    let text = world.iib(&["manifest", "inspect", &amd]).await.ok();
    assert_names(
        &text,
        &["platform   linux/amd64", "manifest.v2+json", &parts[0].1],
    );

    // A list alone keeps its digest.
    let source = format!("{}/source:latest", world.host);
    let to = format!("{}/copy:v1", world.host);
    world
        .iib(&["manifest", "publish", &source, "--to", &to])
        .await
        .ok();
    assert_eq!(
        world.digest("copy", "v1").await,
        world.digest("source", "latest").await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_lost_is_refused_kept_or_let_go() {
    let world = two_lists().await;
    let [source, dest] = ["source", "dest"].map(|path| format!("{}/{path}:latest", world.host));
    let ours = entries(&world, "dest", "latest").await;
    let theirs = entries(&world, "source", "latest").await;
    let before = world.digest("dest", "latest").await;
    let publish = async |policy: &str, more: &[&str]| {
        let args = [
            "manifest", "publish", &source, "--to", &dest, "--policy", policy,
        ];
        world.iib(&[&args[..], more].concat()).await
    };
    world.registry.log().clear();
    for more in [&[][..], &["--dry-run"]] {
        let error = publish("refuse", more).await.failed();
        assert_names(&error, &[&dest, "left as it is", "`s390x`", "keep-missing"]);
        assert!(!error.contains("arm64"), "{error}");
    }
    assert!(!wrote(&world));
    assert_eq!(world.digest("dest", "latest").await, before);
    let dry = publish("replace", &["--dry-run"]).await.ok();
    assert_names(&dry, &["removed  s390x", &ours[1].1]);
    let wrong = publish("keep", &[]).await;
    assert_eq!(wrong.code, Some(2));
    assert_names(&wrong.stderr, &["`keep`", "keep-missing"]);

    let kept = publish("keep-missing", &[]).await;
    assert_names(&kept.stderr, &["warning", &dest, "s390x"]);
    kept.ok();
    let expected = [theirs[0].clone(), theirs[1].clone(), ours[1].clone()];
    assert_eq!(entries(&world, "dest", "latest").await, expected);
    publish("replace", &[]).await.ok();
    assert_eq!(entries(&world, "dest", "latest").await, theirs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_moves_meanwhile_is_left_alone() {
    let world = two_lists().await;
    let [source, dest] = ["source", "dest"].map(|path| format!("{}/{path}:latest", world.host));
    let before = world.digest("dest", "latest").await;
    // It is read by GET, and looked at by HEAD right before it is written: there it is gone.
    let gone = Fault::Status {
        code: http::StatusCode::NOT_FOUND,
        retry_after: None,
    };
    let rule = Rule::new("dest/manifests/latest", gone).method(http::Method::HEAD);
    world.registry.faults().add(rule);
    for command in [
        &["manifest", "merge", &source, "--into", &dest][..],
        &[
            "manifest", "publish", &source, "--to", &dest, "--policy", "replace",
        ],
    ] {
        let error = world.iib(command).await.failed();
        assert_names(
            &error,
            &[&dest, "changed by somebody else", "is absent now"],
        );
    }
    world.registry.faults().clear();
    assert_eq!(world.digest("dest", "latest").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_are_sources_and_destinations() {
    let world = two_lists().await;
    let [source, dest] = ["source", "dest"].map(|path| format!("{}/{path}:latest", world.host));
    let path = world.dir.path().join("layout");
    let layout = format!("oci:{}:v1", path.display());
    let publish = ["manifest", "publish", &source, "--to", &layout];
    world
        .iib(&[&publish[..], &["--dry-run"]].concat())
        .await
        .ok();
    assert!(!path.exists(), "a dry run makes no directory");
    assert_names(&world.iib(&publish).await.ok(), &["2 manifest(s)", &layout]);
    world
        .iib(&["manifest", "merge", &dest, "--into", &layout])
        .await
        .ok();
    let shown = json(
        &world
            .iib(&["manifest", "inspect", &layout, "-o", "json"])
            .await
            .ok(),
    );
    let names: Vec<&str> = shown["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["entry"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["arm64", "s390x", "amd64"]);
    let back = format!("{}/back:v1", world.host);
    world
        .iib(&["manifest", "publish", &layout, "--to", &back])
        .await
        .ok();
    assert_eq!(
        world.digest("back", "v1").await.as_deref(),
        shown["digest"].as_str()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_names_are_told_with_the_remedy() {
    let world = two_lists().await;
    let host = &world.host;
    let [source, dest] = ["source", "dest"].map(|path| format!("{host}/{path}:latest"));
    let digest = world.digest("dest", "latest").await.unwrap();
    let pinned = format!("{host}/dest@{digest}");
    for args in [
        ["manifest", "merge", &source, "--into", &pinned],
        ["manifest", "publish", &source, "--to", &pinned],
    ] {
        let ran = world.iib(&args).await;
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert_names(&ran.stderr, &[&pinned, "name it by tag"]);
    }
    let missing = format!("{host}/nowhere:v1");
    for args in [
        &["manifest", "inspect", &missing][..],
        &["manifest", "merge", &missing, "--into", &dest],
        &["manifest", "publish", &missing, "--to", &dest],
    ] {
        assert_names(
            &world.iib(args).await.failed(),
            &[&missing, "does not exist"],
        );
    }
    let first = &entries(&world, "source", "latest").await[0].1;
    let single = format!("{host}/source@{first}");
    let error = world
        .iib(&["manifest", "merge", &single, "--into", &dest])
        .await
        .failed();
    assert_names(&error, &[&single, &dest, "publish it instead"]);
    let args = ["manifest", "publish", &source, &dest, "--to", &missing];
    let error = world.iib(&args).await.failed();
    assert_names(&error, &[&source, &dest, "both have an image for `arm64`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_registry_is_given_its_own_credentials() {
    let guarded = |user: &str| {
        let users = [(user.to_owned(), "secret".into())].into();
        World::start_with(|config| config.auth = Some(Auth::Basic(users)))
    };
    let (from, to) = (guarded("reader").await, guarded("writer").await);
    let client =
        support::client(oci::Credentials::none().with(&from.host, "reader", "secret".into()));
    samples::push_binary_image(&client, &from.repository("ns/app"), &["amd64"], 0)
        .await
        .unwrap();
    // `reader:secret` and `writer:secret`, each for one repository.
    let auth = from.dir.path().join("auth.json");
    let (reader, writer) = ("cmVhZGVyOnNlY3JldA==", "d3JpdGVyOnNlY3JldA==");
    let text = serde_json::json!({"auths": {
        format!("{}/ns/app", from.host): {"auth": reader},
        format!("{}/ns/app", to.host): {"auth": writer},
    }});
    std::fs::write(&auth, text.to_string()).unwrap();
    let [source, dest] = [&from, &to].map(|world| format!("{}/ns/app:latest", world.host));
    let auth = auth.to_str().unwrap();
    let args = [
        "manifest",
        "publish",
        &source,
        "--to",
        &dest,
        "--authfile",
        auth,
    ];
    from.iib(&args).await.ok();
    for (world, user) in [(&from, "reader"), (&to, "writer")] {
        let entries = world.registry.log().entries();
        let users: Vec<_> = entries
            .iter()
            .filter_map(|entry| entry.user.as_deref())
            .collect();
        assert!(
            !users.is_empty() && users.iter().all(|seen| *seen == user),
            "{users:?}"
        );
    }
    // Without credentials, a refusal is no free tag.
    let other = format!("{}/ns/other:v1", to.host);
    let args = [
        "manifest",
        "publish",
        &source,
        "--to",
        &other,
        "--authfile",
        auth,
        "--dry-run",
    ];
    let error = from.iib(&args).await.failed();
    assert_names(&error, &[&other, "could not be looked at", "log in"]);
}
