//! Reply: a registry's answer, whose body is read under limits while its permit is held.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::operation::Operation;
use super::redact;
use super::retry::retry_after;
use super::transport::Transport;
use super::usage::Counters;
use crate::error::Error;

/// More than any error body that is worth reading.
const MAX_ERROR_BYTES: usize = 64 * 1024;

pub(crate) struct Reply {
    response: reqwest::Response,
    method: Method,
    url: Url,
    away: bool,
    permit: OwnedSemaphorePermit,
    deadline: Instant,
    idle: Duration,
    total: Duration,
    counters: Arc<Counters>,
}

/// What the body of an error answer says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The registry's error codes.
    pub(crate) codes: Vec<String>,
    /// Codes and messages as the end of a sentence: `: CODE: message`, or nothing.
    pub(crate) message: String,
}

impl Reply {
    pub(crate) fn new(
        response: reqwest::Response,
        method: Method,
        url: Url,
        away: bool,
        permit: OwnedSemaphorePermit,
        deadline: Instant,
        transport: &Transport,
    ) -> Self {
        Self {
            response,
            method,
            url,
            away,
            permit,
            deadline,
            idle: transport.idle_timeout(),
            total: transport.config.request_timeout,
            counters: Arc::clone(&transport.counters),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The header `name` as text; nothing when it is missing or not ASCII.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// The URL that answered, after redirects.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether another host answered than was asked.
    pub(crate) fn is_away(&self) -> bool {
        self.away
    }

    /// The permit, without the rest of the answer.
    pub(crate) fn into_permit(self) -> OwnedSemaphorePermit {
        self.permit
    }

    /// The next piece of the body; nothing at its end.
    pub(crate) async fn chunk(&mut self, operation: &Operation) -> Result<Option<Bytes>, Error> {
        let quiet = Instant::now() + self.idle;
        match timeout_at(self.deadline.min(quiet), self.response.chunk()).await {
            Ok(Ok(Some(bytes))) => {
                self.counters
                    .read(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                Ok(Some(bytes))
            }
            Ok(Ok(None)) => Ok(None),
            Ok(Err(error)) => Err(operation.unreachable(error)),
            Err(_) if self.deadline < quiet => Err(operation.timed_out(self.total)),
            Err(_) => Err(operation.timed_out(self.idle)),
        }
    }

    /// The whole body, refusing to hold more than `limit` bytes.
    pub(crate) async fn bytes(
        mut self,
        operation: &Operation,
        limit: usize,
    ) -> Result<Bytes, Error> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk(operation).await? {
            if body.len() + chunk.len() > limit {
                return Err(Error::TooLarge {
                    what: operation.what.clone(),
                    limit: u64::try_from(limit).unwrap_or(u64::MAX),
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// Reads what an error answer says. A body that breaks off says what had come by then.
    pub(crate) async fn said(mut self, operation: &Operation) -> Said {
        let mut body = BytesMut::new();
        while body.len() < MAX_ERROR_BYTES {
            match self.chunk(operation).await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        Said::parse(&body)
    }

    /// The error for an answer that nobody expected.
    pub(crate) async fn into_error(self, operation: &Operation) -> Error {
        let status = self.status();
        let request = format!("{} {}", self.method, redact::url(&self.url));
        let retry_after = retry_after(self.headers());
        let said = self.said(operation).await;
        Error::Status {
            what: operation.what.clone(),
            request,
            status,
            codes: said.codes,
            message: said.message,
            retry_after,
        }
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Said {
    fn parse(body: &[u8]) -> Self {
        let Ok(parsed) = serde_json::from_slice::<ErrorBody>(body) else {
            let text = String::from_utf8_lossy(body);
            let text = text.trim();
            // Web pages come from proxies and say little in much.
            if text.is_empty() || text.starts_with('<') {
                return Self::default();
            }
            return Self {
                codes: Vec::new(),
                message: format!(": {}", redact::text(text)),
            };
        };
        let texts: Vec<String> = parsed
            .errors
            .iter()
            .map(|error| match error.message.as_str() {
                "" => error.code.clone(),
                message => format!("{}: {message}", error.code),
            })
            .collect();
        let message = if texts.is_empty() {
            String::new()
        } else {
            format!(": {}", redact::text(&texts.join("; ")))
        };
        let codes = parsed.errors.iter().take(10);
        Self {
            codes: codes.map(|error| redact::text(&error.code)).collect(),
            message,
        }
    }

    /// Whether the registry's own code `code` is among those it sent.
    pub(crate) fn has(&self, code: &str) -> bool {
        self.codes.iter().any(|sent| sent == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bodies_are_read_as_codes_text_or_not_at_all() {
        let json =
            br#"{"errors":[{"code":"DENIED","message":"no\nway","detail":{}},{"code":"X"}]}"#;
        let said = Said::parse(json);
        assert_eq!(said.codes, ["DENIED", "X"]);
        assert_eq!(said.message, ": DENIED: no way; X");
        assert!(said.has("X"));
        assert_eq!(Said::parse(b"try later\n").message, ": try later");
        for nothing in ["", "<html>", r#"{"errors":[]}"#] {
            assert_eq!(Said::parse(nothing.as_bytes()), Said::default());
        }
    }
}
