//! A server on loopback with its own database, and an HTTP client that sends exactly what a test says.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part of this"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use files::{Directories, Files};
use serde_json::{Value, json};
use server::{LiveConfig, ServerConfig};
use store::{Clock, SealingKey, State, Store, StoreConfig, Update, WorkerId};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub struct Server {
    pub address: SocketAddr,
    pub store: Store,
    pub directory: TempDir,
    pub shutdown: CancellationToken,
    pub running: JoinHandle<Result<(), server::Error>>,
    passed: Arc<AtomicI64>,
}

pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub raw_head: String,
    pub body: String,
}

/// Behind a proxy on loopback, which names the users.
pub fn proxied() -> ServerConfig {
    ServerConfig {
        trusted_proxies: vec![Ipv4Addr::LOCALHOST.into()],
        ..ServerConfig::default()
    }
}

/// The same without the need to log in; what tests use unless they are about users.
pub fn open() -> ServerConfig {
    ServerConfig {
        login_disabled: true,
        ..proxied()
    }
}

/// Files of every kind in `directory`.
pub fn kept_in(directory: &Path) -> Files {
    Files::in_directories(Directories {
        log: Some(directory.to_owned()),
        related_bundles: Some(directory.to_owned()),
        nested_bundles: Some(directory.to_owned()),
        reports: Some(directory.to_owned()),
    })
}

impl Server {
    pub async fn start(config: impl Into<LiveConfig>) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), config).await
    }

    pub async fn start_in(directory: TempDir, config: impl Into<LiveConfig>) -> Self {
        let passed = Arc::new(AtomicI64::new(0));
        let store = store(directory.path(), Arc::clone(&passed)).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(server::serve(
            listener,
            config.into(),
            store.clone(),
            shutdown.clone(),
        ));
        Self {
            address,
            store,
            directory,
            shutdown,
            running,
            passed,
        }
    }

    /// Moves the clock of the store.
    pub fn pass(&self, time: Duration) {
        self.passed
            .fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// Sends a head (without its last line break) and a body, and reads to the end.
    pub async fn raw(&self, head: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let text = format!(
            "{head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(Duration::from_secs(30), stream.read_to_string(&mut answer))
            .await
            .expect("an answer")
            .unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head: head.to_ascii_lowercase(),
            raw_head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        self.raw(
            &format!("{method} {path} HTTP/1.1\r\nhost: iib.example{headers}"),
            body,
        )
        .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(
            "POST",
            path,
            "\r\ncontent-type: application/json",
            &body.to_string(),
        )
        .await
    }

    pub async fn post_as(&self, user: &str, path: &str, body: &Value) -> Answer {
        let headers = format!("\r\ncontent-type: application/json\r\nx-remote-user: {user}");
        self.send("POST", path, &headers, &body.to_string()).await
    }

    pub async fn add(&self, index: &str) -> Value {
        let answer = self.post("/api/v1/builds/add", &payload(index)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()
    }

    /// Ends the oldest unfinished request as a worker would.
    pub async fn end_oldest(&self, state: State) -> i64 {
        let job = self
            .store
            .claim(&WorkerId::random(), Duration::from_mins(1))
            .await
            .unwrap()
            .unwrap();
        let update = Update {
            state,
            state_reason: "it ended".into(),
            fields: store::ResultFields::default(),
        };
        self.store.finish(&job.lease, &update).await.unwrap();
        job.request_id
    }
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        assert!(
            self.head.contains("\r\ncontent-type: application/json\r\n"),
            "{}",
            self.head
        );
        serde_json::from_str(&self.body).unwrap()
    }

    /// Checks the status and that the body is an error of the contract.
    #[track_caller]
    pub fn is_error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        let body = self.json();
        assert_eq!(
            body.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["error"]
        );
        let text = body["error"].as_str().unwrap().to_owned();
        assert!(!text.trim().is_empty());
        text
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub fn payload(index: &str) -> Value {
    json!({"bundles": ["r/bundle:1"], "from_index": index, "binary_image": "r/opm:1"})
}

async fn store(directory: &Path, passed: Arc<AtomicI64>) -> Store {
    let key = SealingKey::load_or_generate(&directory.join("key")).unwrap();
    let database = directory.join("iib.db").to_str().unwrap().parse().unwrap();
    let system = Clock::system();
    let now = move || {
        let now = system.now().as_microsecond() + passed.load(Ordering::SeqCst);
        jiff::Timestamp::from_microsecond(now).unwrap()
    };
    Store::open(&StoreConfig {
        migrate: true,
        clock: Clock::custom(now),
        ..StoreConfig::new(database, key)
    })
    .await
    .unwrap()
}
