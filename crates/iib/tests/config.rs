//! `iib config check|show`, and configurations that a running service takes over.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::path::PathBuf;

use reqwest::StatusCode;
use support::service::{Setup, hang_up, until};
use support::{World, assert_names};

fn file(world: &World, text: &str) -> PathBuf {
    let path = world.dir.path().join("checked.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_everything_with_file_line_and_key() {
    let world = World::start().await;
    let path = file(
        &world,
        "[server]\nlissten = 1\nmax_per_page = 0\n\n[build]\nimage_push_template = \"x\"\nno_ocp_label_allow_list = [\"r\", \"\"]\n",
    );
    let path = path.to_str().unwrap();
    let error = world
        .iib(&["config", "check", "--config", path])
        .await
        .failed();
    for place in [
        format!("{path}:2: `server.lissten`: "),
        format!("{path}:3: `server.max_per_page`: "),
        format!("{path}:5: `build.registry`: "),
        format!("{path}:7: `build.no_ocp_label_allow_list.1`: is empty"),
    ] {
        assert_names(&error, &[&place]);
    }
    let shown = world
        .iib(&["config", "show", "--config", path])
        .await
        .failed();
    assert_names(&shown, &["server.lissten"]);
    let missing = world.dir.path().join("missing.toml");
    let missing = missing.to_str().unwrap();
    let error = world.iib(&["config", "check", "--config", missing]).await;
    assert_names(&error.failed(), &[missing, "could not be read"]);
    let error = world.iib(&["config", "check"]).await.failed();
    assert_names(&error, &["no file given", "build.registry"]);

    let path = file(&world, "[build]\nregistry = \"quay.io\"\n");
    let path = path.to_str().unwrap();
    let fine = world.iib(&["config", "check", "--config", path]).await.ok();
    assert_names(&fine, &[path, "no mistakes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_looks_at_the_files_that_are_named() {
    let world = World::start().await;
    let path = file(
        &world,
        "[build]\nregistry = \"quay.io\"\n[server.tls]\ncert = \"/nowhere/cert.pem\"\nkey = \"/nowhere/key.pem\"\n",
    );
    let path = path.to_str().unwrap();
    for command in [
        &["config", "check"][..],
        &["serve", "--listen", "127.0.0.1:0"],
    ] {
        let args = [command, &["--config", path]].concat();
        let error = world.iib(&args).await.failed();
        assert_names(&error, &[path, "server.tls", "/nowhere/cert.pem"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_is_a_whole_configuration() {
    let world = World::start().await;
    let path = file(
        &world,
        "[build]\nregistry = \"quay.io\"\n[build.binary_images.prod]\n\"v4.19\" = \"quay.io/opm:1\"\n[server]\ncors_origins = [\"https://a.example\"]\n",
    );
    let path = path.to_str().unwrap();
    let shown = world.iib(&["config", "show", "--config", path]).await.ok();
    assert_names(
        &shown,
        &[
            "data_dir = \"iib-data\"",
            "listen = \"127.0.0.1:8320\"",
            "max_json_depth = 64",
            "on_lost_arch = \"refuse\"",
            "https://a.example",
            "quay.io/opm:1",
        ],
    );
    // It may be used as it is, and then means the same.
    let again = file(&world, &shown);
    let again = again.to_str().unwrap();
    assert_eq!(
        world.iib(&["config", "show", "--config", again]).await.ok(),
        shown
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_has_the_running_service_take_the_configuration_over() {
    let world = World::start().await;
    let setup = Setup::new(&world);
    let config = world.dir.path().join("iib.toml");
    let before = std::fs::read_to_string(&config).unwrap();
    let service = setup.start().await;
    let per_page = async || {
        let (status, body) = service.get("builds?per_page=20").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        body["meta"]["per_page"].as_u64().unwrap()
    };
    assert_eq!(per_page().await, 20);

    let with = |lines: &str| before.replace("[server]\n", &format!("[server]\n{lines}"));
    std::fs::write(
        &config,
        with("max_per_page = 7\nlisten = \"127.0.0.1:1\"\n"),
    )
    .unwrap();
    hang_up(&service).await;
    until("the page is as configured", || async {
        (per_page().await == 7).then_some(())
    })
    .await;
    service
        .logged("`server.listen` was changed, which takes effect at the next start")
        .await;

    std::fs::write(&config, with("max_per_page = 8\nlogin_disabeld = true\n")).unwrap();
    hang_up(&service).await;
    service.logged("the configuration was not taken over").await;
    service.logged("login_disabeld").await;
    assert_eq!(per_page().await, 7, "the running one stays");

    std::fs::write(&config, with("max_per_page = 9\n")).unwrap();
    hang_up(&service).await;
    until("the page is as configured", || async {
        (per_page().await == 9).then_some(())
    })
    .await;
    assert_eq!(service.terminate().await, Some(0));
}
