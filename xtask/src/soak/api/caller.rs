//! One request of a client, as often as it takes until somebody listens.

use std::time::{Duration, Instant};

use anyhow::ensure;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::USER_HEADER;

/// How long a service that is started again may not listen.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long to wait when nobody listens.
const PAUSE: Duration = Duration::from_millis(20);

/// How long an answer may take: longer than the service itself allows.
const ANSWER: Duration = Duration::from_mins(2);

/// A request to send.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// As the document has it: with `{id}`.
    pub(super) template: &'static str,
    /// With the number, and a query.
    pub(super) path: String,
    pub(super) user: Option<String>,
    pub(super) body: Body,
}

/// What is sent with it.
#[derive(Debug, Clone)]
pub(super) enum Body {
    None,
    Json(Value),
    /// A text of this content type.
    Text(&'static str, String),
}

impl Call {
    /// A request that reads, with the path relative to the API's.
    pub(super) fn get(template: &'static str, path: &str) -> Self {
        Self {
            method: Method::GET,
            template,
            path: path.to_owned(),
            user: None,
            body: Body::None,
        }
    }

    pub(super) fn post(template: &'static str, user: Option<String>, body: Body) -> Self {
        Self {
            method: Method::POST,
            template,
            path: template.to_owned(),
            user,
            body,
        }
    }

    /// Its name in the document.
    pub(super) fn operation(&self) -> String {
        format!("{} /api/v1/{}", self.method, self.template)
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<u64>,
    pub(super) text: String,
}

impl Answer {
    /// The body, null when it is no JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(super) fn is(&self, status: StatusCode) -> bool {
        self.status == status.as_u16()
    }
}

/// A client's way to the service.
pub(super) struct Caller {
    http: reqwest::Client,
    base: String,
    /// How often nobody listened.
    pub(super) refused_connections: u64,
}

impl Caller {
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(ANSWER)
                .build()?,
            base: format!("{url}/api/v1"),
            refused_connections: 0,
        })
    }

    /// Sends a request and reads the answer; none when the connection was lost on the way, and nobody knows what came of it. While nobody
    /// listens it is tried again.
    pub(super) async fn send(&mut self, call: &Call) -> anyhow::Result<Option<Answer>> {
        let started = Instant::now();
        loop {
            match self.attempt(call).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) if error.is_connect() => {
                    ensure!(
                        started.elapsed() < PATIENCE,
                        "nobody listens at `{}` any more: {error}",
                        self.base
                    );
                    self.refused_connections += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(_) => return Ok(None),
            }
        }
    }

    async fn attempt(&self, call: &Call) -> reqwest::Result<Answer> {
        let address = format!("{}/{}", self.base, call.path);
        let mut request = self.http.request(call.method.clone(), address);
        if let Some(user) = &call.user {
            request = request.header(USER_HEADER, user);
        }
        request = match &call.body {
            Body::None => request,
            Body::Json(value) => request.json(value),
            Body::Text(content_type, text) => request
                .header(CONTENT_TYPE, *content_type)
                .body(text.clone()),
        };
        let response = request.send().await?;
        let retry_after = response.headers().get(RETRY_AFTER);
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after: retry_after.and_then(|value| value.to_str().ok()?.parse().ok()),
            text: response.text().await?,
        })
    }
}
