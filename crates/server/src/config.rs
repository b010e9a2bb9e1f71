//! What the server has to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use api::Scope;
use files::Files;
use http::HeaderName;
use queue::Broker;
use telemetry::Metrics;

use crate::auth::{AuthConfig, ProxyNetwork};
use crate::cors::Origin;
use crate::queues::Queues;
use crate::rate::RequestRate;
use crate::tls::TlsFiles;

/// The deepest nesting that can be configured: what the parser takes.
pub const MAX_JSON_DEPTH: usize = 127;

/// Settings of the server. Names in brackets are those of section 12.1 of the contract.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen; the caller of [`crate::serve`] binds it. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Certificate and key to serve TLS with. Default none: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Whether requests without a user are accepted everywhere (`LOGIN_DISABLED`). Default no.
    pub login_disabled: bool,
    /// The hosts whose word on the user and on the scheme is believed. Default none: on a shared machine loopback is everybody.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// The header in which they name the user. Default `X-Remote-User`.
    pub user_header: HeaderName,
    /// How else callers may prove who they are, and who has more rights than others. Default: no other way, nobody.
    pub auth: AuthConfig,
    /// Users that may report results (`IIB_WORKER_USERNAMES`). Default none.
    pub worker_usernames: BTreeSet<String>,
    /// The binary image by scope and version label, for requests that name none (`IIB_BINARY_IMAGE_CONFIG`). Default empty: requests
    /// have to name one.
    pub binary_image_config: BTreeMap<Scope, BTreeMap<String, String>>,
    /// Values of `graph_update_mode` (`IIB_GRAPH_MODE_OPTIONS`). Default `replaces`, `semver`, `semver-skippatch`.
    pub graph_mode_options: Vec<String>,
    /// Indexes whose graph mode may be chosen (`IIB_GRAPH_MODE_INDEX_ALLOW_LIST`). Default none.
    pub graph_mode_index_allow_list: Vec<String>,
    /// The most requests a page holds, whatever is asked for (`IIB_MAX_PER_PAGE`). Default 20.
    pub max_per_page: u64,
    /// How long an idempotency key means the submit it came with. Default 24 hours.
    pub idempotency_key_life: Duration,
    /// Whether a submit that asks for the same as one of the same user that has not ended is answered with that one. Default no.
    pub join_identical: bool,
    /// For how many days logs are kept after the last change of a request (`IIB_REQUEST_DATA_DAYS_TO_LIVE`). Default 3.
    pub request_data_days_to_live: u32,
    /// Where the files of requests are read: logs, related bundles, nested bundles (`IIB_REQUEST_LOGS_DIR` and its like,
    /// `IIB_AWS_S3_BUCKET_NAME`). Default nowhere: they are not offered.
    pub files: Files,
    /// What `/metrics` prints. Default none: there is no such path. Only looked at when the server starts.
    pub metrics: Option<Metrics>,
    /// Which queue a request goes to (`IIB_USER_TO_QUEUE`). Default empty: all go to the default queue.
    pub queues: Queues,
    /// The broker that has to take a request before it is answered; one that cannot be handed over fails (section 6.6). Default none:
    /// requests wait in the store.
    pub hand_over: Option<Broker>,
    /// Pages of other sites that may call this service from a browser. Default none: no cross-origin header is ever sent.
    pub cors_origins: BTreeSet<Origin>,
    /// How often one user may ask. Default: no limit.
    pub user_rate: Option<RequestRate>,
    /// How often callers without a user may ask from one address, or from one IPv6 network of 64 bits. Default: no limit.
    pub anonymous_rate: Option<RequestRate>,
    /// The longest body that is read, in bytes. Default 4 MiB, which has room for some 30,000 bundles.
    pub max_body_bytes: usize,
    /// How deeply objects and lists of a body may be nested, the body itself being the first level; at most
    /// [`MAX_JSON_DEPTH`]. Default 64.
    pub max_json_depth: usize,
    /// How long a request may take from its header to the start of its answer. Default 60 seconds.
    pub request_timeout: Duration,
    /// How long a caller may take to agree on TLS. Default 10 seconds.
    pub handshake_timeout: Duration,
    /// How long a connection may take to send a header, and to stay idle between requests. Default 30 seconds.
    pub header_timeout: Duration,
    /// How long a caller may leave an answer unread before the connection is cut; every byte it takes starts the time anew. Default 30
    /// seconds.
    pub write_timeout: Duration,
    /// How many connections are served at the same time; more wait. Default 1024.
    pub max_connections: usize,
    /// How long running requests may go on after the shutdown began. Default 20 seconds.
    pub drain_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            tls: None,
            login_disabled: false,
            trusted_proxies: Vec::new(),
            user_header: HeaderName::from_static("x-remote-user"),
            auth: AuthConfig::default(),
            worker_usernames: BTreeSet::new(),
            binary_image_config: BTreeMap::new(),
            graph_mode_options: ["replaces", "semver", "semver-skippatch"]
                .map(ToOwned::to_owned)
                .to_vec(),
            graph_mode_index_allow_list: Vec::new(),
            max_per_page: 20,
            idempotency_key_life: Duration::from_hours(24),
            join_identical: false,
            request_data_days_to_live: 3,
            files: Files::default(),
            metrics: None,
            queues: Queues::default(),
            hand_over: None,
            cors_origins: BTreeSet::new(),
            user_rate: None,
            anonymous_rate: None,
            max_body_bytes: 4 * 1024 * 1024,
            max_json_depth: 64,
            request_timeout: Duration::from_mins(1),
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            max_connections: 1024,
            drain_timeout: Duration::from_secs(20),
        }
    }
}

impl ServerConfig {
    /// Whether what `peer` says about its users is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies
            .iter()
            .any(|proxies| proxies.contains(peer))
    }
}
