//! `GET builds/{id}/queue`: what runs before a request.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use crate::answer::{ApiError, json};
use crate::router::{App, RequestId, no_such_request};

/// The most requests that an answer names.
const NAMED: u64 = 100;

/// Where a request waits.
#[derive(Serialize)]
struct Answer {
    /// The request.
    id: i64,
    /// `waiting`, `running` or `ended`.
    status: &'static str,
    /// The name of its queue; null is the default queue.
    queue: Option<String>,
    /// Its place among those that wait in its queue, from 1; null when it does not wait.
    position: Option<u64>,
    /// The requests that wait before it, oldest first, at most a hundred.
    before: Vec<i64>,
    /// How many requests of its queue are worked on.
    running: u64,
    /// When work on it may begin, by what the newest requests of its type took; null when that is unknown or it does not wait.
    estimated_start: Option<String>,
}

pub(crate) async fn show(State(app): State<App>, id: RequestId) -> Result<Response, ApiError> {
    let id = id.required()?;
    let Some(waiting) = app.store.waiting(id, NAMED).await? else {
        app.store
            .request_type(id)
            .await?
            .ok_or_else(no_such_request)?;
        let answer = Answer {
            id,
            status: "ended",
            queue: None,
            position: None,
            before: Vec::new(),
            running: 0,
            estimated_start: None,
        };
        return Ok(json(StatusCode::OK, &answer));
    };
    let answer = Answer {
        id,
        status: if waiting.is_running {
            "running"
        } else {
            "waiting"
        },
        queue: waiting.queue,
        position: (!waiting.is_running).then_some(waiting.ahead + 1),
        before: waiting.before,
        running: waiting.running,
        estimated_start: waiting.estimated_start.map(api::timestamp::format),
    };
    Ok(json(StatusCode::OK, &answer))
}
