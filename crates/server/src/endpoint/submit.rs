//! The submits: `POST builds/<type>` and the two batches (sections 6 and 7).

use api::batch::{Batch, BatchKind};
use api::{Payload, ProblemCode, RequestType, RequestView, Rules};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use http::StatusCode;
use serde_json::{Map, Value};
use store::{NewRequest, Submission};
use telemetry::TraceContext;

use crate::answer::{ApiError, json};
use crate::base_url::BaseUrl;
use crate::body::json_object;
use crate::caller::{Caller, require_user};
use crate::config::ServerConfig;
use crate::endpoint::artefacts;
use crate::hand_over;
use crate::router::{App, AppState};

/// The endpoint that takes requests of one type.
pub(crate) fn single(kind: RequestType) -> MethodRouter<App> {
    post(
        async move |State(app): State<App>, base: Result<BaseUrl, ApiError>, request: Request| {
            let accepted = Accepted::read(&app, request, |object, rules| {
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
            let views = accepted.submit(&app).await?;
            let [view] = views.as_slice() else {
                return Err(ApiError::unforeseen());
            };
            Ok(json(
                StatusCode::CREATED,
                &view.verbose(artefacts::of(&app, &base, view)),
            ))
        },
    )
}

/// The endpoint that takes batches of one kind.
pub(crate) fn batch(kind: BatchKind) -> MethodRouter<App> {
    post(
        async move |State(app): State<App>, base: Result<BaseUrl, ApiError>, request: Request| {
            let accepted = Accepted::read(&app, request, |object, rules| {
                let batch = Batch::parse(kind, object, rules)?;
                Ok((batch.payloads, batch.annotations))
            })
            .await?;
            let base = base?;
            let views = accepted.submit(&app).await?;
            let rendered: Vec<_> = views
                .iter()
                .map(|view| view.verbose(artefacts::of(&app, &base, view)))
                .collect();
            Ok::<Response, ApiError>(json(StatusCode::CREATED, &rendered))
        },
    )
}

/// Well-formed requests of a caller who may submit them.
struct Accepted {
    caller: Caller,
    payloads: Vec<Payload>,
    annotations: Option<Map<String, Value>>,
}

impl Accepted {
    /// The order is part of the contract: who calls, then the form of the body, then its rules (section 1.2).
    async fn read(
        app: &AppState,
        request: Request,
        parse: impl FnOnce(
            &Map<String, Value>,
            &Rules<'_>,
        ) -> Result<(Vec<Payload>, Option<Map<String, Value>>), ApiError>,
    ) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let config = app.config();
        let caller = require_user(&parts, app, &config).await?;
        let object = json_object(&parts.headers, body, &config).await?;
        let (payloads, annotations) = parse(&object, &rules(&config, &caller))?;
        Ok(Self {
            caller,
            payloads,
            annotations,
        })
    }

    async fn submit(self, app: &AppState) -> Result<Vec<RequestView>, ApiError> {
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
        let views = app
            .store
            .submit(Submission {
                requests,
                annotations: self.annotations,
                user: user.map(ToOwned::to_owned),
                trace_context: TraceContext::of(&tracing::Span::current())
                    .map(|context| context.as_str().to_owned()),
            })
            .await?;
        for view in &views {
            tracing::info!(
                request.id = view.id,
                kind = view.request_type().name(),
                "accepted request {}",
                view.id
            );
        }
        hand_over::or_fail(app, &config, &views, queues).await?;
        Ok(views)
    }
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
