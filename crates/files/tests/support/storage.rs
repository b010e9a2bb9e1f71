//! An S3 stand-in. Tests of other crates use this file, too.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part of this"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use files::{Bucket, BucketConfig};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

pub const BUCKET: &str = "artefacts";

pub fn bucket_at(endpoint: &str) -> Bucket {
    Bucket::new(&BucketConfig {
        name: BUCKET.into(),
        endpoint: Some(endpoint.to_owned()),
        region: "us-east-1".into(),
        access_key_id: "AKIAEXAMPLE".into(),
        secret_access_key: "secret".to_owned().into(),
        session_token: None,
        extra_ca_pem: Vec::new(),
    })
    .unwrap()
}

/// A running stand-in with an empty bucket. It ends with the value.
pub struct Storage {
    child: Child,
    pub endpoint: String,
}

impl Storage {
    /// Starts one, or says why this test does nothing here. Where everything must be installed, that is a failure.
    pub async fn start() -> Option<Self> {
        let program = program()?;
        #[expect(clippy::disallowed_methods, reason = "the storage is another program")]
        let mut child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let endpoint = tokio::time::timeout(Duration::from_mins(1), async {
            loop {
                let line = lines.next_line().await.unwrap().expect("it says where");
                if let Some((_, address)) = line.split_once("Running on ") {
                    break address.trim().to_owned();
                }
            }
        })
        .await
        .expect("the stand-in starts");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let storage = Self { child, endpoint };
        // The stand-in asks for no signature.
        let made = storage.ask("PUT", BUCKET).await;
        assert!(made.starts_with("HTTP/1.1 200"), "{made}");
        Some(storage)
    }

    pub fn bucket(&self) -> Bucket {
        bucket_at(&self.endpoint)
    }

    /// The names of all keys.
    pub async fn keys(&self) -> Vec<String> {
        let listing = self.ask("GET", &format!("{BUCKET}?list-type=2")).await;
        listing
            .split("<Key>")
            .skip(1)
            .filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned()))
            .collect()
    }

    /// The answer to a request without body, head and all.
    async fn ask(&self, method: &str, path: &str) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let host = self.endpoint.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
        let head = format!(
            "{method} /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    pub async fn end(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Whether the stand-in is installed; says so if not. In CI that fails the test.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a skipped test must be seen to be skipped, and is a failure depending on where it runs"
)]
fn program() -> Option<PathBuf> {
    let installed = ["/usr/local/bin", "/usr/bin"]
        .map(|dir| Path::new(dir).join("moto_server"))
        .into_iter()
        .find(|path| path.exists());
    if installed.is_none() {
        let text = "`moto_server`, an S3 stand-in, is not installed; run `.ci/install` as root";
        assert!(
            !std::env::var("CI").is_ok_and(|value| value == "true"),
            "{text}"
        );
        eprintln!("skipped: {text}");
    }
    installed
}
