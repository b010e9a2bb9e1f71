//! One call: sent, repeated where that is safe, its answer read.

use std::sync::Arc;
use std::time::Duration;

use api::IdempotencyKey;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::config::ClientConfig;
use crate::error::{Complaint, Error};

/// Errors come with their problems one by one to those who name this media type.
const ACCEPTED: HeaderValue =
    HeaderValue::from_static("application/json, application/problem+json, text/plain;q=0.5");

/// Bodies of errors are read up to here; what is longer was not made by this kind of service.
const MAX_ERROR_BYTES: usize = 1 << 20;

/// A service, and how to talk to it. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    authorization: Option<HeaderValue>,
    pub(crate) config: Arc<ClientConfig>,
}

/// What a call wants, and whether it may be repeated.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Value>,
    /// Makes a submit one that may be repeated, where the service honours it.
    pub(crate) key: Option<String>,
}

impl Call {
    pub(crate) const fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            body: None,
            key: None,
        }
    }
}

/// What came of one try.
enum Tried {
    Answered(Response),
    /// Refused in passing: the service did nothing.
    NotNow(Box<Complaint>),
    /// It may have been done or not.
    Unclear(Unclear),
    Failed(Error),
}

enum Unclear {
    Lost(reqwest::Error),
    Status(Box<Complaint>),
}

impl Client {
    /// A client for one service. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Exposed`] for plain HTTP to another machine, [`Error::Setup`] and [`Error::Token`] for certificates and tokens that are none.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        if config.server.is_exposed() && !config.insecure {
            return Err(Error::Exposed {
                server: config.server.to_string(),
            });
        }
        let setup = |what| move |source| Error::Setup { what, source };
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("iib/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(HeaderMap::from_iter([(ACCEPT, ACCEPTED)]));
        let authorization = config.token.as_ref().map(bearer).transpose()?;
        for pem in &config.ca {
            let certificates = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(setup("a certificate authority is not PEM"))?;
            builder = builder.tls_certs_merge(certificates);
        }
        let http = builder
            .build()
            .map_err(setup("the certificates cannot be used"))?;
        Ok(Self {
            http,
            authorization,
            config: Arc::new(config),
        })
    }

    /// Makes a call whose answer is JSON of a known form.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        let url = call.url.to_string();
        let (status, bytes) = self.bytes(call).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            tracing::debug!(%error, "the answer is not of the form expected");
            Error::Foreign { url, status }
        })
    }

    /// Makes a call and reads all of its answer.
    pub(crate) async fn bytes(&self, call: Call) -> Result<(u16, Vec<u8>), Error> {
        let repeatable = call.method == Method::GET;
        let mut failures = 0;
        loop {
            let unclear = match self.attempt(&call).await {
                Tried::Answered(response) => {
                    let status = response.status().as_u16();
                    match response.bytes().await {
                        Ok(bytes) => return Ok((status, bytes.into())),
                        Err(error) => Unclear::Lost(error),
                    }
                }
                Tried::Failed(error) => return Err(error),
                Tried::NotNow(complaint) => {
                    failures += 1;
                    match self.config.retries.pause(failures, complaint.retry_after) {
                        Some(pause) => self.wait(failures, pause).await,
                        None => return Err(Error::Refused(complaint)),
                    }
                    continue;
                }
                Tried::Unclear(unclear) => unclear,
            };
            failures += 1;
            // A connection that was never made cannot have brought anything there.
            let unsent = matches!(&unclear, Unclear::Lost(error) if error.is_connect());
            if !(repeatable || unsent || self.honours_key(&call).await) {
                return Err(self.outcome_unknown(&unclear));
            }
            let wished = match &unclear {
                Unclear::Status(complaint) => complaint.retry_after,
                Unclear::Lost(_) => None,
            };
            match self.config.retries.pause(failures, wished) {
                Some(pause) => self.wait(failures, pause).await,
                None => return Err(self.given_up(unclear)),
            }
        }
    }

    async fn wait(&self, failures: u32, pause: Duration) {
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(
            failures,
            pause_ms,
            "`{}` did not answer well; it is asked again",
            self.config.server
        );
        tokio::time::sleep(pause).await;
    }

    fn given_up(&self, unclear: Unclear) -> Error {
        match unclear {
            Unclear::Status(complaint) => Error::Refused(complaint),
            Unclear::Lost(source) => Error::Unreachable {
                server: self.config.server.to_string(),
                source,
            },
        }
    }

    fn outcome_unknown(&self, unclear: &Unclear) -> Error {
        Error::OutcomeUnknown {
            server: self.config.server.to_string(),
            why: match unclear {
                Unclear::Status(complaint) => format!("{}: {}", complaint.status, complaint.text),
                Unclear::Lost(error) if error.is_timeout() => "no answer in time".to_owned(),
                Unclear::Lost(_) => "the connection was lost".to_owned(),
            },
        }
    }

    /// The request with everything but its own time limit.
    pub(crate) fn prepare(&self, call: &Call) -> reqwest::RequestBuilder {
        let mut request = self.http.request(call.method.clone(), call.url.clone());
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(key) = &call.key {
            request = request.header(IdempotencyKey::HEADER, key);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        request
    }

    async fn attempt(&self, call: &Call) -> Tried {
        let request = self.prepare(call).timeout(self.config.call_timeout);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_builder() => {
                return Tried::Failed(Error::Setup {
                    what: "the request cannot be sent",
                    source: error,
                });
            }
            Err(error) => return Tried::Unclear(Unclear::Lost(error.without_url())),
        };
        if response.status().is_success() {
            return Tried::Answered(response);
        }
        match complaint(response).await {
            Ok(complaint) if complaint.status == 429 => Tried::NotNow(complaint),
            Ok(complaint) if complaint.is_passing() => Tried::Unclear(Unclear::Status(complaint)),
            Ok(complaint) => Tried::Failed(Error::Refused(complaint)),
            Err(error) => Tried::Failed(error),
        }
    }

    /// Whether the service knows a submit again by its key: its own document says so.
    async fn honours_key(&self, call: &Call) -> bool {
        if call.key.is_none() {
            return false;
        }
        let document = Call::get(self.config.server.join("openapi.json"));
        let Tried::Answered(answer) = self.attempt(&document).await else {
            return false;
        };
        let document: Value = answer.json().await.unwrap_or_default();
        let Some(path) = call
            .url
            .path()
            .rfind("/api/v1/")
            .map(|at| &call.url.path()[at..])
        else {
            return false;
        };
        let parameters = document["paths"][path]["post"]["parameters"].as_array();
        parameters.into_iter().flatten().any(|parameter| {
            let target = parameter["$ref"]
                .as_str()
                .and_then(|to| to.strip_prefix('#'));
            let parameter = target
                .and_then(|to| document.pointer(to))
                .unwrap_or(parameter);
            parameter["in"] == "header"
                && parameter["name"]
                    .as_str()
                    .is_some_and(|name| name.eq_ignore_ascii_case(IdempotencyKey::HEADER))
        })
    }
}

