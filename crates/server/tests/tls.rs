//! The service over TLS, with certificates that come and go.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use reqwest::{Certificate, Client, Identity};
use server::{LiveConfig, ServerConfig, TlsFiles};
use support::{Server, open};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A certificate and its key as PEM texts.
struct Pair {
    cert: String,
    key: String,
}

/// A certificate for loopback that vouches for itself.
fn pair() -> Pair {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    Pair {
        cert: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
    }
}

/// An authority and a certificate of it for a caller.
fn authority_and_caller() -> (Pair, Pair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = Pair {
        cert: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    };
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let caller = Pair {
        cert: params.signed_by(&key, &issuer).unwrap().pem(),
        key: key.serialize_pem(),
    };
    (authority, caller)
}

/// The files of a server.
struct Files {
    directory: TempDir,
}

impl Files {
    fn new(pair: &Pair) -> Self {
        let files = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        files.write(pair);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, pair: &Pair) {
        std::fs::write(self.path("cert.pem"), &pair.cert).unwrap();
        std::fs::write(self.path("key.pem"), &pair.key).unwrap();
    }

    fn tls(&self) -> TlsFiles {
        TlsFiles {
            look_every: Duration::from_millis(10),
            ..TlsFiles::new(self.path("cert.pem"), self.path("key.pem"))
        }
    }

    fn config(&self) -> ServerConfig {
        ServerConfig {
            tls: Some(self.tls()),
            ..open()
        }
    }
}

