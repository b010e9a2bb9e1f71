//! The user that a trusted proxy names. From anybody else the header means nothing.

use http::HeaderMap;

use super::UserName;
use super::refusal::Refused;
use crate::caller::Peer;
use crate::config::ServerConfig;

pub(super) fn user(
    headers: &HeaderMap,
    peer: Option<Peer>,
    config: &ServerConfig,
) -> Result<Option<UserName>, Refused> {
    if !peer.is_some_and(|peer| config.trusts(peer.0)) {
        return Ok(None);
    }
    let mut values = headers.get_all(&config.user_header).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let refused = |problem| Refused::ProxyHeader(config.user_header.clone(), problem);
    // A proxy that adds its own header to one the client sent would otherwise let the client choose who it is.
    if values.next().is_some() {
        return Err(refused("must be sent once"));
    }
    let name = std::str::from_utf8(value.as_bytes()).map_err(|_| refused("must be UTF-8"))?;
    // Proxies send an empty one for callers that did not log in.
    if name.trim().is_empty() {
        return Ok(None);
    }
    let user = name.parse();
    user.map(Some)
        .map_err(|_| refused("must hold the name of a user, of at most 255 bytes"))
}
