//! Who may enter.

use std::time::Duration;

use registry::{Auth, Fault, Rule};
use reqwest::{Method, Response};

use crate::support::{Fixture, digest, header, send};

fn users() -> std::collections::BTreeMap<String, registry::Password> {
    [("jane".to_owned(), "secret".into())].into()
}

async fn token(fixture: &Fixture, query: &str) -> String {
    let request = fixture.request(Method::GET, &format!("/token?service=registry&{query}"));
    let answer = send(request.basic_auth("jane", Some("secret"))).await;
    let answer: serde_json::Value = answer.json().await.expect("tokens come as JSON");
    answer["token"].as_str().expect("a token").to_owned()
}

async fn with_token(fixture: &Fixture, method: Method, path: &str, token: &str) -> Response {
    send(fixture.request(method, path).bearer_auth(token)).await
}

#[tokio::test]
async fn basic_authentication_guards_every_endpoint() {
    let fixture = Fixture::start_with(|config| config.auth = Some(Auth::Basic(users()))).await;
    for path in [
        "/v2/",
        "/v2/_catalog",
        "/v2/a/tags/list",
        "/v2/a/manifests/v1",
    ] {
        let refused = fixture.get(path).await;
        assert_eq!(
            (
                refused.status().as_u16(),
                header(&refused, "www-authenticate")
            ),
            (401, "Basic realm=\"registry\"")
        );
    }
    for (user, password, expected) in [
        ("jane", "secret", 200),
        ("jane", "wrong", 401),
        ("john", "secret", 401),
    ] {
        let request = fixture.request(Method::GET, "/v2/");
        let answer = send(request.basic_auth(user, Some(password))).await;
        assert_eq!(answer.status(), expected, "{user}:{password}");
    }
    assert_eq!(fixture.get("/token").await.status(), 404);
}

#[tokio::test]
async fn the_challenge_says_where_and_for_what_to_get_a_token() {
    let fixture = Fixture::start_with(|config| config.auth = Some(Auth::Token(users()))).await;
    let realm = format!(
        "Bearer realm=\"{}/token\",service=\"registry\"",
        fixture.running.url()
    );
    let refused = fixture.get("/v2/").await;
    assert_eq!(
        (
            refused.status().as_u16(),
            header(&refused, "www-authenticate")
        ),
        (401, realm.as_str())
    );
    let refused = fixture.get("/v2/a/b/manifests/v1").await;
    assert_eq!(
        header(&refused, "www-authenticate"),
        format!("{realm},scope=\"repository:a/b:pull\"")
    );
    let mount = format!("/v2/a/blobs/uploads/?mount={}&from=b/c", digest(b""));
    let refused = send(fixture.request(Method::POST, &mount)).await;
    let scope = "scope=\"repository:a:pull,push repository:b/c:pull\"";
    assert_eq!(
        header(&refused, "www-authenticate"),
        format!("{realm},{scope}")
    );
}

#[tokio::test]
async fn tokens_are_for_known_users_only() {
    let fixture = Fixture::start_with(|config| config.auth = Some(Auth::Token(users()))).await;
    assert_eq!(
        fixture.get("/token?scope=repository:a:pull").await.status(),
        401
    );
    let wrong = fixture
        .request(Method::GET, "/token")
        .basic_auth("jane", Some("wrong"));
    assert_eq!(send(wrong).await.status(), 401);
    assert_eq!(
        with_token(&fixture, Method::GET, "/v2/", "made-up")
            .await
            .status(),
        401
    );
    let good = token(&fixture, "").await;
    assert_eq!(
        with_token(&fixture, Method::GET, "/v2/", &good)
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn a_token_opens_what_it_was_issued_for() {
    let fixture = Fixture::start_with(|config| config.auth = Some(Auth::Token(users()))).await;
    let pull = token(&fixture, "scope=repository:a:pull").await;
    let push = token(&fixture, "scope=repository:a:pull,push").await;
    let both = token(
        &fixture,
        "scope=repository:a:pull,push&scope=repository:b:pull",
    )
    .await;
    let mount = format!("/v2/a/blobs/uploads/?mount={}&from=b", digest(b""));
    for (method, path, token, expected) in [
        (Method::GET, "/v2/a/tags/list", &pull, 404),
        (Method::GET, "/v2/b/tags/list", &pull, 401),
        (Method::POST, "/v2/a/blobs/uploads/", &pull, 401),
        (Method::POST, "/v2/a/blobs/uploads/", &push, 202),
        (Method::POST, &mount, &push, 401),
        (Method::POST, &mount, &both, 202),
        (Method::DELETE, "/v2/a/manifests/v1", &push, 401),
        (Method::GET, "/v2/_catalog", &push, 401),
    ] {
        let answer = with_token(&fixture, method.clone(), path, token).await;
        assert_eq!(answer.status(), expected, "{method} {path}");
        if expected == 401 {
            assert!(header(&answer, "www-authenticate").ends_with("error=\"insufficient_scope\""));
        }
    }
    let all = token(&fixture, "scope=registry:catalog:*%20repository:a:*").await;
    assert_eq!(
        with_token(&fixture, Method::GET, "/v2/_catalog", &all)
            .await
            .status(),
        200
    );
    assert_eq!(
        with_token(&fixture, Method::DELETE, "/v2/a/manifests/v1", &all)
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn tokens_expire() {
    let fixture = Fixture::start_with(|config| {
        config.auth = Some(Auth::Token(users()));
        config.token_lifetime = Duration::ZERO;
    })
    .await;
    let spent = token(&fixture, "scope=repository:a:pull").await;
    let refused = with_token(&fixture, Method::GET, "/v2/a/tags/list", &spent).await;
    assert_eq!(refused.status(), 401);
    assert!(header(&refused, "www-authenticate").ends_with("error=\"invalid_token\""));
}

#[tokio::test]
async fn a_token_ends_after_as_many_uses_as_a_rule_says() {
    let fixture = Fixture::start_with(|config| config.auth = Some(Auth::Token(users()))).await;
    fixture
        .running
        .faults()
        .add(Rule::new("/v2/", Fault::ExpireToken).skip(2).times(1));
    let first = token(&fixture, "scope=repository:a:pull").await;
    let ask = async |token: &str| {
        let answer = with_token(&fixture, Method::GET, "/v2/a/manifests/v1", token).await;
        let challenge = answer.headers().get("www-authenticate").cloned();
        let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), challenge.unwrap_or_default())
    };
    assert_eq!(ask(&first).await.0, 404);
    // A request without a token has none to lose.
    assert_eq!(fixture.get("/v2/").await.status(), 401);
    assert_eq!(ask(&first).await.0, 404);
    for _ in 0..2 {
        let (status, challenge) = ask(&first).await;
        assert_eq!(status, 401);
        assert!(
            challenge.ends_with("error=\"invalid_token\""),
            "{challenge}"
        );
    }
    let second = token(&fixture, "scope=repository:a:pull").await;
    assert_eq!(ask(&second).await.0, 404);
    assert_eq!(fixture.running.faults().struck(), 1);
}
