//! `GET builds/{id}/logs` (section 5.3).

use std::io::ErrorKind;

use api::{ProblemCode, timestamp};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use crate::answer::ApiError;
use crate::router::{App, RequestId, no_such_request};

pub(crate) async fn show(State(app): State<App>, id: RequestId) -> Result<Response, ApiError> {
    let config = app.config();
    let directory = config.request_logs_dir.as_ref().ok_or_else(|| {
        ApiError::of(
            ProblemCode::NotKept,
            "this service does not keep logs of requests",
        )
    })?;
    let id = id.required()?;
    let view = app.store.request(id).await?.ok_or_else(no_such_request)?;
    if !view.state.is_final() {
        return Err(ApiError::of(
            ProblemCode::NotFinished,
            format!("request {id} is not finished; its logs can be read when it is"),
        ));
    }
    match open(&directory.join(format!("{id}.log"))).await {
        Ok((file, size_bytes)) => {
            let headers = [
                (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
                (header::CONTENT_LENGTH, size_bytes.to_string()),
                // Logs quote what registries and bundles say; no browser shall take that for a page.
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
            ];
            // What a worker appends meanwhile would not fit the announced length.
            let content = ReaderStream::new(file.take(size_bytes));
            Ok((StatusCode::OK, headers, Body::from_stream(content)).into_response())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let expiration = timestamp::expiration(view.updated, config.request_data_days_to_live);
            if expiration < app.store.now() {
                return Err(ApiError::of(
                    ProblemCode::Expired,
                    format!("the logs of request {id} have expired and are gone"),
                ));
            }
            tracing::error!(
                request.id = id,
                "the log file of a finished request is missing before its time"
            );
            Err(ApiError::unforeseen())
        }
        Err(error) => Err(ApiError::internal(&error)),
    }
}

async fn open(path: &std::path::Path) -> std::io::Result<(tokio::fs::File, u64)> {
    let file = tokio::fs::File::open(path).await?;
    let size_bytes = file.metadata().await?.len();
    Ok((file, size_bytes))
}
