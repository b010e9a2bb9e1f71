//! HTTPS.

use registry::{Error, Server, Tls};
use reqwest::{Certificate, Client};

use crate::support::{Fixture, config};

#[tokio::test]
async fn the_registry_speaks_tls_with_the_certificate_given() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
        .unwrap();
    let pem = made.cert.pem();
    let fixture = Fixture::start_with(|config| {
        config.tls = Some(Tls {
            cert_chain_pem: pem.clone(),
            key_pem: made.signing_key.serialize_pem(),
        });
    })
    .await;
    assert!(fixture.running.url().starts_with("https://"));
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(pem.as_bytes()).unwrap()])
        .build()
        .unwrap();
    let answer = client
        .get(format!("{}/v2/", fixture.running.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let plain = fixture.running.url().replace("https:", "http:");
    assert!(client.get(format!("{plain}/v2/")).send().await.is_err());
}

#[tokio::test]
async fn what_is_no_key_stops_the_start() {
    let root = tempfile::tempdir().unwrap();
    let mut config = config(&root);
    config.tls = Some(Tls {
        cert_chain_pem: String::new(),
        key_pem: "no key".to_owned(),
    });
    let refused = Server::start(config).await.unwrap_err();
    assert!(
        matches!(
            refused,
            Error::Pem {
                what: "private key",
                ..
            }
        ),
        "{refused}"
    );
}
