//! Bodies that have to be JSON objects (section 1.2).

use api::ProblemCode;
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

/// Whether JSON text opens more than `limit` objects and lists within each other. It is asked before values are made of the text, and
/// says nothing about whether the text is JSON.
fn is_deeper_than(limit: usize, text: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_deeper_than;

    #[test]
    fn depth_counts_open_brackets_outside_of_texts() {
        for (text, depth) in [
            ("", 0),
            ("3", 0),
            ("{}", 1),
            ("[[],[],{}]", 2),
            (r#"{"a":{"b":[1]}}"#, 3),
            (r#"{"[[[[":"]]{{{","b":[]}"#, 2),
            (r#"{"a":"\"[[[[","b":"\\"}"#, 1),
            ("]]]][", 1),
        ] {
            assert!(!is_deeper_than(depth, text.as_bytes()), "{text}");
            assert!(
                depth == 0 || is_deeper_than(depth - 1, text.as_bytes()),
                "{text}"
            );
        }
    }
}
