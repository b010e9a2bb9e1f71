//! Asking the issuer for its keys.

use http::StatusCode;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::key_set::KeySet;
use crate::auth::config::{KeyUrl, OidcConfig};

/// Issuers have a handful of keys of a few kilobytes.
const MAX_BYTES: usize = 1024 * 1024;

/// Where the keys are, and how they are asked for.
#[derive(Debug)]
pub(super) struct KeySource {
    client: Client,
    issuer: KeyUrl,
    jwks_uri: Option<KeyUrl>,
}

/// The part of an issuer's metadata that matters here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Why there are no keys to be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("`{0}` does not answer")]
    Unreachable(String, #[source] reqwest::Error),
    #[error("`{0}` answers with status {1}")]
    Status(String, StatusCode),
    #[error("`{0}` gives more than {MAX_BYTES} bytes")]
    TooLong(String),
    #[error("`{0}` gives something else than expected")]
    Form(String, #[source] serde_json::Error),
    #[error(
        "the metadata of `{configured}` is of the issuer `{found}`; configure the one it names"
    )]
    AnotherIssuer { configured: String, found: String },
    #[error("the metadata of the issuer has a wrong `jwks_uri`")]
    KeyUrl(#[source] crate::auth::BadKeyUrl),
}

impl KeySource {
    pub(super) fn new(config: &OidcConfig) -> Result<Self, reqwest::Error> {
        let mut builder = Client::builder()
            .timeout(config.timeout)
            .connect_timeout(config.timeout)
            .user_agent(concat!("iib/", env!("CARGO_PKG_VERSION")))
            // A redirect could lead to where the keys are not protected on their way.
            .redirect(Policy::none());
        for pem in &config.extra_ca_pem {
            builder = builder.tls_certs_merge(Certificate::from_pem_bundle(pem)?);
        }
        // Loopback is never behind a proxy, whatever the environment says.
        if config.issuer.url().scheme() == "http" {
            builder = builder.no_proxy();
        }
        Ok(Self {
            client: builder.build()?,
            issuer: config.issuer.clone(),
            jwks_uri: config.jwks_uri.clone(),
        })
    }

    /// The keys of the issuer as they are now. One or two questions.
    pub(super) async fn fetch(&self) -> Result<KeySet, FetchError> {
        let uri = match &self.jwks_uri {
            Some(uri) => uri.clone(),
            None => self.discover().await?,
        };
        let text = self.get(uri.url().clone()).await?;
        KeySet::parse(&text).map_err(|error| FetchError::Form(uri.to_string(), error))
    }

    async fn discover(&self) -> Result<KeyUrl, FetchError> {
        let url = self.issuer.metadata();
        let text = self.get(url.clone()).await?;
        let metadata: Metadata = parse(&url, &text)?;
        if metadata.issuer != self.issuer.as_str() {
            return Err(FetchError::AnotherIssuer {
                configured: self.issuer.to_string(),
                found: metadata.issuer,
            });
        }
        metadata.jwks_uri.parse().map_err(FetchError::KeyUrl)
    }

    async fn get(&self, url: url::Url) -> Result<Vec<u8>, FetchError> {
        let unreachable = |error: reqwest::Error| {
            // The address is in the text already.
            FetchError::Unreachable(url.to_string(), error.without_url())
        };
        let answer = self.client.get(url.clone()).send().await;
        let mut answer: Response = answer.map_err(unreachable)?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(url.to_string(), answer.status()));
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(unreachable)? {
            if body.len() + piece.len() > MAX_BYTES {
                return Err(FetchError::TooLong(url.to_string()));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

fn parse<T: DeserializeOwned>(url: &url::Url, text: &[u8]) -> Result<T, FetchError> {
    serde_json::from_slice(text).map_err(|error| FetchError::Form(url.to_string(), error))
}
