//! The registry client: the distribution protocol over HTTP, with authorization, limits and retries.
//!
//! One transport carries everything; each kind of endpoint has its module: manifests, blobs, uploads, tags.

mod address;
mod authorizer;
mod blob_source;
mod blob_stream;
mod blobs;
mod challenge;
mod clients;
mod config;
mod manifests;
mod operation;
mod redact;
mod reply;
mod repository;
mod retry;
mod tags;
mod transport;
mod upload;
mod usage;

use std::fmt;
use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode};

pub use blob_source::BlobSource;
pub use blob_stream::BlobStream;
pub(crate) use blob_stream::Check;
pub use config::{ClientConfig, RetryPolicy};
pub(crate) use manifests::media_type_of;
pub use repository::{BlobPlacement, RemoteRepository};
pub use usage::Usage;

use address::Endpoint;
use authorizer::{Authorizer, Grant};
use operation::{Access, Operation};
use reply::Reply;
use transport::{Request, Transport};

use crate::credentials::{CredentialOrigin, Credentials};
use crate::error::Error;
use crate::reference::{RegistryHost, Repository};

/// A client for any number of registries. Clones share connections, tokens, limits and counters.
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
    authorizer: Arc<Authorizer>,
}

impl Client {
    /// Sets a client up; nothing is connected to yet.
    ///
    /// # Errors
    /// [`Error::Setup`] when a certificate authority or the user agent cannot be used.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        Ok(Self {
            authorizer: Arc::new(Authorizer::new(config.credentials.clone())),
            transport: Arc::new(Transport::new(config)?),
        })
    }

    /// The same client for somebody else: connections, limits and counters are shared, credentials and tokens are not.
    #[must_use]
    pub fn with_credentials(&self, credentials: Credentials) -> Self {
        Self {
            transport: Arc::clone(&self.transport),
            authorizer: Arc::new(Authorizer::new(credentials)),
        }
    }

    /// The repository `name`, which need not exist yet. Asks nothing of the registry.
    pub fn repository(&self, name: &Repository) -> RemoteRepository {
        RemoteRepository::new(self.clone(), name.clone())
    }

    /// Checks that `host` answers as a registry and takes our credentials (distribution specification, end-1).
    ///
    /// # Errors
    /// [`Error`] when it does not.
    pub async fn ping(&self, host: &RegistryHost) -> Result<(), Error> {
        self.ping_as(host, Access::registry()).await
    }

    /// Asks as one who wants `access`, which says whose credentials are given.
    async fn ping_as(&self, host: &RegistryHost, access: Access) -> Result<(), Error> {
        let what = format!("asking the registry `{host}` whether it is there");
        let operation = self.operation("ping", what, host, access)?;
        let request = Request::new(Method::GET, operation.endpoint.url("v2/"));
        let mut budget = self.transport.budget();
        loop {
            let result = match self.send(&operation, &request).await {
                Ok(reply) if reply.status() == StatusCode::OK => return Ok(()),
                Ok(reply) => reply.into_error(&operation).await,
                Err(error) => error,
            };
            budget.again(result).await?;
        }
    }

    /// What was sent and received since the client was made, by all its clones.
    pub fn usage(&self) -> Usage {
        self.transport.counters.usage()
    }

    fn operation(
        &self,
        name: &'static str,
        what: String,
        registry: &RegistryHost,
        access: Access,
    ) -> Result<Operation, Error> {
        let endpoint =
            Endpoint::new(registry, &self.transport.config).map_err(|source| Error::Address {
                registry: registry.clone(),
                source,
            })?;
        Ok(Operation {
            name,
            what,
            endpoint,
            access,
        })
    }

    /// Sends `request` with what the registry wants as proof of identity. 401 and 403 of the registry itself become errors.
    ///
    /// A challenge is answered once: a token may have expired or been revoked since we got it.
    async fn send(&self, operation: &Operation, request: &Request) -> Result<Reply, Error> {
        let grant = self.authorizer.grant(&self.transport, operation).await?;
        let reply = self
            .exchange_with(operation, request, grant.as_deref())
            .await?;
        if reply.status() != StatusCode::UNAUTHORIZED || is_elsewhere(operation, &reply) {
            return granted(operation, reply, grant.as_deref()).await;
        }
        let challenges = challenge::challenges(reply.headers());
        // Reading the answer gives its permit back before another request needs one.
        let said = reply.said(operation).await;
        let renewed = self
            .authorizer
            .answer(&self.transport, operation, &challenges, grant.as_ref())
            .await?;
        let Some(renewed) = renewed else {
            let origin = grant.map_or(CredentialOrigin::NotAsked, |grant| grant.origin.clone());
            return Err(operation.unauthorized(origin, said.message));
        };
        let same = grant.is_some_and(|grant| grant.header == renewed.header);
        if renewed.header.is_none() || same {
            return Err(operation.unauthorized(renewed.origin.clone(), said.message));
        }
        let reply = self
            .exchange_with(operation, request, Some(&renewed))
            .await?;
        granted(operation, reply, Some(&renewed)).await
    }

    async fn exchange_with(
        &self,
        operation: &Operation,
        request: &Request,
        grant: Option<&Grant>,
    ) -> Result<Reply, Error> {
        // An upload's location may be on another host: that one gets no credentials.
        let authorization: Option<&HeaderValue> = grant
            .and_then(|grant| grant.header.as_ref())
            .filter(|_| operation.endpoint.is_home_of(&request.url));
        self.transport
            .exchange(operation, request, authorization)
            .await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("usage", &self.usage())
            .finish_non_exhaustive()
    }
}

/// Whether the answer came from another host than the registry: storage it redirected to, or its upload service.
fn is_elsewhere(operation: &Operation, reply: &Reply) -> bool {
    reply.is_away() || !operation.endpoint.is_home_of(reply.url())
}

/// Turns the registry's own 401 and 403 into errors that say which credentials were used.
async fn granted(
    operation: &Operation,
    reply: Reply,
    grant: Option<&Grant>,
) -> Result<Reply, Error> {
    let status = reply.status();
    let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    if !refused || is_elsewhere(operation, &reply) {
        return Ok(reply);
    }
    let origin = grant.map_or(CredentialOrigin::NotAsked, |grant| grant.origin.clone());
    let said = reply.said(operation).await;
    Err(if status == StatusCode::UNAUTHORIZED {
        operation.unauthorized(origin, said.message)
    } else {
        operation.denied(origin, said.message)
    })
}