fn bearer(token: &SecretString) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|_| Error::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads what a service says when it refuses or fails.
pub(crate) async fn complaint(mut response: Response) -> Result<Box<Complaint>, Error> {
    let url = response.url().to_string();
    let status = response.status();
    let text = |name: &str| {
        let value = response.headers().get(name)?;
        Some(value.to_str().ok()?.to_owned())
    };
    let request_id = text("x-request-id");
    let retry_after = text(RETRY_AFTER.as_str())
        .and_then(|seconds| seconds.trim().parse().ok())
        .map(Duration::from_secs);
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ERROR_BYTES {
            break;
        }
    }
    let read = Complaint::read(status.as_u16(), &body).or_else(|| foreign(status));
    let Some(complaint) = read else {
        return Err(Error::Foreign {
            url,
            status: status.as_u16(),
        });
    };
    Ok(Box::new(Complaint {
        request_id,
        retry_after,
        ..complaint
    }))
}

/// What a proxy in between says is worth another try; what else is not in the service's words is another service's.
fn foreign(status: StatusCode) -> Option<Complaint> {
    let complaint = Complaint {
        status: status.as_u16(),
        text: status
            .canonical_reason()
            .unwrap_or("no reason given")
            .to_ascii_lowercase(),
        problems: Vec::new(),
        code: None,
        request_id: None,
        retry_after: None,
    };
    (complaint.is_passing() || matches!(complaint.status, 401 | 403)).then_some(complaint)
}
