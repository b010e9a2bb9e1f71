//! `[server.limits]`: what callers may cost.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use server::{MAX_JSON_DEPTH, RequestRate, ServerConfig};

/// `[server.limits]`: what callers may cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsSection {
    /// The longest body that is read, in bytes.
    pub(crate) max_body_bytes: NonZeroUsize,
    /// How deeply the objects and lists of a body may be nested.
    pub(crate) max_json_depth: JsonDepth,
    /// Seconds a request may take until its answer begins.
    pub(crate) request_seconds: NonZeroU64,
    /// Seconds a connection may take to send a header, and to stay idle between requests.
    pub(crate) idle_seconds: NonZeroU64,
    /// Seconds a caller may leave an answer unread.
    pub(crate) unread_seconds: NonZeroU64,
    /// Seconds a caller may take to agree on TLS.
    pub(crate) handshake_seconds: NonZeroU64,
    /// How many connections are served at the same time; more wait.
    pub(crate) max_connections: NonZeroUsize,
    /// How many requests a minute each user may send; 0: as many as they like.
    pub(crate) user_requests_per_minute: u32,
    /// How many a user that was quiet may send at once.
    pub(crate) user_burst: NonZeroU32,
    /// The same for callers without a user, by address; 0: as many as they like.
    pub(crate) anonymous_requests_per_minute: u32,
    /// How many an address that was quiet may send at once.
    pub(crate) anonymous_burst: NonZeroU32,
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            max_body_bytes: const { NonZeroUsize::new(4 * 1024 * 1024).unwrap() },
            max_json_depth: JsonDepth(64),
            request_seconds: const { NonZeroU64::new(60).unwrap() },
            idle_seconds: const { NonZeroU64::new(30).unwrap() },
            unread_seconds: const { NonZeroU64::new(30).unwrap() },
            handshake_seconds: const { NonZeroU64::new(10).unwrap() },
            max_connections: const { NonZeroUsize::new(1024).unwrap() },
            user_requests_per_minute: 0,
            user_burst: const { NonZeroU32::new(60).unwrap() },
            anonymous_requests_per_minute: 0,
            anonymous_burst: const { NonZeroU32::new(60).unwrap() },
        }
    }
}

impl LimitsSection {
    /// `config` with these limits.
    pub(crate) fn apply(&self, config: ServerConfig) -> ServerConfig {
        let seconds = |seconds: NonZeroU64| Duration::from_secs(seconds.get());
        ServerConfig {
            max_body_bytes: self.max_body_bytes.get(),
            max_json_depth: self.max_json_depth.0,
            request_timeout: seconds(self.request_seconds),
            header_timeout: seconds(self.idle_seconds),
            write_timeout: seconds(self.unread_seconds),
            handshake_timeout: seconds(self.handshake_seconds),
            max_connections: self.max_connections.get(),
            user_rate: rate(self.user_requests_per_minute, self.user_burst),
            anonymous_rate: rate(self.anonymous_requests_per_minute, self.anonymous_burst),
            ..config
        }
    }
}

fn rate(per_minute: u32, burst: NonZeroU32) -> Option<RequestRate> {
    NonZeroU32::new(per_minute).map(|per_minute| RequestRate { per_minute, burst })
}

/// A depth that the parser takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "usize")]
pub(crate) struct JsonDepth(usize);

impl TryFrom<usize> for JsonDepth {
    type Error = String;

    fn try_from(depth: usize) -> Result<Self, Self::Error> {
        if (1..=MAX_JSON_DEPTH).contains(&depth) {
            Ok(Self(depth))
        } else {
            Err(format!(
                "{depth} is no depth that can be read; choose one from 1 to {MAX_JSON_DEPTH}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_server() {
        let ours = LimitsSection::default().apply(ServerConfig::default());
        assert_eq!(
            format!("{ours:?}"),
            format!("{:?}", ServerConfig::default())
        );
    }

    #[test]
    fn every_limit_reaches_the_server() {
        let text = "max_body_bytes = 1\nmax_json_depth = 2\nrequest_seconds = 3\nidle_seconds = 4\nunread_seconds = 5\n\
             handshake_seconds = 6\nmax_connections = 7\nuser_requests_per_minute = 8\nuser_burst = 9\n\
             anonymous_requests_per_minute = 10\nanonymous_burst = 11\n";
        let section: LimitsSection = toml::from_str(text).unwrap();
        let config = section.apply(ServerConfig::default());
        let rate = |rate: Option<RequestRate>| {
            let rate = rate.unwrap();
            (rate.per_minute.get(), rate.burst.get())
        };
        assert_eq!((config.max_body_bytes, config.max_json_depth), (1, 2));
        assert_eq!(config.request_timeout, Duration::from_secs(3));
        assert_eq!(config.header_timeout, Duration::from_secs(4));
        assert_eq!(config.write_timeout, Duration::from_secs(5));
        assert_eq!(config.handshake_timeout, Duration::from_secs(6));
        assert_eq!(config.max_connections, 7);
        assert_eq!(rate(config.user_rate), (8, 9));
        assert_eq!(rate(config.anonymous_rate), (10, 11));
    }

    #[test]
    fn limits_that_would_let_nobody_in_are_refused() {
        for text in [
            "max_json_depth = 0",
            "max_json_depth = 128",
            "max_body_bytes = 0",
            "request_seconds = 0",
            "idle_seconds = 0",
            "max_connections = 0",
            "user_burst = 0",
        ] {
            assert!(toml::from_str::<LimitsSection>(text).is_err(), "{text}");
        }
    }
}
