//! `iib request`: a service asked from the command line.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use samples::Bundle;
use serde_json::{Value, json};
use support::service::Setup;
use support::{Ran, World, assert_names};

/// Runs `iib request` against `server`.
async fn request(world: &World, server: &str, args: &[&str]) -> Ran {
    let mut all = vec!["request"];
    all.extend(args);
    world.iib_with(&all, &[("IIB_SERVER", server)]).await
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_add_is_submitted_and_followed_to_its_result() {
    let world = World::start().await;
    let binary = world.binary_image().await.to_string();
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await
        .to_string();
    let setup = Setup::new(&world);
    let service = setup.start().await;
    let server = service.url("");
    let add = [
        "add",
        "--bundles",
        &bundle,
        "--binary-image",
        &binary,
        "--arch",
        "amd64",
    ];
    let ran = request(
        &world,
        &server,
        &[&add[..], &["--wait", "--output", "json"]].concat(),
    )
    .await;
    assert_names(
        &ran.stderr,
        &[
            "iib request watch 1",
            "Resolving the bundles",
            "successfully added",
        ],
    );
    let shown = parse(&ran.ok());
    assert_eq!(
        (&shown["id"], &shown["state"]),
        (&json!(1), &json!("complete"))
    );
    assert_eq!(shown["bundles"], json!([bundle]));

    let text = request(&world, &server, &["get", "1"]).await.ok();
    assert_names(
        &text,
        &[
            "request   1 (add)",
            "complete since",
            "iib-build:1",
            &bundle,
        ],
    );
    let watched = request(&world, &server, &["watch", "1"]).await;
    assert_names(&watched.stderr, &["successfully added"]);
    assert_names(&watched.ok(), &["complete since"]);
    assert_names(
        &request(&world, &server, &["logs", "1"]).await.ok(),
        &["works on request 1"],
    );
    let list = ["list", "--state", "complete", "--type", "add"];
    let text = request(&world, &server, &list).await.ok();
    assert_names(&text, &["iib-build:1", "page 1 of 1, 1 requests"]);
    let list = request(&world, &server, &["list", "-o", "json"]).await.ok();
    assert_eq!(parse(&list)["items"][0], shown);

    let batch = world.dir.path().join("batch.json");
    let items = json!({"build_requests": [{"operators": ["alpha"], "from_index": "r/i:1", "binary_image": binary}]});
    std::fs::write(&batch, items.to_string()).unwrap();
    let ran = request(&world, &server, &["add-rm-batch", batch.to_str().unwrap()]).await;
    assert_names(&ran.ok(), &["request   2 (rm)", "in_progress"]);
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_fails_is_an_error_and_programs_get_it_all_the_same() {
    let world = World::start().await;
    let setup = Setup::new(&world);
    let service = setup.start().await;
    let server = service.url("");
    let missing = format!("{}/bundles/alpha:v1", world.host);
    let binary = world.binary_image().await.to_string();
    let add = [
        "add",
        "--bundles",
        &missing,
        "--binary-image",
        &binary,
        "--arch",
        "amd64",
        "--wait",
    ];
    let error = request(&world, &server, &add).await.failed();
    assert_names(&error, &["request 1 failed", &missing]);
    let ran = request(&world, &server, &["watch", "1", "-o", "json"]).await;
    assert_eq!(ran.code, Some(1));
    assert_eq!(parse(&ran.stdout)["state"], "failed");
    assert_names(&ran.stderr, &["request 1 failed"]);
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_with_every_problem_and_its_remedy() {
    let world = World::start().await;
    let setup = Setup::new(&world);
    let service = setup.start().await;
    let server = service.url("");
    let wrong = ["add", "--bundles", "no-tag", "--build-tag", ""];
    let error = request(&world, &server, &wrong).await.failed();
    assert_names(
        &error,
        &[
            "(400)",
            "`bundles`",
            "`from_index`",
            "`binary_image`",
            "`build_tags`",
        ],
    );
    assert_names(
        &request(&world, &server, &["get", "9"]).await.failed(),
        &["(404)", "no request"],
    );
    assert_names(
        &request(&world, &server, &["cancel", "9"]).await.failed(),
        &["(40"],
    );
    service.kill().await;
    let gone = request(&world, &server, &["--retries", "0", "get", "1"]).await;
    assert_eq!(
        gone.code,
        Some(2),
        "the flag belongs to the verb: {}",
        gone.stderr
    );
    let gone = request(&world, &server, &["get", "1", "--retries", "0"]).await;
    assert_names(&gone.failed(), &["could not be reached", "refused"]);

    let config = world.dir.path().join("iib.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(
        &config,
        text.replace("login_disabled = true", "login_disabled = false"),
    )
    .unwrap();
    let service = setup.start().await;
    let add = [
        "add",
        "--bundles",
        "r/b:1",
        "--from-index",
        "r/i:1",
        "--binary-image",
        "r/o:1",
    ];
    let error = request(&world, &service.url(""), &add).await.failed();
    assert_names(&error, &["(401)", "--token-file", "IIB_TOKEN"]);
    service.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_ends_with_2_and_secrets_never_stand_on_the_command_line() {
    let world = World::start().await;
    for (server, args, expected) in [
        ("http://iib.example", &["get", "1"][..], "--insecure"),
        ("iib.example", &["get", "1"], "https://HOST"),
        ("https://iib.example", &["get", "x"], "<ID>"),
        (
            "https://iib.example",
            &["get", "1", "--token", "x"],
            "--token",
        ),
        (
            "https://iib.example",
            &["add", "--overwrite-from-index"],
            "--from-index",
        ),
        (
            "https://iib.example",
            &["add", "--overwrite-from-index-token", "x"],
            "unexpected argument",
        ),
        (
            "https://iib.example",
            &["list", "--state", "done"],
            "in_progress",
        ),
        (
            "https://iib.example",
            &["create-empty-index", "r/i:1", "--label", "x"],
            "NAME=VALUE",
        ),
    ] {
        let ran = request(&world, server, args).await;
        assert_eq!(ran.code, Some(2), "{args:?} {}", ran.stderr);
        assert_names(&ran.stderr, &[expected]);
    }
    let empty = world.dir.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    let args = ["get", "1", "--token-file", empty.to_str().unwrap()];
    let error = request(&world, "https://iib.example", &args).await.failed();
    assert_names(&error, &["holds no token"]);
    let help = request(&world, "", &["--help"]).await;
    assert_names(
        &help.ok(),
        &["Examples:", "iib request watch", "Exit codes"],
    );
}
