//! How often callers may ask: each user, and each address that names no user, has an allowance of its own.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use api::ProblemCode;
use arc_swap::ArcSwapOption;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::{HeaderMap, HeaderName};

use crate::answer::ApiError;
use crate::auth::known_user;
use crate::caller::Peer;
use crate::config::ServerConfig;
use crate::router::{App, HEALTHCHECK};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// So many callers are told apart at the same time; beyond that, those who come share one allowance. It bounds what a flood from many
/// addresses can make the service remember.
const MAX_CALLERS: usize = 65_536;

/// An allowance: so many requests at once, and a steady rate after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRate {
    /// How many requests a minute come back to the allowance.
    pub per_minute: NonZeroU32,
    /// How many requests a caller that was quiet may send at once.
    pub burst: NonZeroU32,
}

impl RequestRate {
    fn quota(self) -> Quota {
        Quota::per_minute(self.per_minute).allow_burst(self.burst)
    }
}

/// Who a request is counted for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Payer {
    User(String),
    Network(IpAddr),
}

impl Payer {
    fn of(headers: &HeaderMap, peer: Option<Peer>, config: &ServerConfig) -> Self {
        // A header that makes no sense is refused where users are needed; here it names nobody.
        if let Some(user) = known_user(headers, peer, config) {
            return Self::User(user.to_string());
        }
        let address = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |Peer(address)| address);
        Self::Network(network(client_address(headers, address, config)))
    }
}

/// The address of the caller: the peer's, or, of a trusted proxy, the last one it names that is no trusted proxy itself. What
/// stands before that one was written by the caller and means nothing.
fn client_address(headers: &HeaderMap, peer: IpAddr, config: &ServerConfig) -> IpAddr {
    if !config.trusts(peer) {
        return peer;
    }
    let values: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    let hops = values
        .iter()
        .rev()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.rsplit(','));
    let mut client = peer;
    for hop in hops {
        let Ok(address) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        client = address;
        if !config.trusts(address) {
            break;
        }
    }
    client
}

/// The part of an address that one subscriber has: an IPv4 address, or the upper 64 bits of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let bits = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
    }
}

/// What is left of every caller's allowance.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    users: Allowances<String>,
    networks: Allowances<IpAddr>,
}

impl Rates {
    /// Counts one request, or tells how long to wait.
    fn charge(&self, payer: Payer, config: &ServerConfig) -> Result<(), Duration> {
        match payer {
            Payer::User(name) => self.users.charge(name, String::new(), config.user_rate),
            Payer::Network(address) => {
                let shared = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
                self.networks.charge(address, shared, config.anonymous_rate)
            }
        }
    }
}

/// The allowances of one kind of caller under one rate; another rate starts anew.
#[derive(Debug)]
struct Allowances<K: Hash + Eq + Clone>(ArcSwapOption<Limiter<K>>);

#[derive(Debug)]
struct Limiter<K: Hash + Eq + Clone> {
    rate: RequestRate,
    callers: DefaultKeyedRateLimiter<K>,
    started: Instant,
    /// When those whose allowance is whole again were last forgotten, in seconds since the start.
    swept: AtomicU64,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(rate: RequestRate) -> Self {
        Self {
            rate,
            callers: RateLimiter::keyed(rate.quota()),
            started: Instant::now(),
            swept: AtomicU64::new(0),
        }
    }

    /// Whether no further caller can be told apart from the others. Forgetting looks at every caller, so it is done once a second.
    fn is_full(&self) -> bool {
        if self.callers.len() < MAX_CALLERS {
            return false;
        }
        let now = self.started.elapsed().as_secs();
        if self.swept.fetch_max(now, Ordering::Relaxed) < now {
            self.callers.retain_recent();
        }
        self.callers.len() >= MAX_CALLERS
    }
}

impl<K: Hash + Eq + Clone> Default for Allowances<K> {
    fn default() -> Self {
        Self(ArcSwapOption::empty())
    }
}

impl<K: Hash + Eq + Clone> Allowances<K> {
    fn charge(&self, caller: K, shared: K, rate: Option<RequestRate>) -> Result<(), Duration> {
        let Some(rate) = rate else { return Ok(()) };
        let limiter = self.limiter(rate);
        let key = if limiter.is_full() { shared } else { caller };
        limiter
            .callers
            .check_key(&key)
            .map_err(|refused| refused.wait_time_from(DefaultClock::default().now()))
    }

    /// Two requests that find the rate changed at the same moment may both start anew: one of them is then not counted.
    fn limiter(&self, rate: RequestRate) -> Arc<Limiter<K>> {
        if let Some(limiter) = self.0.load_full().filter(|limiter| limiter.rate == rate) {
            return limiter;
        }
        let limiter = Arc::new(Limiter::new(rate));
        self.0.store(Some(Arc::clone(&limiter)));
        limiter
    }
}

/// Refuses requests beyond their caller's allowance, before anything is done for them.
pub(crate) async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    let config = app.config();
    let unlimited = config.user_rate.is_none() && config.anonymous_rate.is_none();
    // Whoever watches over the service must not take it for broken because of others at the same address.
    if unlimited || request.uri().path() == HEALTHCHECK {
        return next.run(request).await;
    }
    let payer = Payer::of(request.headers(), Peer::of(request.extensions()), &config);
    match app.rates.charge(payer, &config) {
        Ok(()) => next.run(request).await,
        Err(wait) => too_many(wait).into_response(),
    }
}

fn too_many(wait: Duration) -> ApiError {
    ApiError::of(
        ProblemCode::TooManyRequests,
        "these are more requests than one caller may send; wait as long as Retry-After says, and ask less often",
    )
    .retry_after(wait)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn config() -> ServerConfig {
        ServerConfig {
            trusted_proxies: vec!["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()],
            ..ServerConfig::default()
        }
    }

    #[test]
    fn the_client_is_the_last_address_that_no_trusted_proxy_has() {
        let client = |peer: &str, forwarded: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
            }
            client_address(&headers, peer.parse().unwrap(), &config()).to_string()
        };
        assert_eq!(client("198.51.100.7", &["203.0.113.9"]), "198.51.100.7");
        assert_eq!(client("192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &["203.0.113.9"]), "203.0.113.9");
        let forged = ["10.0.0.1, 203.0.113.9, 192.0.2.2"];
        assert_eq!(client("192.0.2.1", &forged), "203.0.113.9");
        assert_eq!(
            client("192.0.2.1", &["10.0.0.1", "203.0.113.9"]),
            "203.0.113.9"
        );
        assert_eq!(client("192.0.2.1", &["203.0.113.9, nonsense"]), "192.0.2.1");
    }

    #[test]
    fn an_ipv6_subscriber_is_one_caller() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
        assert_eq!(network("::ffff:203.0.113.9"), "203.0.113.9");
    }

    #[test]
    fn a_flood_of_callers_shares_one_allowance_at_last() {
        let one = NonZeroU32::MIN;
        let rate = Some(RequestRate {
            per_minute: one,
            burst: one,
        });
        let allowances = Allowances::<u64>::default();
        let callers = u64::try_from(MAX_CALLERS).unwrap();
        for caller in 1..=callers {
            assert_eq!(allowances.charge(caller, 0, rate), Ok(()));
        }
        assert_eq!(allowances.charge(callers + 1, 0, rate), Ok(()));
        assert!(allowances.charge(callers + 2, 0, rate).is_err());
    }
}
