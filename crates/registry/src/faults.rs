//! Misbehaviour on purpose: which requests, and what goes wrong.

mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};

pub(crate) use wire::distort;

/// The rules in force. Cheap to clone; all clones are the same rules.
///
/// Rules are tried in the order they were added, and the first that applies wins. A rule that still skips, or has bitten
/// as often as it may, lets the request go on to the next one.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Vec<Armed>>>);

/// Which requests a fault befalls.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Only requests of this method; `None` for all.
    pub method: Option<Method>,
    /// Only requests whose path with query contains this text; the empty text is in all.
    pub path_contains: String,
    /// So many matching requests pass unharmed first.
    pub skip: u32,
    /// So many requests are harmed, then no more; `None` for ever.
    pub times: Option<u32>,
    /// What happens to them.
    pub fault: Fault,
}

/// What goes wrong.
///
/// A fault befalls only requests it can harm, and others do not count as matching: cutting or changing an answer needs a
/// method other than HEAD, cutting a request one with a body, refusing to mount a request that asks to, hiding one that
/// reads a manifest or blob, ending a token one that carries a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Answer with this status and the specification's error body; nothing is done.
    Status {
        /// The status, usually 429 or 5xx.
        code: StatusCode,
        /// Sent as `Retry-After`, in whole seconds.
        retry_after: Option<Duration>,
    },
    /// Announce the full length, send at most so many bytes (and never the last one), then drop the connection.
    CutBody {
        /// Bytes of the body to send.
        after_bytes: u64,
    },
    /// Read at most so many bytes of the request's body, then drop the connection. An upload keeps them.
    CutRequest {
        /// Bytes of the body to read.
        after_bytes: u64,
    },
    /// Send the body in pieces.
    Slow {
        /// Bytes in a piece; 0 counts as 1.
        chunk_bytes: usize,
        /// The time before each piece.
        delay: Duration,
    },
    /// Accept the request, do nothing, and never answer.
    Stall,
    /// Flip one bit in the middle of the body; headers stay as they should be.
    WrongDigest,
    /// Answer a request to mount a blob as if the source did not have it: 202 and an upload to fill.
    RefuseMount,
    /// Drop the connection without an answer; nothing is done.
    DropConnection,
    /// Answer as if there were no such manifest or blob, though lists of tags go on to name it.
    NotFound,
    /// Forget the token the request carries before looking at it, as a token service that ends or withdraws it would. The
    /// number of uses a token is good for is what [`Rule::skip`] lets pass.
    ExpireToken,
}

impl Rule {
    /// A rule for all requests whose path with query contains the text, for ever.
    pub fn new(path_contains: impl Into<String>, fault: Fault) -> Self {
        Self {
            method: None,
            path_contains: path_contains.into(),
            skip: 0,
            times: None,
            fault,
        }
    }

    /// The same, for one method only.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// The same, after so many matching requests have passed.
    #[must_use]
    pub fn skip(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// The same, for so many requests only.
    #[must_use]
    pub fn times(mut self, requests: u32) -> Self {
        self.times = Some(requests);
        self
    }

    fn matches(&self, request: &Facts<'_>) -> bool {
        let harmable = match &self.fault {
            Fault::Status { .. } | Fault::Stall | Fault::DropConnection => true,
            Fault::CutBody { .. } | Fault::Slow { .. } | Fault::WrongDigest => {
                request.method != Method::HEAD
            }
            Fault::CutRequest { .. } => request.has_body,
            Fault::RefuseMount => request.asks == Asks::Mount,
            Fault::NotFound => request.asks == Asks::Content,
            Fault::ExpireToken => request.has_token,
        };
        harmable
            && self
                .method
                .as_ref()
                .is_none_or(|method| method == request.method)
            && request.target.contains(&self.path_contains)
    }
}

impl Faults {
    /// Adds a rule behind those in force.
    pub fn add(&self, rule: Rule) {
        self.lock().push(Armed {
            rule,
            skipped: 0,
            bitten: 0,
        });
    }

    /// Takes all rules away; requests already harmed stay so.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// How many requests the rules in force have harmed. A test of a fault that never struck has tested nothing.
    pub fn struck(&self) -> u32 {
        let rules = self.lock();
        rules
            .iter()
            .fold(0, |sum, armed| sum.saturating_add(armed.bitten))
    }

    /// The fault for this request, which then counts as bitten.
    pub(crate) fn strike(&self, request: &Facts<'_>) -> Option<Fault> {
        let mut rules = self.lock();
        for armed in rules.iter_mut().filter(|armed| armed.rule.matches(request)) {
            if armed.skipped < armed.rule.skip {
                armed.skipped += 1;
            } else if armed.rule.times.is_none_or(|times| armed.bitten < times) {
                armed.bitten = armed.bitten.saturating_add(1);
                return Some(armed.rule.fault.clone());
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A rule and what it has done.
#[derive(Debug)]
struct Armed {
    rule: Rule,
    skipped: u32,
    bitten: u32,
}

/// What rules look at.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) method: &'a Method,
    /// Path with query.
    pub(crate) target: &'a str,
    pub(crate) has_body: bool,
    pub(crate) asks: Asks,
    /// Whether the request carries a bearer token.
    pub(crate) has_token: bool,
}

/// What a request asks for, as far as faults differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// To mount a blob.
    Mount,
    /// To read or look up a manifest or blob.
    Content,
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &str) -> Facts<'_> {
        Facts {
            method: &Method::GET,
            target,
            has_body: false,
            asks: Asks::Other,
            has_token: false,
        }
    }

    #[test]
    fn rules_skip_bite_and_are_spent() {
        let faults = Faults::default();
        faults.add(Rule::new("/blobs/", Fault::Stall).skip(1).times(2));
        faults.add(Rule::new("", Fault::DropConnection).method(Method::PUT));
        let struck: Vec<bool> = (0..5)
            .map(|_| faults.strike(&get("/v2/a/blobs/b")).is_some())
            .collect();
        assert_eq!(struck, [false, true, true, false, false]);
        assert_eq!(faults.strike(&get("/v2/")), None);
    }

    #[test]
    fn the_first_rule_that_applies_wins_and_spent_ones_pass_on() {
        let faults = Faults::default();
        faults.add(Rule::new("/v2/", Fault::Stall).times(1));
        faults.add(Rule::new("/v2/", Fault::DropConnection));
        assert_eq!(faults.strike(&get("/v2/")), Some(Fault::Stall));
        assert_eq!(faults.strike(&get("/v2/")), Some(Fault::DropConnection));
        faults.clear();
        assert_eq!(faults.strike(&get("/v2/")), None);
    }

    #[test]
    fn what_cannot_be_harmed_does_not_count() {
        let faults = Faults::default();
        faults.add(Rule::new("", Fault::CutRequest { after_bytes: 1 }).times(1));
        assert_eq!(faults.strike(&get("/v2/")), None);
        let upload = Facts {
            has_body: true,
            ..get("/v2/")
        };
        assert!(faults.strike(&upload).is_some());
        assert_eq!(faults.struck(), 1);
        for fault in [Fault::RefuseMount, Fault::NotFound, Fault::ExpireToken] {
            faults.add(Rule::new("", fault));
        }
        assert_eq!(faults.strike(&get("/v2/")), None);
        let manifest = Facts {
            asks: Asks::Content,
            has_token: true,
            ..get("/v2/a/manifests/v1")
        };
        assert_eq!(faults.strike(&manifest), Some(Fault::NotFound));
        assert_eq!(faults.struck(), 2);
    }
}
