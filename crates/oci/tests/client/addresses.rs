//! Where registries are spoken to: aliases, TLS, and never plain HTTP by accident.

use oci::{Client, ClientConfig, ConnectionFault, Credentials, Error};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use registry::{Auth, Tls};

use crate::scripted::{Answer, Scripted};
use crate::support::{Fixture, bytes, config, descriptor, get, put, put_image, tag};

#[tokio::test]
async fn an_alias_changes_the_address_but_not_the_name_that_credentials_go_by() {
    let fixture = Fixture::start_with(|config| {
        let users = [("jane".to_owned(), "secret".into())].into();
        config.auth = Some(Auth::Token(users));
    })
    .await;
    let client = Client::new(ClientConfig {
        aliases: [(
            "quay.example".parse().unwrap(),
            fixture.host().parse().unwrap(),
        )]
        .into(),
        credentials: Credentials::none().with("quay.example/ns", "jane", "secret".into()),
        ..config()
    })
    .unwrap();
    let repository = client.repository(&"quay.example/ns/app".parse().unwrap());
    put(&repository, &bytes(200_000)).await;
    put_image(&repository, "v1").await;
    repository.manifest(&tag("v1")).await.unwrap();
    let error = repository.manifest(&tag("v2")).await.unwrap_err();
    assert!(
        error.to_string().contains("quay.example/ns/app:v2"),
        "{error}"
    );
}

#[tokio::test]
async fn a_location_with_the_name_of_an_alias_leads_to_its_address() {
    let registry = Scripted::start(|_, seen| match seen.line.split(' ').next() {
        Some("HEAD") => Answer(404, Vec::new(), Vec::new()),
        Some("POST") => {
            let location = "https://quay.example/v2/app/blobs/uploads/1?_state=a%2Fb".to_owned();
            Answer(202, vec![("location", location)], Vec::new())
        }
        _ => Answer(201, Vec::new(), Vec::new()),
    })
    .await;
    let client = Client::new(ClientConfig {
        aliases: [(
            "quay.example".parse().unwrap(),
            registry.host.parse().unwrap(),
        )]
        .into(),
        ..config()
    })
    .unwrap();
    let repository = client.repository(&"quay.example/app".parse().unwrap());
    put(&repository, &bytes(3)).await;
    let line = registry.seen().last().unwrap().line.clone();
    let digest = descriptor(&bytes(3)).digest.to_string().replace(':', "%3A");
    assert_eq!(
        line,
        format!("PUT /v2/app/blobs/uploads/1?_state=a%2Fb&digest={digest}")
    );
}

/// A certificate authority, and a certificate of it for the loopback address.
fn authority() -> (String, Tls) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::from_params(&params, &ca_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let tls = Tls {
        cert_chain_pem: leaf.pem(),
        key_pem: key.serialize_pem(),
    };
    (ca.pem(), tls)
}

fn tls_client(fixture: &Fixture, authorities: Vec<Vec<u8>>) -> Client {
    Client::new(ClientConfig {
        tls_registries: [fixture.host().parse().unwrap()].into(),
        extra_ca_pem: authorities,
        ..config()
    })
    .unwrap()
}

#[tokio::test]
async fn an_extra_authority_is_trusted_and_without_it_the_certificate_is_refused() {
    let (ca, tls) = authority();
    let fixture = Fixture::start_with(|config| config.tls = Some(tls)).await;
    let repository = fixture.repository(&tls_client(&fixture, vec![ca.into_bytes()]), "ns/app");
    let content = bytes(100);
    let blob = put(&repository, &content).await;
    assert_eq!(get(&repository, &blob).await.unwrap(), content);

    let stranger = tls_client(&fixture, Vec::new());
    let error = fixture
        .repository(&stranger, "ns/app")
        .tags()
        .await
        .unwrap_err();
    let certificate = ConnectionFault::Certificate;
    assert!(
        matches!(error, Error::Unreachable { fault, .. } if fault == certificate),
        "{error:?}"
    );
    assert!(!error.is_transient());
    assert_eq!(stranger.usage().retries, 0);
}

#[tokio::test]
async fn a_registry_that_should_speak_tls_is_never_asked_without() {
    let fixture = Fixture::start().await;
    let client = tls_client(&fixture, Vec::new());
    let error = fixture
        .repository(&client, "ns/app")
        .tags()
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unreachable {
                fault: ConnectionFault::NoTls,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("insecure registries"), "{error}");
    assert_eq!(fixture.registry.log().totals().requests, 0);
}

#[tokio::test]
async fn a_redirect_to_plain_http_elsewhere_is_refused() {
    let location = "http://storage.example/blob?signature=hush".to_owned();
    let registry =
        Scripted::start(move |_, _| Answer(307, vec![("location", location.clone())], Vec::new()))
            .await;
    let client = Client::new(config()).unwrap();
    let repository = client.repository(&format!("{}/app", registry.host).parse().unwrap());
    let error = repository.blob(&descriptor(&bytes(1))).await.unwrap_err();
    assert!(matches!(error, Error::PlainHttpRefused { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("http://storage.example/blob?signature=…"),
        "{error}"
    );
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let registry =
        Scripted::start(|_, _| Answer(302, vec![("location", "/v2/again".to_owned())], Vec::new()))
            .await;
    let client = Client::new(config()).unwrap();
    let repository = client.repository(&format!("{}/app", registry.host).parse().unwrap());
    let error = repository.blob(&descriptor(&bytes(1))).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
    assert_eq!(registry.seen().len(), 6);
}

#[test]
fn what_is_no_certificate_stops_the_setup() {
    let pem = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_vec();
    let config = ClientConfig {
        extra_ca_pem: vec![pem],
        ..config()
    };
    assert!(matches!(Client::new(config), Err(Error::Setup { .. })));
}
