//! How the client behaves: limits, time-outs, trust.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::credentials::Credentials;
use crate::reference::RegistryHost;

/// Settings of a [`Client`](crate::Client). All have defaults that suit the public registries.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Who we are, per registry or repository. Default: nobody.
    pub credentials: Credentials,
    /// PEM files with certificate authorities to trust besides the system's. Default: none.
    pub extra_ca_pem: Vec<Vec<u8>>,
    /// Registries spoken to over plain HTTP, by the name in pull specs or by address. Default: none;
    /// loopback addresses are always spoken to over plain HTTP.
    pub insecure_registries: BTreeSet<RegistryHost>,
    /// Registries on a loopback address that are nevertheless spoken to over TLS, by name or address. Default: none.
    pub tls_registries: BTreeSet<RegistryHost>,
    /// For a registry as named in pull specs, the address really spoken to. Credentials go by the name. Default: none,
    /// apart from Docker Hub's well-known address.
    pub aliases: BTreeMap<RegistryHost, RegistryHost>,
    /// How many requests may be under way at once, and besides, how many blob downloads. A download counts until its
    /// stream is read to the end or dropped. Default: 16.
    pub max_concurrent_requests: NonZeroUsize,
    /// How long making a connection may take. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long a connection may stay silent while we wait for bytes or send some. Default: 30 s.
    pub idle_timeout: Duration,
    /// How long one attempt may take in all, body included. A download or upload cut off by it goes on where it
    /// stopped. Default: 300 s.
    pub request_timeout: Duration,
    /// When and how often to try again.
    pub retry: RetryPolicy,
    /// The `User-Agent` header. Default: `iib/<version>`.
    pub user_agent: String,
    /// Blobs up to this size are uploaded in one request, larger ones in chunks of it, each held in memory while it
    /// travels. Default: 16 MiB.
    pub chunk_bytes: NonZeroUsize,
}

/// When and how often to try again what failed in passing.
///
/// The delay before attempt *n* is random between nothing and `base` · 2ⁿ⁻¹, at most `ceiling`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many times one operation is tried in all. A transfer that gets ahead by a chunk starts counting anew.
    /// Default: 5.
    pub attempts: NonZeroU32,
    /// The upper bound of the first delay. Default: 500 ms.
    pub base: Duration,
    /// The upper bound of every delay. Default: 20 s.
    pub ceiling: Duration,
    /// How much of a registry's `Retry-After` is honoured. Default: 60 s.
    pub max_retry_after: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        const REQUESTS: NonZeroUsize = NonZeroUsize::new(16).expect("16 is not zero");
        const CHUNK_BYTES: NonZeroUsize =
            NonZeroUsize::new(16 * 1024 * 1024).expect("16 MiB is not zero");
        Self {
            credentials: Credentials::none(),
            extra_ca_pem: Vec::new(),
            insecure_registries: BTreeSet::new(),
            tls_registries: BTreeSet::new(),
            aliases: BTreeMap::new(),
            max_concurrent_requests: REQUESTS,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_mins(5),
            retry: RetryPolicy::default(),
            user_agent: concat!("iib/", env!("CARGO_PKG_VERSION")).to_owned(),
            chunk_bytes: CHUNK_BYTES,
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        const ATTEMPTS: NonZeroU32 = NonZeroU32::new(5).expect("5 is not zero");
        Self {
            attempts: ATTEMPTS,
            base: Duration::from_millis(500),
            ceiling: Duration::from_secs(20),
            max_retry_after: Duration::from_mins(1),
        }
    }
}
