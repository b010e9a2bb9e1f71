//! Replays the recorded cases of `../shared/conformance/api` for the endpoints this service has.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a test, helpers included"
)]

mod support;

use std::path::{Path, PathBuf};

use files::{Directories, Files};
use serde_json::{Map, Value};
use server::ServerConfig;
use support::Server;

/// The profile whose queue cannot be reached is about the command, which has the queue; see `cargo xtask conformance api`.
const NO_QUEUE: &str = "broker-down";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_cases_are_answered_as_recorded() {
    let battery = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/api");
    if !battery.join("run.py").exists() {
        assert!(
            !in_ci(),
            "the conformance battery is missing at {}",
            battery.display()
        );
        eprintln!(
            "SKIPPED: there is no conformance battery at {}",
            battery.display()
        );
        return;
    }
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(battery.join(name)).unwrap()).unwrap()
    };
    let mut arguments = vec!["--only".to_owned(), format!("^(?!{NO_QUEUE})")];
    let profiles = read("profiles.json");
    let mut servers = Vec::new();
    let profiles = profiles.as_object().unwrap().clone();
    for (profile, settings) in profiles.iter().filter(|(name, _)| *name != NO_QUEUE) {
        let state = tempfile::tempdir().unwrap();
        let config = config(settings["settings"].as_object().unwrap(), state.path());
        arguments.extend([
            "--state".to_owned(),
            format!("{profile}={}", state.path().display()),
        ]);
        let server = Server::start_in(state, config).await;
        arguments.extend([
            "--url".to_owned(),
            format!("{profile}=http://{}", server.address),
        ]);
        servers.push(server);
    }
    let output = tokio::task::spawn_blocking(move || run(&battery.join("run.py"), &arguments))
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{}", text.lines().last().unwrap_or("no output"));
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!text.contains("SKIP"), "{text}");
}

fn take<T: serde::de::DeserializeOwned>(field: &mut T, value: &Value) {
    *field = serde_json::from_value(value.clone()).unwrap();
}

/// The settings of a profile that concern this server; the others are about queues, messages and endpoints to come.
fn config(settings: &Map<String, Value>, state: &Path) -> ServerConfig {
    let mut config = support::proxied();
    let mut directories = Directories::default();
    let directory = |value: &Value| {
        let template = value.as_str().unwrap();
        Some(PathBuf::from(
            template.replace("{state}", state.to_str().unwrap()),
        ))
    };
    for (name, value) in settings {
        match name.as_str() {
            "LOGIN_DISABLED" => config.login_disabled = value.as_bool().unwrap(),
            "IIB_WORKER_USERNAMES" => take(&mut config.worker_usernames, value),
            "IIB_BINARY_IMAGE_CONFIG" => take(&mut config.binary_image_config, value),
            "IIB_GRAPH_MODE_OPTIONS" => take(&mut config.graph_mode_options, value),
            "IIB_GRAPH_MODE_INDEX_ALLOW_LIST" => {
                take(&mut config.graph_mode_index_allow_list, value);
            }
            "IIB_MAX_PER_PAGE" => config.max_per_page = value.as_u64().unwrap(),
            "IIB_REQUEST_DATA_DAYS_TO_LIVE" => take(&mut config.request_data_days_to_live, value),
            "IIB_REQUEST_LOGS_DIR" => directories.log = directory(value),
            "IIB_REQUEST_RELATED_BUNDLES_DIR" => directories.related_bundles = directory(value),
            "IIB_REQUEST_RECURSIVE_RELATED_BUNDLES_DIR" => {
                directories.nested_bundles = directory(value);
            }
            "IIB_USER_TO_QUEUE"
            | "IIB_MESSAGING_BATCH_STATE_DESTINATION"
            | "IIB_MESSAGING_BUILD_STATE_DESTINATION" => {}
            _ => panic!("the setting {name} is new; say what it means here"),
        }
    }
    config.files = Files::in_directories(directories);
    config
}

#[expect(
    clippy::disallowed_methods,
    reason = "the battery is a program of its own"
)]
fn run(program: &Path, arguments: &[String]) -> std::process::Output {
    std::process::Command::new("python3")
        .arg(program)
        .args(arguments)
        .output()
        .expect("python3 runs the battery")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a missing battery is a failure only where it must be present"
)]
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}
