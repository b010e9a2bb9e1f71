//! What can go wrong between us and a registry, one variant per decision a caller can make.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;

use crate::blocking;
use crate::cache::CacheError;
use crate::credentials::{CredentialOrigin, CredentialsError};
use crate::digest::Digest;
use crate::image_files::ImageFilesError;
use crate::layout::LayoutError;
use crate::manifest::ManifestError;
use crate::reference::{RegistryHost, Repository};

/// Why something asked of a registry did not happen.
///
/// `what` says what was being done and on which image, such as ``reading the manifest of `quay.io/ns/app:v1` ``.
/// URLs and bodies in here are shortened, and query values that may be secret are left out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registry wants credentials, or other ones (401).
    #[error(
        "{what} failed: the registry `{registry}` did not accept who we are{message}; credentials: {credentials}; \
         check that the repository exists, and log in to it or correct the credentials"
    )]
    Unauthorized {
        /// What was being done.
        what: String,
        /// The registry as named in pull specs.
        registry: RegistryHost,
        /// Where the credentials came from that were refused.
        credentials: Box<CredentialOrigin>,
        /// What the registry said, ready to be put behind the text; may be empty.
        message: String,
    },
    /// The registry knows who we are and says no (403).
    #[error(
        "{what} failed: the registry `{registry}` denies access{message}; credentials: {credentials}; \
         ask for the permission, or use other credentials"
    )]
    Denied {
        /// What was being done.
        what: String,
        /// The registry as named in pull specs.
        registry: RegistryHost,
        /// Where the credentials came from that do not suffice.
        credentials: Box<CredentialOrigin>,
        /// What the registry said, ready to be put behind the text; may be empty.
        message: String,
    },
    /// There is no such manifest.
    #[error("the image `{image}` does not exist; check its name, or push it first")]
    ManifestUnknown {
        /// The image as `registry/repository:tag` or `registry/repository@digest`.
        image: String,
    },
    /// There is no such repository.
    #[error("the repository `{repository}` does not exist; check its name, or push to it first")]
    RepositoryUnknown {
        /// The repository.
        repository: Repository,
    },
    /// There is no such blob.
    #[error(
        "the repository `{repository}` has no blob `{digest}`; the image that names it is incomplete: push it again"
    )]
    BlobUnknown {
        /// The repository.
        repository: Repository,
        /// The blob.
        digest: Digest,
    },
    /// No connection could be made, or it broke.
    #[error(
        "{what} failed: the registry `{registry}` cannot be reached or the connection broke{fault}"
    )]
    Unreachable {
        /// What was being done.
        what: String,
        /// The registry as named in pull specs.
        registry: RegistryHost,
        /// Whether it may pass, and if not, the remedy.
        fault: ConnectionFault,
        /// What the connection says.
        #[source]
        source: reqwest::Error,
    },
    /// The registry did not answer, or stopped in the middle.
    #[error(
        "{what} failed: the registry `{registry}` did not answer within {after:?}; try again later"
    )]
    TimedOut {
        /// What was being done.
        what: String,
        /// The registry as named in pull specs.
        registry: RegistryHost,
        /// How long we waited.
        after: Duration,
    },
    /// The registry answered with a status we have no better name for.
    #[error("{what} failed: `{request}` was answered {status}{message}; {}", remedy(*status))]
    Status {
        /// What was being done.
        what: String,
        /// The method and the redacted URL of the request.
        request: String,
        /// The status.
        status: StatusCode,
        /// The registry's own error codes, such as `TOOMANYREQUESTS`.
        codes: Vec<String>,
        /// What the registry said, ready to be put behind the text; may be empty.
        message: String,
        /// How long the registry asks us to wait before trying again.
        retry_after: Option<Duration>,
    },
    /// The bytes are not those the digest promises.
    #[error(
        "{what} failed: expected content with the digest `{expected}` but it has `{actual}`; \
         the content is damaged: push or produce it again"
    )]
    DigestMismatch {
        /// What was being done.
        what: String,
        /// The digest asked for.
        expected: Digest,
        /// The digest found.
        actual: Digest,
    },
    /// The content has another length than promised.
    #[error(
        "{what} failed: expected {expected} bytes but there are {actual}; the content is damaged: push or produce it again"
    )]
    SizeMismatch {
        /// What was being done.
        what: String,
        /// The length promised, in bytes.
        expected: u64,
        /// The length found, in bytes; when there was too much, where we stopped.
        actual: u64,
    },
    /// The content is larger than we accept.
    #[error(
        "{what} failed: the content is larger than the {limit} bytes accepted here; use a smaller image or raise the limit"
    )]
    TooLarge {
        /// What was being done.
        what: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// Lists name lists, deeper than any real ones.
    #[error(
        "lists in `{repository}` name lists more than {levels} levels deep; copy the images they end in one by one"
    )]
    TooDeep {
        /// Where they are.
        repository: String,
        /// How deep we went.
        levels: usize,
    },
    /// Somebody else moved a tag while it was worked on.
    #[error(
        "`{image}` was changed by somebody else: it was to be {expected} and is {found} now; look at it and do it again"
    )]
    TagMoved {
        /// The image as `registry/repository:tag`.
        image: String,
        /// What it should have pointed to, ready to be read in the text.
        expected: String,
        /// What it points to.
        found: String,
    },
    /// The registry sent us to an address that would be spoken to without TLS.
    #[error(
        "{what} failed: the registry leads to `{url}`, which is plain HTTP; \
         make it use https, or name that host among the insecure registries"
    )]
    PlainHttpRefused {
        /// What was being done.
        what: String,
        /// The redacted URL.
        url: String,
    },
    /// The registry's answer breaks the distribution specification.
    #[error(
        "{what} failed: the registry's answer cannot be used: {problem}; report this to the registry's operators"
    )]
    Protocol {
        /// What was being done.
        what: String,
        /// What is wrong with the answer.
        problem: String,
    },
    /// The registry's name cannot be made into an address.
    #[error("the registry `{registry}` is not an address that can be spoken to; correct its name")]
    Address {
        /// The registry as named in pull specs.
        registry: RegistryHost,
        /// What the URL parser says.
        #[source]
        source: url::ParseError,
    },
    /// The client could not be set up.
    #[error("the registry client cannot be set up: {problem}; correct the configuration")]
    Setup {
        /// What is wrong.
        problem: &'static str,
        /// What the HTTP library says.
        #[source]
        source: reqwest::Error,
    },
    /// A local file could not be read or written.
    #[error("the file `{path}` cannot be read or written")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A manifest could not be understood.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A directory could not be used as an OCI image layout.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Files could not be read out of an image.
    #[error(transparent)]
    ImageFiles(#[from] ImageFilesError),
    /// The cache on disk could not be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The program is ending and did not begin this work, or nobody waits for it any more.
    #[error("the work was stopped because the program is ending; start it again")]
    Stopped,
    /// Credentials could not be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

/// Why there is no connection, as far as it decides what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionFault {
    /// The network, the name service or the registry; it may pass.
    Passing,
    /// The registry's certificate is not one we trust.
    Certificate,
    /// The registry seems to speak plain HTTP where we speak TLS.
    NoTls,
}

