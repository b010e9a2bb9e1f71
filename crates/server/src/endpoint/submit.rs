//! The submits: `POST builds/<type>` and the two batches (sections 6 and 7).

use api::batch::{Batch, BatchKind};
use api::{IdempotencyKey, Payload, ProblemCode, RequestType, Rules};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use store::{NewRequest, Recognition, Submission, Submitted};
use telemetry::TraceContext;

use crate::answer::{ApiError, json};
use crate::base_url::BaseUrl;
use crate::body::json_object;
use crate::caller::{Caller, require_user};
use crate::config::ServerConfig;
use crate::endpoint::artefacts;
use crate::hand_over;
use crate::router::{App, AppState};

/// The header by which a submit is known again.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header of an answer to a submit that came before.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The endpoint that takes requests of one type.
pub(crate) fn single(kind: RequestType) -> MethodRouter<App> {
    post(
        async move |State(app): State<App>, base: Result<BaseUrl, ApiError>, request: Request| {
            let accepted = Accepted::read(&app, kind.name(), request, |object, rules| {
                let payload = Payload::parse(kind, object, rules)?.ok_or_else(|| {
                    ApiError::of(
                        ProblemCode::UnknownPath,
                        "there are no requests of this type to submit",
                    )
                })?;
                Ok((vec![payload], None))
            })
            .await?;
            let base = base?;
            let submitted = accepted.submit(&app).await?;
            let [view] = submitted.requests.as_slice() else {
                return Err(ApiError::unforeseen());
            };
            let rendered = view.verbose(artefacts::of(&app, &base, view));
            Ok(created(&rendered, submitted.is_repeat))
        },
    )
}

/// The endpoint that takes batches of one kind.
pub(crate) fn batch(kind: BatchKind) -> MethodRouter<App> {
    post(
        async move |State(app): State<App>, base: Result<BaseUrl, ApiError>, request: Request| {
            let accepted = Accepted::read(&app, kind.name(), request, |object, rules| {
                let batch = Batch::parse(kind, object, rules)?;
                Ok((batch.payloads, batch.annotations))
            })
            .await?;
            let base = base?;
            let submitted = accepted.submit(&app).await?;
            let views = submitted.requests.iter();
            let rendered: Vec<_> = views
                .map(|view| view.verbose(artefacts::of(&app, &base, view)))
                .collect();
            Ok::<Response, ApiError>(created(&rendered, submitted.is_repeat))
        },
    )
}

/// The answer to a submit. One that came before is answered with the same status, and said to be one.
fn created(body: &impl Serialize, is_repeat: bool) -> Response {
    let mut answer = json(StatusCode::CREATED, body);
    if is_repeat {
        let headers = answer.headers_mut();
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    answer
}

/// Well-formed requests of a caller who may submit them.
struct Accepted {
    caller: Caller,
    recognition: Recognition,
    payloads: Vec<Payload>,
    annotations: Option<Map<String, Value>>,
}

impl Accepted {
    /// The order is part of the contract: who calls, then the form of the body, then its rules (section 1.2).
    async fn read(
        app: &AppState,
        endpoint: &'static str,
        request: Request,
        parse: impl FnOnce(
            &Map<String, Value>,
            &Rules<'_>,
        ) -> Result<(Vec<Payload>, Option<Map<String, Value>>), ApiError>,
    ) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let config = app.config();
        let caller = require_user(&parts, app, &config).await?;
        let recognition = Recognition {
            endpoint,
            key: idempotency_key(&parts.headers)?,
            keep_key: config.idempotency_key_life,
            join: config.join_identical,
        };
        let object = json_object(&parts.headers, body, &config).await?;
        let (payloads, annotations) = parse(&object, &rules(&config, &caller))?;
        Ok(Self {
            caller,
            recognition,
            payloads,
            annotations,
        })
    }

    async fn submit(self, app: &AppState) -> Result<Submitted, ApiError> {
        let user = self.caller.name();
        let config = app.config();
        let requests: Vec<_> = self
            .payloads
            .into_iter()
            .map(|payload| NewRequest {
                queue: config.queues.choose(user, &payload),
                payload,
            })
            .collect();
        let queues: Vec<_> = requests.iter().map(|new| new.queue.clone()).collect();
        let submission = Submission {
            requests,
            annotations: self.annotations,
            user: user.map(ToOwned::to_owned),
            trace_context: TraceContext::of(&tracing::Span::current())
                .map(|context| context.as_str().to_owned()),
        };
        let submitted = app.store.submit_once(submission, &self.recognition).await?;
        let what = if submitted.is_repeat {
            "a submit came again: it is"
        } else {
            "accepted"
        };
        for view in &submitted.requests {
            tracing::info!(
                request.id = view.id,
                kind = view.request_type().name(),
                "{what} request {}",
                view.id
            );
        }
        // What came before was handed over then, or the dispatcher does so.
        if !submitted.is_repeat {
            hand_over::or_fail(app, &config, &submitted.requests, queues).await?;
        }
        Ok(submitted)
    }
}

/// The key that the caller gave the submit, if any.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let malformed = |what: &str| {
        let text = format!("the header `{}` {what}", IdempotencyKey::HEADER);
        ApiError::of(ProblemCode::MalformedRequest, text)
    };
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(malformed("came more than once; send one key"));
    }
    // What is no visible ASCII is no key, whatever it is.
    let key: Result<IdempotencyKey, _> = value.to_str().unwrap_or_default().parse();
    key.map(Some).map_err(|error| malformed(&error.to_string()))
}

fn rules<'a>(config: &'a ServerConfig, caller: &Caller) -> Rules<'a> {
    Rules {
        binary_image_configured: !config.binary_image_config.is_empty(),
        graph_mode_options: &config.graph_mode_options,
        graph_mode_index_allow_list: &config.graph_mode_index_allow_list,
        overwriter: caller.overwriter(),
        overwrite_forced: caller.overwrites_always(),
    }
}
