//! A repository at a registry: what all its endpoints share, and how a blob gets from one repository to another.

use std::fmt;

use http::{Method, StatusCode};
use url::Url;

use super::Client;
use super::blob_source::Origin;
use super::operation::{Access, Operation};
use super::reply::Reply;
use super::transport::Request;
use super::upload::{Session, is_final};
use crate::digest::Digest;
use crate::error::Error;
use crate::manifest::Descriptor;
use crate::reference::{Reference, Repository};

/// A repository at a registry. Cheap to clone; needs not exist before something is put into it.
#[derive(Clone)]
pub struct RemoteRepository {
    pub(super) client: Client,
    pub(super) name: Repository,
}

/// How a blob came to be where it was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobPlacement {
    /// It was there already.
    Present,
    /// The registry took it from another of its repositories; no bytes travelled.
    Mounted,
    /// It was read from the source and uploaded.
    Copied {
        /// Its size in bytes.
        bytes: u64,
    },
}

/// How a registry answered the wish to mount a blob.
pub(super) enum Mount {
    Done,
    /// Refused, with an upload session opened instead, if the registry did so.
    Refused(Option<Session>),
}

impl RemoteRepository {
    pub(super) fn new(client: Client, name: Repository) -> Self {
        Self { client, name }
    }

    /// The repository's name.
    pub fn name(&self) -> &Repository {
        &self.name
    }

    /// Asks the registry to take the blob `digest` from its repository `from` (distribution specification, end-11).
    /// `false` when it refuses, for which it need not give a reason: then upload the blob.
    ///
    /// # Errors
    /// [`Error`] when the registry cannot be asked.
    pub async fn mount_blob(&self, digest: &Digest, from: &Repository) -> Result<bool, Error> {
        match self.mount(digest, from).await? {
            Mount::Done => Ok(true),
            Mount::Refused(session) => {
                if let Some(session) = session {
                    self.cancel_upload(session).await;
                }
                Ok(false)
            }
        }
    }

    /// Makes the blob of `descriptor` present here: looks whether it is, else mounts it when `source` is at the same
    /// registry, else streams it through in bounded memory, verifying it.
    ///
    /// # Errors
    /// [`Error`] of either side; [`Error::BlobUnknown`] when `source` does not have it.
    pub async fn copy_blob_from(
        &self,
        source: &RemoteRepository,
        descriptor: &Descriptor,
    ) -> Result<BlobPlacement, Error> {
        if self.has_for_upload(descriptor).await? {
            return Ok(BlobPlacement::Present);
        }
        let mut session = None;
        if source.name.registry() == self.name.registry() && source.name != self.name {
            match self.mount(&descriptor.digest, &source.name).await? {
                Mount::Done => return Ok(BlobPlacement::Mounted),
                Mount::Refused(opened) => session = opened,
            }
        }
        self.upload(descriptor, Origin::Remote(source), session)
            .await?;
        Ok(BlobPlacement::Copied {
            bytes: descriptor.size,
        })
    }

    /// Whether we have credentials for this repository that the registry takes, whatever they allow.
    pub(crate) async fn knows_us(&self) -> Result<bool, Error> {
        let registry = self.name.registry();
        if !self.client.authorizer.has_credentials(&self.name).await? {
            return Ok(false);
        }
        // No scope is asked for: a token is given to whoever is known.
        let access = Access {
            path: self.name.path().to_owned(),
            scopes: Vec::new(),
        };
        match self.client.ping_as(registry, access).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_refusal() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn mount(&self, digest: &Digest, from: &Repository) -> Result<Mount, Error> {
        if from.registry() != self.name.registry() {
            return Ok(Mount::Refused(None));
        }
        let operation = self.operation(
            "blob.mount",
            format!(
                "mounting the blob `{digest}` of `{from}` into `{}`",
                self.name
            ),
            Access::mount(self.name.path(), from.path()),
        )?;
        let mut url = self.url(&operation, "blobs/uploads/");
        url.query_pairs_mut()
            .append_pair("mount", &digest.to_string())
            .append_pair("from", from.path());
        let request = Request::new(Method::POST, url);
        let mut budget = self.budget();
        loop {
            let error = match self.client.send(&operation, &request).await {
                Ok(reply) => match reply.status() {
                    StatusCode::CREATED => return Ok(Mount::Done),
                    StatusCode::ACCEPTED => {
                        let session = self.session(&operation, &reply)?;
                        return Ok(Mount::Refused(Some(session)));
                    }
                    // Registries without mounting, or whose source repository may not be read, say so in many ways.
                    // The upload that follows meets every other reason again.
                    status if is_final(status) => {
                        return Ok(Mount::Refused(None));
                    }
                    _ => reply.into_error(&operation).await,
                },
                Err(error) if error.is_refusal() => return Ok(Mount::Refused(None)),
                Err(error) => error,
            };
            budget.again(error).await?;
        }
    }

    pub(super) fn operation(
        &self,
        name: &'static str,
        what: String,
        access: Access,
    ) -> Result<Operation, Error> {
        self.client
            .operation(name, what, self.name.registry(), access)
    }

    /// The URL of `rest` within this repository.
    pub(super) fn url(&self, operation: &Operation, rest: &str) -> Url {
        operation
            .endpoint
            .url(&format!("v2/{}/{rest}", self.name.path()))
    }

    /// The image that `reference` means here, as people write it.
    pub(super) fn image(&self, reference: &Reference) -> String {
        match reference {
            Reference::Tag(tag) => format!("{}:{tag}", self.name),
            Reference::Digest(digest) => format!("{}@{digest}", self.name),
        }
    }

    pub(super) fn budget(&self) -> super::retry::Budget {
        self.client.transport.budget()
    }

    /// The error for an unexpected answer about the blob `digest`; 404 means that it, or the repository, is not there.
    pub(super) async fn blob_error(
        &self,
        operation: &Operation,
        reply: Reply,
        digest: &Digest,
    ) -> Error {
        if reply.status() == StatusCode::NOT_FOUND {
            return Error::BlobUnknown {
                repository: self.name.clone(),
                digest: digest.clone(),
            };
        }
        reply.into_error(operation).await
    }
}

impl fmt::Debug for RemoteRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteRepository({})", self.name)
    }
}
