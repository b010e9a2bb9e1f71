//! Who we are, and who gets to know.

use std::sync::atomic::{AtomicU32, Ordering};

use http::Method;
use oci::{Client, Credentials, Error};
use registry::Auth;

use crate::scripted::{Answer, Scripted};
use crate::support::{Fixture, bytes, client, config, descriptor, get, put, put_image, tag};

fn users() -> std::collections::BTreeMap<String, registry::Password> {
    [("jane".to_owned(), "secret".into())].into()
}

async fn basic() -> Fixture {
    Fixture::start_with(|config| config.auth = Some(Auth::Basic(users()))).await
}

async fn tokens() -> Fixture {
    Fixture::start_with(|config| config.auth = Some(Auth::Token(users()))).await
}

fn as_jane(key: &str, password: &str) -> Client {
    client().with_credentials(Credentials::none().with(key, "jane", password.into()))
}

#[tokio::test]
async fn basic_credentials_are_given_when_asked_for_and_then_at_once() {
    let fixture = basic().await;
    let repository = fixture.repository(&as_jane(&fixture.host(), "secret"), "ns/app");
    let blob = put(&repository, &bytes(10)).await;
    fixture.registry.log().clear();
    get(&repository, &blob).await.unwrap();
    get(&repository, &blob).await.unwrap();
    let refused = fixture.registry.log().entries();
    let refused = refused
        .iter()
        .filter(|entry| entry.status == Some(http::StatusCode::UNAUTHORIZED));
    assert_eq!(
        refused.count(),
        0,
        "the registry is known to want credentials"
    );
}

#[tokio::test]
async fn a_token_is_fetched_once_for_the_same_rights() {
    let fixture = tokens().await;
    let repository = fixture.repository(&as_jane(&fixture.host(), "secret"), "ns/app");
    put_image(&repository, "v1").await;
    assert_eq!(fixture.count(&Method::GET, "/token"), 1);
    for _ in 0..3 {
        repository.manifest(&tag("v1")).await.unwrap();
    }
    assert_eq!(
        fixture.count(&Method::GET, "/token"),
        2,
        "pulling is another right than pushing"
    );
}

#[tokio::test]
async fn many_at_once_share_one_token() {
    let fixture = tokens().await;
    let client = as_jane(&fixture.host(), "secret");
    let repository = fixture.repository(&client, "ns/app");
    put_image(&repository, "v1").await;
    fixture.registry.log().clear();
    let tag = tag("v1");
    let reads = (0..10).map(|_| repository.manifest(&tag));
    futures::future::try_join_all(reads).await.unwrap();
    assert_eq!(fixture.count(&Method::GET, "/token"), 1);
}

#[tokio::test]
async fn mounting_asks_for_the_right_to_read_the_source() {
    let fixture = tokens().await;
    let client = as_jane(&fixture.host(), "secret");
    let source = fixture.repository(&client, "ns/source");
    let blob = put(&source, &bytes(10)).await;
    let target = fixture.repository(&client, "ns/target");
    assert!(
        target
            .mount_blob(&blob.digest, source.name())
            .await
            .unwrap()
    );
    let scopes =
        "scope=repository%3Ans%2Ftarget%3Apull%2Cpush&scope=repository%3Ans%2Fsource%3Apull";
    assert_eq!(fixture.count(&Method::GET, scopes), 1);
}

#[tokio::test]
async fn wrong_credentials_are_told_with_user_and_key_but_never_the_secret() {
    for fixture in [basic().await, tokens().await] {
        let key = format!("{}/ns", fixture.host());
        let repository = fixture.repository(&as_jane(&key, "hush-hush"), "ns/app");
        let error = repository.manifest(&tag("v1")).await.unwrap_err();
        assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
        assert!(error.is_user_error() && !error.is_transient());
        let text = error.to_string();
        for part in ["jane", key.as_str(), "ns/app:v1", "log in"] {
            assert!(text.contains(part), "`{part}` in {text}");
        }
        assert!(!format!("{text} {error:?}").contains("hush"), "{error:?}");
    }
}

#[tokio::test]
async fn no_credentials_are_told_with_where_we_looked() {
    let fixture = basic().await;
    let json = br#"{"auths":{"other.example":{"username":"a","password":"b"}}}"#;
    let credentials = Credentials::from_docker_json(json, "some/config.json").unwrap();
    let repository = fixture.repository(&client().with_credentials(credentials), "ns/app");
    let text = repository.tags().await.unwrap_err().to_string();
    assert!(text.contains("none found in `some/config.json`"), "{text}");
}

#[tokio::test]
async fn a_ping_takes_the_credentials_of_the_registry() {
    for fixture in [basic().await, tokens().await] {
        let host = fixture.host().parse().unwrap();
        as_jane(&fixture.host(), "secret")
            .ping(&host)
            .await
            .unwrap();
        assert!(client().ping(&host).await.is_err());
    }
}

