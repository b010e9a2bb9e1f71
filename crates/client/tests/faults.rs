//! What a client does when a service falters: repeats what it may, follows through broken streams, and never submits twice.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use client::{Add, Client, ClientConfig, Error, News, Retries, Submission};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Method, path, idempotency key, last event id, authorization.
type Seen = Vec<(
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
)>;

/// A service that answers as scripted, whatever is asked, and remembers what was.
struct Scripted {
    seen: Arc<Mutex<Seen>>,
    client: Client,
}

async fn scripted(answers: Vec<Response>) -> Scripted {
    let seen = Arc::new(Mutex::new(Seen::new()));
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    let remembered = Arc::clone(&seen);
    let app = Router::new().fallback(move |request: Request| {
        let header = |name: &str| {
            let value = request.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        remembered.lock().unwrap().push((
            request.method().to_string(),
            request.uri().path().to_owned(),
            header("idempotency-key"),
            header("last-event-id"),
            header("authorization"),
        ));
        let answer = answers.lock().unwrap().pop_front();
        async move { answer.unwrap_or_else(|| StatusCode::IM_A_TEAPOT.into_response()) }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let config = ClientConfig {
        token: Some("t0ken".into()),
        retries: Retries {
            attempts: 3,
            base: Duration::from_millis(1),
            ceiling: Duration::from_millis(5),
        },
        poll: (Duration::from_millis(1), Duration::from_millis(5)),
        ..ClientConfig::new(format!("http://{address}").parse().unwrap())
    };
    Scripted {
        seen,
        client: Client::new(config).unwrap(),
    }
}

impl Scripted {
    fn paths(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .map(|(method, path, ..)| format!("{method} {path}"))
            .collect()
    }
}

fn status(code: u16, text: &str) -> Response {
    let body = json!({"error": text}).to_string();
    (StatusCode::from_u16(code).unwrap(), body).into_response()
}

fn request(state: &str) -> Value {
    json!({
        "id": 1, "batch": 1, "request_type": "add", "user": null, "state": state, "state_reason": state, "updated": "2026-01-01T00:00:00Z",
        "state_history": [step(state)],
    })
}

fn step(state: &str) -> Value {
    json!({"state": state, "state_reason": state, "updated": "2026-01-01T00:00:00Z"})
}

fn fine(body: &Value) -> Response {
    body.to_string().into_response()
}

/// A connection that breaks off before the answer is whole.
fn broken() -> Response {
    let pieces = [Ok("{\"id\":"), Err(std::io::Error::other("cut"))];
    Body::from_stream(futures::stream::iter(pieces)).into_response()
}

fn events(text: String) -> Response {
    ([("content-type", "text/event-stream; charset=utf-8")], text).into_response()
}

fn add() -> Submission {
    Submission::Add(Add::default())
}

#[tokio::test]
async fn a_read_is_repeated_while_the_trouble_is_passing() {
    for trouble in [429, 502, 503, 504] {
        let service = scripted(vec![
            status(trouble, "later"),
            broken(),
            fine(&request("complete")),
        ])
        .await;
        assert_eq!(service.client.show(1).await.unwrap().id, 1);
        assert_eq!(service.paths(), ["GET /api/v1/builds/1"; 3]);
        let authorization = service.seen.lock().unwrap()[0].4.clone();
        assert_eq!(authorization.as_deref(), Some("Bearer t0ken"));
    }
    let service = scripted((0..9).map(|_| status(503, "later")).collect()).await;
    let error = service.client.show(1).await.unwrap_err();
    assert_eq!(error.complaint().unwrap().status, 503);
    assert_eq!(service.paths().len(), 3, "as often as allowed");
    let service = scripted(vec![status(500, "broken")]).await;
    assert!(service.client.show(1).await.is_err());
    assert_eq!(
        service.paths().len(),
        1,
        "what is not passing is not repeated"
    );
}

#[tokio::test]
async fn a_submit_that_was_refused_in_passing_is_repeated_under_the_same_key() {
    let service = scripted(vec![status(429, "later"), fine(&request("in_progress"))]).await;
    service.client.submit(&add()).await.unwrap();
    let seen = service.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].2.is_some());
    assert_eq!(seen[0].2, seen[1].2);
}

#[tokio::test]
async fn a_submit_of_unknown_outcome_is_repeated_only_where_its_key_is_honoured() {
    let parameter = json!({"name": "Idempotency-Key", "in": "header"});
    let honouring = json!({
        "paths": {"/api/v1/builds/add": {"post": {"parameters": [{"$ref": "#/components/parameters/key"}]}}},
        "components": {"parameters": {"key": parameter}},
    });
    for trouble in [502, 503, 504] {
        let service = scripted(vec![
            status(trouble, "who knows"),
            fine(&honouring),
            fine(&request("in_progress")),
        ])
        .await;
        assert_eq!(service.client.submit(&add()).await.unwrap().id, 1);
        let submit = "POST /api/v1/builds/add";
        assert_eq!(
            service.paths(),
            [submit, "GET /api/v1/openapi.json", submit]
        );
        let seen = service.seen.lock().unwrap().clone();
        assert_eq!(seen[0].2, seen[2].2);

        for document in [
            status(404, "no"),
            fine(&json!({"paths": {}})),
            fine(&json!([])),
        ] {
            let service = scripted(vec![status(trouble, "who knows"), document]).await;
            let error = service.client.submit(&add()).await.unwrap_err();
            assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
            assert!(error.to_string().contains("who knows"), "{error}");
            assert_eq!(
                service
                    .paths()
                    .iter()
                    .filter(|path| *path == submit)
                    .count(),
                1
            );
        }
    }
    let service = scripted(vec![broken(), status(404, "no")]).await;
    let error = service.client.submit(&add()).await.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_no_such_service_is_told_from_one_that_refuses() {
    let service = scripted(vec!["<html>".into_response()]).await;
    assert!(matches!(
        service.client.show(1).await,
        Err(Error::Foreign { status: 200, .. })
    ));
    let service = scripted(Vec::new()).await;
    assert!(matches!(
        service.client.show(1).await,
        Err(Error::Foreign { status: 418, .. })
    ));
}

#[tokio::test]
async fn a_request_is_followed_by_events_through_broken_streams() {
    let service = scripted(vec![
        status(503, "later"),
        events(format!("event: state\nid: 1\ndata: {}\n\nevent: log\nid: 2\ndata: hello\n\nevent: log\nid: 3\nda", step("in_progress"))),
        events(format!("event: log\nid: 3\ndata: world\n\nevent: new\nid: 4\ndata: ?\n\nevent: end\nid: 5\ndata: {}\n\n", request("complete"))),
    ])
    .await;
    let mut told = Vec::new();
    let ended = service
        .client
        .follow(1, |news| {
            told.push(match news {
                News::Step(step) => step.state.name().to_owned(),
                News::Log(line) => line,
            });
        })
        .await
        .unwrap();
    assert_eq!(ended.state_reason, "complete");
    assert_eq!(told, ["in_progress", "hello", "world", "complete"]);
    let ids: Vec<_> = service
        .seen
        .lock()
        .unwrap()
        .iter()
        .map(|seen| seen.3.clone())
        .collect();
    assert_eq!(ids, [None, None, Some("2".to_owned())]);
}

#[tokio::test]
async fn without_events_or_when_they_fail_a_request_is_looked_at_again_and_again() {
    let garbage = events("event: state\ndata: garbage\n\n".into());
    for first in [
        status(404, "no"),
        status(405, "no"),
        fine(&json!({})),
        garbage,
    ] {
        let service = scripted(vec![
            first,
            fine(&request("in_progress")),
            fine(&request("in_progress")),
            fine(&request("failed")),
        ])
        .await;
        let mut steps = 0;
        let ended = service.client.follow(1, |_| steps += 1).await.unwrap();
        assert_eq!((ended.state, steps), (api::State::Failed, 2));
    }
    let silent = (0..3).map(|_| events(": nothing\n\n".into()));
    let service = scripted(silent.chain([fine(&request("complete"))]).collect()).await;
    service.client.follow(1, |_| {}).await.unwrap();
    assert_eq!(service.paths()[3], "GET /api/v1/builds/1");
}
