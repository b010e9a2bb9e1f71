//! What a client has to be told.

use std::time::Duration;

use secrecy::SecretString;

use crate::address::ServerUrl;

/// How to reach a service.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The service.
    pub server: ServerUrl,
    /// A bearer token. Default: none.
    pub token: Option<SecretString>,
    /// PEM files with certificate authorities to trust beside the system's. Default: none.
    pub ca: Vec<Vec<u8>>,
    /// Whether plain HTTP to other machines is allowed. Default no: tokens and results could be read and changed on the way.
    pub insecure: bool,
    /// How long a connection may take. Default 10 s.
    pub connect_timeout: Duration,
    /// How long one call may take, its repetitions apart. Default 60 s.
    pub call_timeout: Duration,
    /// How what fails in passing is repeated.
    pub retries: Retries,
    /// The pause between two looks at a running request: the first, and the longest as they grow. Default 0.5 s and 10 s.
    pub poll: (Duration, Duration),
}

/// How what fails in passing is repeated: connection errors and the statuses 429, 502, 503 and 504.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// How often a call is made at most. Default 5.
    pub attempts: u32,
    /// The pause after the first failure is random up to this; it doubles with each. Default 1 s.
    pub base: Duration,
    /// The longest pause, also when the service asks for a longer one. Default 60 s.
    pub ceiling: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_secs(1),
            ceiling: Duration::from_mins(1),
        }
    }
}

impl ClientConfig {
    /// The defaults, for the service at `server`.
    pub fn new(server: ServerUrl) -> Self {
        Self {
            server,
            token: None,
            ca: Vec::new(),
            insecure: false,
            connect_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_mins(1),
            retries: Retries::default(),
            poll: (Duration::from_millis(500), Duration::from_secs(10)),
        }
    }
}