/// A registry with a token service that gives out `t1`, `t2`, … and takes only the token of `good`.
async fn token_service(good: u32) -> Scripted {
    let issued = AtomicU32::new(0);
    Scripted::start(move |host, seen| {
        if seen.line.contains("/token") {
            let number = issued.fetch_add(1, Ordering::Relaxed) + 1;
            let body = format!(r#"{{"access_token":"t{number}","expires_in":300}}"#);
            return Answer(200, Vec::new(), body.into_bytes());
        }
        if seen.authorization == Some(format!("Bearer t{good}")) {
            return Answer(200, Vec::new(), br#"{"tags":["v1"]}"#.to_vec());
        }
        let challenge = format!(
            r#"Bearer realm="http://{host}/token",service="s",scope="repository:inner/app:pull""#
        );
        Answer(401, vec![("www-authenticate", challenge)], Vec::new())
    })
    .await
}

#[tokio::test]
async fn a_token_the_registry_no_longer_takes_is_replaced_once() {
    let service = token_service(2).await;
    let name = format!("{}/app", service.host).parse().unwrap();
    let client = client();
    let repository = client.repository(&name);
    // The first token is as good as expired: fetched on the first challenge, refused with the second.
    assert!(matches!(
        repository.tags().await,
        Err(Error::Unauthorized { .. })
    ));
    assert_eq!(repository.tags().await.unwrap().len(), 1);
    assert_eq!(repository.tags().await.unwrap().len(), 1);
    let tokens = service.seen();
    let tokens = tokens.iter().filter(|seen| seen.line.contains("/token"));
    assert_eq!(tokens.count(), 2);
}

#[tokio::test]
async fn scopes_that_the_registry_names_otherwise_are_asked_for_too() {
    let service = token_service(1).await;
    let client = client();
    let repository = client.repository(&format!("{}/app", service.host).parse().unwrap());
    repository.tags().await.unwrap();
    let asked = service.seen();
    let asked = asked
        .iter()
        .find(|seen| seen.line.contains("/token"))
        .unwrap();
    assert!(
        asked.line.contains("scope=repository%3Aapp%3Apull"),
        "{asked:?}"
    );
    assert!(
        asked.line.contains("scope=repository%3Ainner%2Fapp%3Apull"),
        "{asked:?}"
    );
    assert_eq!(asked.authorization, None);
}

#[tokio::test]
async fn an_identity_token_is_exchanged_by_post() {
    let service = token_service(1).await;
    let json = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"refresh"}}}}}}"#,
        service.host
    );
    let credentials = Credentials::from_docker_json(json.as_bytes(), "x").unwrap();
    let client = client().with_credentials(credentials);
    let repository = client.repository(&format!("{}/app", service.host).parse().unwrap());
    repository.tags().await.unwrap();
    let asked = service.seen();
    let asked = asked
        .iter()
        .find(|seen| seen.line.contains("/token"))
        .unwrap();
    assert_eq!(asked.line, "POST /token");
    assert!(asked.body.contains("refresh_token=refresh"), "{asked:?}");
}

#[tokio::test]
async fn credentials_do_not_follow_to_another_host() {
    let content = bytes(10);
    let blob = descriptor(&content);
    let storage = Scripted::start(move |_, _| Answer(200, Vec::new(), content.to_vec())).await;
    let location = format!("http://{}/bucket?signature=x", storage.host);
    let registry = Scripted::start(move |_, seen| match &seen.authorization {
        Some(_) => Answer(307, vec![("location", location.clone())], Vec::new()),
        None => Answer(
            401,
            vec![("www-authenticate", "Basic realm=r".to_owned())],
            Vec::new(),
        ),
    })
    .await;
    let client = as_jane(&registry.host, "secret");
    let repository = client.repository(&format!("{}/app", registry.host).parse().unwrap());
    get(&repository, &blob).await.unwrap();
    assert!(registry.seen().last().unwrap().authorization.is_some());
    assert_eq!(storage.seen().len(), 1);
    assert_eq!(storage.seen()[0].authorization, None);
}

#[tokio::test]
async fn a_denial_is_told_with_the_reason_of_the_registry() {
    let body = br#"{"errors":[{"code":"DENIED","message":"not for you"}]}"#;
    let registry = Scripted::start(move |_, _| Answer(403, Vec::new(), body.to_vec())).await;
    let client = Client::new(config()).unwrap();
    let repository = client.repository(&format!("{}/app", registry.host).parse().unwrap());
    let error = repository.manifest(&tag("v1")).await.unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    assert!(error.to_string().contains("DENIED: not for you"), "{error}");
    assert_eq!(registry.seen().len(), 1, "a denial is final");
}

#[tokio::test]
async fn a_challenge_we_do_not_know_is_an_answer_not_a_loop() {
    let negotiate = || vec![("www-authenticate", "Negotiate".to_owned())];
    let registry = Scripted::start(move |_, _| Answer(401, negotiate(), Vec::new())).await;
    let client = client();
    let repository = client.repository(&format!("{}/app", registry.host).parse().unwrap());
    assert!(matches!(
        repository.tags().await,
        Err(Error::Unauthorized { .. })
    ));
    assert_eq!(registry.seen().len(), 1);
}
