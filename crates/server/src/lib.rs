//! HTTP to store: the REST endpoints.
//!
//! This crate answers: *what does the service say over HTTP?* It checks who is calling, hands the body to the types of `api`, asks
//! `store`, and prints the answer with exactly the keys of the contract. Every error answer is an object with the single key
//! `error`, or a problem of RFC 9457 for callers that name `application/problem+json`; what the caller need not know goes to the log under the same `X-Request-Id`.
//!
//! The names to know:
//!
//! - [`serve`]: runs until its token is cancelled, then lets running requests end for a limited time;
//! - [`ServerConfig`]: everything it has to be told, and [`LiveConfig`], which replaces it while the server runs;
//! - [`AuthConfig`]: how callers prove who they are;
//! - [`Error`]: why it stopped.
//!
//! ```no_run
//! # async fn example(store: store::Store) -> Result<(), Box<dyn std::error::Error>> {
//! use server::{ServerConfig, serve};
//! use tokio_util::sync::CancellationToken;
//!
//! let config = ServerConfig { login_disabled: true, ..ServerConfig::default() };
//! let listener = tokio::net::TcpListener::bind(config.listen).await?;
//! serve(listener, config, store, CancellationToken::new()).await?;
//! # Ok(()) }
//! ```
//!
//! What it deliberately does not know: what a request does, how a worker gets hold of it, and SQL. There is one file per endpoint.

mod answer;
mod artefact;
mod auth;
mod base_url;
mod body;
mod caller;
mod config;
mod cors;
mod endpoint;
mod etag;
mod hand_over;
mod live_config;
mod measure;
mod observe;
mod openapi;
mod pattern;
mod queues;
mod rate;
mod router;
mod run;
mod scrape;
mod security_headers;
mod tls;
mod unread;

pub use auth::{
    AuthConfig, AuthError, BadAlgorithm, BadKeyUrl, BadNetwork, BadTokenHash, BadUserName,
    JwtAlgorithm, KerberosConfig, KeyUrl, NoRandomness, OidcConfig, ProxyNetwork, StaticToken,
    TokenHash, UserName, new_token,
};
pub use config::{MAX_JSON_DEPTH, ServerConfig};
pub use cors::{Origin, ParseOriginError};
pub use live_config::LiveConfig;
pub use pattern::{EmptyPattern, Pattern};
pub use queues::{Queues, Target};
pub use rate::RequestRate;
pub use run::{Error, serve};
pub use scrape::{Scrape, serve_metrics};
pub use tls::{TlsError, TlsFiles};
