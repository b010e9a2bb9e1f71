//! `[server]`: the REST API.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Serialize};

use super::limits::LimitsSection;
use super::tls::TlsSection;
use super::words::{OriginText, ProxyNetworkText};

/// `[server]`: the REST API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerSection {
    /// The address to listen on.
    pub(crate) listen: SocketAddr,
    /// An address for `/metrics` alone. None: it is served with the API.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Accept requests without a user. Off: every POST needs a user.
    pub(crate) login_disabled: bool,
    /// Addresses and networks of proxies whose user header is believed.
    pub(crate) trusted_proxies: Vec<ProxyNetworkText>,
    /// The header in which they name the user.
    pub(crate) user_header: String,
    /// Users that are workers.
    pub(crate) worker_usernames: BTreeSet<String>,
    /// The largest page of a list.
    pub(crate) max_per_page: NonZeroU64,
    /// Hours for which an idempotency key means the submit it came with.
    pub(crate) idempotency_key_hours: NonZeroU32,
    /// Answer a submit that asks for the same as one of the same user that has not ended with that one.
    pub(crate) join_identical_requests: bool,
    /// Days until logs and other files of a finished request expire.
    pub(crate) request_data_days_to_live: u32,
    /// The graph update modes that may be asked for.
    pub(crate) graph_mode_options: Vec<String>,
    /// The indexes they may be asked for on: in full, or without tag.
    pub(crate) graph_mode_index_allow_list: Vec<String>,
    /// Pages of other sites that may call the API from a browser.
    pub(crate) cors_origins: BTreeSet<OriginText>,
    pub(crate) limits: LimitsSection,
    /// Serve TLS. None: plain HTTP.
    pub(crate) tls: Option<TlsSection>,
    /// Seconds to let running answers end at shutdown.
    pub(crate) drain_seconds: u64,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8320)),
            metrics_listen: None,
            login_disabled: false,
            trusted_proxies: Vec::new(),
            user_header: "X-Remote-User".to_owned(),
            worker_usernames: BTreeSet::new(),
            max_per_page: const { NonZeroU64::new(20).unwrap() },
            idempotency_key_hours: const { NonZeroU32::new(24).unwrap() },
            join_identical_requests: false,
            request_data_days_to_live: 3,
            graph_mode_options: ["replaces", "semver", "semver-skippatch"]
                .map(str::to_owned)
                .to_vec(),
            graph_mode_index_allow_list: Vec::new(),
            cors_origins: BTreeSet::new(),
            limits: LimitsSection::default(),
            tls: None,
            drain_seconds: 10,
        }
    }
}