fn client(trusted: &Pair, own: Option<&Pair>) -> Client {
    let mut builder = Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(trusted.cert.as_bytes()).unwrap()]);
    if let Some(own) = own {
        let pem = format!("{}{}", own.cert, own.key);
        builder = builder.identity(Identity::from_pem(pem.as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

/// Asks with a connection of its own.
async fn get(server: &Server, trusted: &Pair, own: Option<&Pair>) -> Option<String> {
    let url = format!("https://{}/api/v1/builds", server.address);
    let answer = client(trusted, own).get(url).send().await.ok()?;
    assert_eq!(answer.status(), 200);
    Some(answer.text().await.unwrap())
}

async fn until_served(server: &Server, pair: &Pair) {
    let asking = async {
        while get(server, pair, None).await.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking)
        .await
        .expect("the certificate is served");
}

#[tokio::test]
async fn links_in_answers_over_tls_say_so_and_plain_callers_get_nothing() {
    let pair = pair();
    let files = Files::new(&pair);
    let server = Server::start(files.config()).await;
    let answer = get(&server, &pair, None).await.unwrap();
    let expected = format!("\"first\":\"https://{}/api/v1/builds?", server.address);
    assert!(answer.contains(&expected), "{answer}");

    let forwarded = client(&pair, None)
        .get(format!("https://{}/api/v1/builds", server.address))
        .header("x-forwarded-proto", "http")
        .send()
        .await
        .unwrap();
    assert!(
        forwarded
            .text()
            .await
            .unwrap()
            .contains("\"first\":\"http://")
    );

    let mut plain = TcpStream::connect(server.address).await.unwrap();
    let head = "GET /api/v1/builds HTTP/1.1\r\nhost: a\r\n\r\n";
    plain.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // It may be an alert and then the end, or a reset.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"));
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_and_a_broken_one_is_not() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let (first, second) = (pair(), pair());
    let files = Files::new(&first);
    let server = Server::start(files.config()).await;
    until_served(&server, &first).await;
    files.write(&second);
    until_served(&server, &second).await;
    assert!(get(&server, &first, None).await.is_none());

    // The certificate of one pair and the key of another; then no certificate at all; then no file.
    std::fs::write(files.path("key.pem"), &first.key).unwrap();
    logged.until("belong together").await;
    std::fs::write(files.path("cert.pem"), "nonsense").unwrap();
    logged.until("does not hold a certificate").await;
    std::fs::remove_file(files.path("cert.pem")).unwrap();
    logged.until("cannot be read").await;
    until_served(&server, &second).await;
    let text = logged.text();
    assert_eq!(
        text.matches("cannot be read").count(),
        1,
        "said once: {text}"
    );

    files.write(&first);
    until_served(&server, &first).await;
}

#[tokio::test]
async fn a_replaced_configuration_has_the_files_looked_at() {
    let (first, second) = (pair(), pair());
    let files = Files::new(&first);
    let config = ServerConfig {
        tls: Some(TlsFiles {
            look_every: Duration::from_hours(1),
            ..files.tls()
        }),
        ..open()
    };
    let live = LiveConfig::new(config.clone());
    let server = Server::start(live.clone()).await;
    until_served(&server, &first).await;
    files.write(&second);
    live.replace(config);
    until_served(&server, &second).await;
}

#[tokio::test]
async fn callers_need_a_certificate_where_authorities_are_named() {
    let pair = pair();
    let files = Files::new(&pair);
    let (authority, caller) = authority_and_caller();
    let (_, stranger) = authority_and_caller();
    std::fs::write(files.path("ca.pem"), &authority.cert).unwrap();
    let server = Server::start(ServerConfig {
        tls: Some(TlsFiles {
            client_ca: Some(files.path("ca.pem")),
            ..files.tls()
        }),
        ..open()
    })
    .await;
    assert!(get(&server, &pair, Some(&caller)).await.is_some());
    assert!(get(&server, &pair, None).await.is_none());
    assert!(get(&server, &pair, Some(&stranger)).await.is_none());
}

#[tokio::test]
async fn a_caller_that_does_not_agree_on_tls_loses_its_place() {
    let pair = pair();
    let files = Files::new(&pair);
    let server = Server::start(ServerConfig {
        max_connections: 1,
        handshake_timeout: Duration::from_millis(50),
        ..files.config()
    })
    .await;
    let silent = TcpStream::connect(server.address).await.unwrap();
    assert!(get(&server, &pair, None).await.is_some());
    drop(silent);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_callers_that_have_not_agreed_on_tls() {
    let pair = pair();
    let files = Files::new(&pair);
    let server = Server::start(ServerConfig {
        handshake_timeout: Duration::from_hours(1),
        drain_timeout: Duration::from_hours(1),
        ..files.config()
    })
    .await;
    let silent = TcpStream::connect(server.address).await.unwrap();
    assert!(get(&server, &pair, None).await.is_some());
    server.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(30), server.running)
        .await
        .expect("it stops")
        .unwrap()
        .unwrap();
    drop(silent);
}

#[tokio::test]
async fn unusable_files_are_named_at_the_start() {
    let (one, other) = (pair(), pair());
    let files = Files::new(&one);
    files.tls().check().await.unwrap();
    let problem = async |tls: TlsFiles| {
        let error = tls.check().await.unwrap_err();
        let server = Server::start(ServerConfig {
            tls: Some(tls),
            ..open()
        })
        .await;
        let stopped = server.running.await.unwrap().unwrap_err();
        assert!(matches!(stopped, server::Error::Tls(_)));
        error.to_string()
    };
    let names = |text: &str, path: &Path| assert!(text.contains(path.to_str().unwrap()), "{text}");

    let missing = files.path("missing.pem");
    let text = problem(TlsFiles::new(&missing, files.path("key.pem"))).await;
    names(&text, &missing);
    let text = problem(TlsFiles::new(files.path("key.pem"), files.path("key.pem"))).await;
    names(&text, &files.path("key.pem"));
    let text = problem(TlsFiles::new(
        files.path("cert.pem"),
        files.path("cert.pem"),
    ))
    .await;
    names(&text, &files.path("cert.pem"));
    std::fs::write(files.path("other.pem"), &other.key).unwrap();
    let text = problem(TlsFiles::new(
        files.path("cert.pem"),
        files.path("other.pem"),
    ))
    .await;
    names(&text, &files.path("other.pem"));
    let text = problem(TlsFiles {
        client_ca: Some(files.path("key.pem")),
        ..files.tls()
    })
    .await;
    names(&text, &files.path("key.pem"));
}

/// What was logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Logged {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    async fn until(&self, part: &str) {
        let seen = async {
            while !self.text().contains(part) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), seen)
            .await
            .unwrap_or_else(|_| panic!("{part} was not logged: {}", self.text()));
    }
}

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
