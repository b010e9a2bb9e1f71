//! Whose word on users is believed: addresses and networks of proxies.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// One address, or a network in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProxyNetwork(IpNet);

impl ProxyNetwork {
    /// Whether `peer` is in it. A dual-stack socket shows IPv4 peers as mapped IPv6 addresses; they are the same hosts.
    pub fn contains(&self, peer: IpAddr) -> bool {
        self.0.contains(&peer.to_canonical())
    }
}

impl From<IpAddr> for ProxyNetwork {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical().into())
    }
}

impl From<Ipv4Addr> for ProxyNetwork {
    fn from(address: Ipv4Addr) -> Self {
        Self::from(IpAddr::from(address))
    }
}

impl fmt::Display for ProxyNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

impl FromStr for ProxyNetwork {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }
        let network: IpNet = text
            .parse()
            .map_err(|_| BadNetwork::Form(text.to_owned()))?;
        // `10.1.2.3/8` may be meant as that host or as that network, and the difference is who is believed.
        if network.addr() != network.network() {
            return Err(BadNetwork::HostBits {
                given: text.to_owned(),
                network: network.trunc(),
            });
        }
        Ok(Self(canonical(network)))
    }
}

/// A network of mapped IPv4 addresses as the IPv4 network it is.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    let mapped = match network {
        IpNet::V6(network) => network.addr().to_ipv4_mapped(),
        IpNet::V4(_) => None,
    };
    mapped
        .zip(network.prefix_len().checked_sub(MAPPED_BITS))
        .and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok())
        .map_or(network, IpNet::V4)
}

/// A text is no address and no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadNetwork {
    /// It has another form.
    #[error("`{0}` is neither an address such as `192.0.2.1` nor a network such as `192.0.2.0/24`")]
    Form(String),
    /// It names a host within the network.
    #[error(
        "`{given}` has bits beyond its prefix; write `{network}` for the network, or the address alone for the host"
    )]
    HostBits {
        /// What was given.
        given: String,
        /// The network it is in.
        network: IpNet,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(network: &str, inside: &[&str], outside: &[&str]) {
        let network: ProxyNetwork = network.parse().unwrap();
        for peer in inside {
            assert!(network.contains(peer.parse().unwrap()), "{peer}");
        }
        for peer in outside {
            assert!(!network.contains(peer.parse().unwrap()), "{peer}");
        }
    }

    #[test]
    fn a_network_holds_its_hosts_however_the_socket_shows_them() {
        check(
            "192.0.2.1",
            &["192.0.2.1", "::ffff:192.0.2.1"],
            &["192.0.2.2", "::1"],
        );
        check(
            "::ffff:192.0.2.1",
            &["192.0.2.1", "::ffff:192.0.2.1"],
            &["192.0.2.2"],
        );
        check(
            "10.0.0.0/8",
            &["10.255.0.1", "::ffff:10.0.0.1"],
            &["11.0.0.1", "::a00:1"],
        );
        check("::ffff:10.0.0.0/104", &["10.1.2.3"], &["11.0.0.1"]);
        check(
            "2001:db8::/32",
            &["2001:db8::1"],
            &["2001:db9::1", "0.0.0.0"],
        );
        check("0.0.0.0/0", &["1.2.3.4"], &["::1"]);
    }

    #[test]
    fn what_is_no_network_is_refused_with_the_form_to_use() {
        for bad in ["", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0/8"] {
            assert_eq!(
                bad.parse::<ProxyNetwork>(),
                Err(BadNetwork::Form(bad.to_owned()))
            );
        }
        let error = "10.1.2.3/8".parse::<ProxyNetwork>().unwrap_err();
        assert!(error.to_string().contains("`10.0.0.0/8`"), "{error}");
    }
}
