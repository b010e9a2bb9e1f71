//! Bodies that have to be JSON objects (section 1.2).

use api::{ProblemCode, is_deeper_than};
use axum::body::Body;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Map, Value};

use crate::answer::ApiError;
use crate::config::ServerConfig;

/// Reads a JSON object within the configured size and depth.
pub(crate) async fn json_object(
    headers: &HeaderMap,
    body: Body,
    config: &ServerConfig,
) -> Result<Map<String, Value>, ApiError> {
    if !is_json(headers) {
        return Err(ApiError::of(
            ProblemCode::UnsupportedMediaType,
            "the body must be sent with the content type application/json",
        ));
    }
    let limit = config.max_body_bytes;
    let bytes = match Limited::new(body, limit).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(ApiError::of(
                ProblemCode::BodyTooLarge,
                format!("the body must not be longer than {limit} bytes"),
            ));
        }
        Err(_) => {
            return Err(ApiError::of(
                ProblemCode::MalformedRequest,
                "the body could not be read to its end",
            ));
        }
    };
    if is_deeper_than(config.max_json_depth, &bytes) {
        return Err(ApiError::of(
            ProblemCode::BodyTooDeep,
            format!(
                "the body must not nest objects and lists deeper than {} levels",
                config.max_json_depth
            ),
        ));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(malformed("the body must be a JSON object")),
        Err(error) => Err(malformed(format!("the body must be JSON: {error}"))),
    }
}

fn malformed(text: impl Into<String>) -> ApiError {
    ApiError::of(ProblemCode::MalformedBody, text)
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