impl fmt::Display for ConnectionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passing => "; check its name and the network, or try again later",
            Self::Certificate => {
                "; its certificate is not trusted: add its certificate authority to the trusted ones"
            }
            Self::NoTls => {
                "; it does not speak TLS: make it use https, or name it among the insecure registries"
            }
        })
    }
}

impl From<blocking::Stopped> for Error {
    fn from(blocking::Stopped: blocking::Stopped) -> Self {
        Self::Stopped
    }
}

fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502..=504)
}

fn remedy(status: StatusCode) -> &'static str {
    if is_passing(status) {
        "try again later"
    } else {
        "ask the registry's operators what it does not accept"
    }
}

impl Error {
    /// Whether the same request may succeed later: broken connections, silence, 408, 429 and passing 5xx.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { fault, .. } => *fault == ConnectionFault::Passing,
            Self::TimedOut { .. } => true,
            Self::Status { status, .. } => is_passing(*status),
            Self::Credentials(error) => error.is_transient(),
            Self::Cache(error) => error.is_transient(),
            Self::Unauthorized { .. }
            | Self::Denied { .. }
            | Self::ManifestUnknown { .. }
            | Self::RepositoryUnknown { .. }
            | Self::BlobUnknown { .. }
            | Self::DigestMismatch { .. }
            | Self::SizeMismatch { .. }
            | Self::TooLarge { .. }
            | Self::TooDeep { .. }
            | Self::TagMoved { .. }
            | Self::PlainHttpRefused { .. }
            | Self::Protocol { .. }
            | Self::Address { .. }
            | Self::Setup { .. }
            | Self::Io { .. }
            | Self::Manifest(_)
            | Self::Layout(_)
            | Self::ImageFiles(_)
            | Self::Stopped => false,
        }
    }

    /// Whether the registry or the directory says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::ManifestUnknown { .. }
            | Self::RepositoryUnknown { .. }
            | Self::BlobUnknown { .. } => true,
            Self::Layout(error) => error.is_not_found(),
            _ => false,
        }
    }

    /// Whether the one who asked can mend it: a wrong name, wrong or missing credentials, or content we cannot use.
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::Unauthorized { .. }
            | Self::Denied { .. }
            | Self::TooLarge { .. }
            | Self::TooDeep { .. }
            | Self::TagMoved { .. }
            | Self::Address { .. }
            | Self::Manifest(_) => true,
            Self::Layout(error) => error.is_user_error(),
            Self::ImageFiles(error) => error.is_user_error(),
            Self::Cache(error) => error.is_user_error(),
            _ => self.is_not_found(),
        }
    }

    /// Whether access was refused: wrong credentials or too few rights.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Unauthorized { .. } | Self::Denied { .. })
    }

    /// How long the registry asked us to wait, if it did.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
