//! Asked to end by a signal, commands leave nothing behind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use registry::{Fault, Rule};
use samples::Bundle;
use support::service::{Setup, ask_to_end, terminate, until};
use support::{World, command};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// A fresh directory for temporary files.
fn temporary(world: &World) -> PathBuf {
    let path = world.dir.path().join("tmp");
    std::fs::create_dir(&path).unwrap();
    path
}

fn assert_empty(directory: &Path) {
    let left: Vec<_> = std::fs::read_dir(directory).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Ends a quickstart when it has printed `line`, and gives its exit code.
async fn quickstart_ended_at(line: &str) -> Option<i32> {
    let world = World::start().await;
    let tmp = temporary(&world);
    let mut child = command(world.dir.path())
        .args(["quickstart", "--listen", "127.0.0.1:0"])
        .args(["--registry-listen", "127.0.0.1:0"])
        .env("TMPDIR", &tmp)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    loop {
        let next = lines.next_line().await.unwrap();
        if next.expect("it runs").starts_with(line) {
            break;
        }
    }
    // The pipe must be read on, or what is printed at the end would fail.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let code = terminate(&mut child).await;
    assert_empty(&tmp);
    code
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quickstart_that_serves_ends_well() {
    assert_eq!(quickstart_ended_at("serving on").await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quickstart_that_has_not_done_its_work_fails() {
    assert_eq!(quickstart_ended_at("registry ").await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_add_is_stopped_in_the_middle() {
    let world = World::start().await;
    let tmp = temporary(&world);
    let binary = world.binary_image().await.to_string();
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await
        .to_string();
    world
        .registry
        .faults()
        .add(Rule::new("/index/", Fault::Stall));
    let to = format!("{}/index:v1", world.host);
    let mut child = command(world.dir.path())
        .args(["index", "add", "--arch", "amd64", "--to", &to])
        .args(["--binary-image", &binary, "--bundles", &bundle])
        .env("TMPDIR", &tmp)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the registry holds a request", || async {
        let entries = world.registry.log().entries();
        let held = entries.iter().any(|entry| entry.path.contains("/index/"));
        held.then_some(())
    })
    .await;
    assert_eq!(terminate(&mut child).await, Some(1));
    assert_empty(&tmp);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_asked_to_end_answers_what_runs_and_takes_nothing_new() {
    let world = World::start().await;
    let setup = Setup::new(&world);
    let service = setup.start().await;
    let address = service.address();
    let mut idle = TcpStream::connect(address).await.unwrap();
    let head = "GET /api/v1/healthcheck HTTP/1.1\r\nhost: a\r\n\r\n";
    idle.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");

    let body = r#"{"bundles":["r/b:1"],"binary_image":"r/opm:1","add_arches":["amd64"]}"#;
    let mut running = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/builds/add HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    running.write_all(head.as_bytes()).await.unwrap();
    // It is asked for the body by the endpoint, which therefore runs.
    let mut asked = [0; 25];
    running.read_exact(&mut asked).await.unwrap();

    ask_to_end(&service).await;
    until("new connections are refused", || async {
        TcpStream::connect(address).await.is_err().then_some(())
    })
    .await;
    let mut rest = Vec::new();
    // The end of the connection that was kept alive.
    idle.read_to_end(&mut rest).await.unwrap();
    running.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    running.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(service.ended_with().await, Some(0));
}
