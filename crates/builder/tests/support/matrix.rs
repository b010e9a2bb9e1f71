//! Every fault at every place of a request: what must hold whatever happens.
//!
//! A request ends right, or it fails with an error that names what failed and what to do. Either way every tag points to what it
//! pointed to before or to what it would point to without faults, all of that can be read, and nothing else has changed.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use builder::Error;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use http::{Method, StatusCode};
use oci::{ClientConfig, Digest, RetryPolicy};
use registry::{Fault, Rule};
use tokio::time::timeout;

use super::World;
use super::scene::Scene;
use super::state::State;

/// How long a request may take that meets a fault; a request that never ends must not hold the tests up for ever.
const PATIENCE: Duration = Duration::from_mins(2);
/// Requests under way at once. Most of their time they wait.
const AT_ONCE: usize = 12;

/// A kind of request, and where faults can bite it.
pub(crate) struct Flow {
    pub(crate) name: &'static str,
    /// Does the request; gives the digest of the list it made.
    pub(crate) run: for<'w> fn(&'w World) -> BoxFuture<'w, Result<Digest, Error>>,
    /// The tag it overwrites, as `repository:tag`.
    pub(crate) overwrites: &'static str,
    pub(crate) places: Vec<Place>,
}

/// A step of a request on the wire.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    /// What the path with query contains.
    pub(crate) path: &'static str,
    /// So many requests like it come before it.
    pub(crate) skip: u32,
    /// What an error about it must name.
    pub(crate) names: &'static str,
    pub(crate) token: Token,
}

/// What becomes of a request at a place when its token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// It gets a new token, once.
    Renewed,
    /// It has just got its token: one that is refused at once is no good.
    New,
    /// It is done without: who may not mount uploads, and what may not be read is not held to be there.
    Dispensable,
    /// It asks for the token.
    Asked,
}

/// A fault, where it can bite, and how much of it a request must bear.
struct Harm {
    name: &'static str,
    fault: Fault,
    bites: fn(&Place) -> bool,
    bearable: Bearable,
}

/// When a request must end right in spite of a fault.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bearable {
    /// Whatever the registry does.
    Always,
    /// When it bites so often and then no more; if it goes on for ever, the request must fail.
    Times(u32),
    /// It need not, and may.
    Perhaps,
}

/// How often a fault bites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bites {
    Times(u32),
    ForEver,
}

impl Place {
    pub(crate) fn new(name: &'static str, method: Method, path: &'static str) -> Self {
        // `/v2/<repository>/<endpoint>`: errors name the repository.
        let rest = path.strip_prefix("/v2/").unwrap_or_default();
        let end = ["/manifests", "/blobs"].iter().find_map(|e| rest.find(e));
        Self {
            name,
            method,
            path,
            skip: 0,
            names: &rest[..end.unwrap_or_default()],
            token: if path.contains("mount=") {
                Token::Dispensable
            } else {
                Token::Renewed
            },
        }
    }

    /// The same, after so many requests like it.
    pub(crate) fn skip(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    fn reads(&self) -> bool {
        self.method == Method::GET
    }

    /// The same, with something else to become of it when its token is refused.
    pub(crate) fn token(mut self, token: Token) -> Self {
        self.token = token;
        self
    }
}

fn harms() -> Vec<Harm> {
    let status = |name, code, retry_after| Harm {
        name,
        fault: Fault::Status { code, retry_after },
        bites: |_| true,
        bearable: Bearable::Times(2),
    };
    let harm = |name, fault, bites, bearable| Harm {
        name,
        fault,
        bites,
        bearable,
    };
    let twice = Bearable::Times(2);
    vec![
        status("429", StatusCode::TOO_MANY_REQUESTS, None),
        status(
            "429 with Retry-After",
            StatusCode::TOO_MANY_REQUESTS,
            Some(Duration::from_secs(1)),
        ),
        status("500", StatusCode::INTERNAL_SERVER_ERROR, None),
        status("502", StatusCode::BAD_GATEWAY, None),
        harm("no connection", Fault::DropConnection, |_| true, twice),
        harm("silence", Fault::Stall, |_| true, twice),
        harm(
            "a cut download",
            Fault::CutBody { after_bytes: 100 },
            Place::reads,
            twice,
        ),
        harm(
            "a cut upload",
            Fault::CutRequest { after_bytes: 100 },
            |place| [Method::PATCH, Method::PUT].contains(&place.method),
            twice,
        ),
        // What is damaged is damaged: reading it again is for the one who asked.
        harm(
            "a wrong digest",
            Fault::WrongDigest,
            Place::reads,
            Bearable::Perhaps,
        ),
        harm(
            "slow answers",
            Fault::Slow {
                chunk_bytes: 500,
                delay: Duration::from_millis(1),
            },
            Place::reads,
            Bearable::Always,
        ),
        harm(
            "a refused mount",
            Fault::RefuseMount,
            |place| place.path.contains("mount="),
            Bearable::Always,
        ),
        harm(
            "an expired token",
            Fault::ExpireToken,
            |place| place.token == Token::Renewed,
            Bearable::Times(1),
        ),
        harm(
            "an expired token that is new",
            Fault::ExpireToken,
            |place| place.token == Token::New,
            Bearable::Perhaps,
        ),
        harm(
            "an expired token that can be done without",
            Fault::ExpireToken,
            |place| place.token == Token::Dispensable,
            Bearable::Always,
        ),
        harm(
            "not found",
            Fault::NotFound,
            |place| {
                [Method::GET, Method::HEAD].contains(&place.method) && place.token != Token::Asked
            },
            Bearable::Perhaps,
        ),
    ]
}

/// What the registry's readers see before and after the request when nothing goes wrong.
struct Expected {
    digest: Digest,
    before: State,
    after: State,
}

/// Runs the whole matrix of `flow`; `repositories` are all there are. Panics with everything that does not hold.
pub(crate) async fn check(scene: &Scene, flow: &Flow, repositories: &[&str]) {
    let world = scene.play(client(false), |_| {}).await;
    let before = world.state(repositories).await.unwrap();
    let digest = (flow.run)(&world).await.unwrap();
    let after = world.state(repositories).await.unwrap();
    assert_eq!(after[flow.overwrites], digest.to_string());
    assert_ne!(after[flow.overwrites], before[flow.overwrites]);
    let expected = &Expected {
        digest,
        before,
        after,
    };

    let harms = harms();
    let mut cases = Vec::new();
    for place in &flow.places {
        for harm in harms.iter().filter(|harm| (harm.bites)(place)) {
            let times = match harm.bearable {
                Bearable::Times(times) => times,
                Bearable::Always | Bearable::Perhaps => 2,
            };
            cases.push((place, harm, Bites::Times(times)));
            cases.push((place, harm, Bites::ForEver));
        }
    }
    let number = cases.len();
    let wrong: Vec<String> = stream::iter(cases)
        .map(|(place, harm, bites)| async move {
            let judged = play(scene, flow, repositories, expected, place, harm, bites).await;
            let what = format!("{}, {}, {bites:?}", place.name, harm.name);
            judged.err().map(|problem| format!("{what}: {problem}"))
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(
        wrong.is_empty(),
        "{}: {} of {number} cases are wrong:\n{}",
        flow.name,
        wrong.len(),
        wrong.join("\n")
    );
}

async fn play(
    scene: &Scene,
    flow: &Flow,
    repositories: &[&str],
    expected: &Expected,
    place: &Place,
    harm: &Harm,
    bites: Bites,
) -> Result<(), String> {
    let silent = harm.fault == Fault::Stall;
    let world = scene.play(client(silent), |_| {}).await;
    let mut rule = Rule::new(place.path, harm.fault.clone())
        .method(place.method.clone())
        .skip(place.skip);
    if let Bites::Times(times) = bites {
        rule = rule.times(times);
    }
    let faults = world.registry.faults();
    faults.add(rule);
    let ended = timeout(PATIENCE, (flow.run)(&world)).await;
    let ended = ended.map_err(|_| "it does not end".to_owned())?;
    let struck = faults.struck();
    faults.clear();
    if struck == 0 {
        return Err("the fault never struck: the place is not where it is said to be".to_owned());
    }
    let state = world.state(repositories).await?;
    match ended {
        Ok(digest) => {
            if let (Bearable::Times(_), Bites::ForEver) = (harm.bearable, bites) {
                return Err("it cannot have ended right".to_owned());
            }
            same_end(expected, &digest, &state)
        }
        Err(error) => {
            let report = error.report();
            let bearable = match harm.bearable {
                Bearable::Always => true,
                Bearable::Times(times) => bites == Bites::Times(times),
                Bearable::Perhaps => false,
            };
            if bearable {
                return Err(format!("it should have ended right: {report}"));
            }
            speaks_plainly(&report, place)?;
            nothing_else_changed(expected, &state)?;
            if state[flow.overwrites] != expected.before[flow.overwrites] {
                return Ok(());
            }
            // Nothing is lost: the same request, made again, ends as it would have.
            let again = (flow.run)(&world).await;
            let digest = again.map_err(|error| format!("made again: {}", error.report()))?;
            let state = world.state(repositories).await?;
            same_end(expected, &digest, &state).map_err(|problem| format!("made again: {problem}"))
        }
    }
}

fn same_end(expected: &Expected, digest: &Digest, state: &State) -> Result<(), String> {
    if *digest != expected.digest {
        return Err(format!("another digest: {digest}"));
    }
    if *state != expected.after {
        return Err(format!("other tags: {state:?}"));
    }
    Ok(())
}

fn speaks_plainly(report: &str, place: &Place) -> Result<(), String> {
    if !report.contains(place.names) {
        return Err(format!(
            "the error does not name `{}`: {report}",
            place.names
        ));
    }
    let remedies = [
        "try again later",
        "check its name",
        "check that the repository exists",
        "push it again",
        "push or produce it again",
        "push the image again",
        "submit the request again",
        "report this to",
        "ask for the permission",
    ];
    if !remedies.iter().any(|remedy| report.contains(remedy)) {
        return Err(format!("the error does not say what to do: {report}"));
    }
    Ok(())
}

/// Every tag is as before or as it will be, none is gone, and none is there that should not be.
fn nothing_else_changed(expected: &Expected, state: &State) -> Result<(), String> {
    for (tag, digest) in state {
        let known = [expected.before.get(tag), expected.after.get(tag)];
        if !known.contains(&Some(digest)) {
            return Err(format!("`{tag}` is neither old nor new: {digest}"));
        }
    }
    match expected.before.keys().find(|tag| !state.contains_key(*tag)) {
        Some(lost) => Err(format!("`{lost}` is gone")),
        None => Ok(()),
    }
}

/// A client that loses no time, and uploads in several chunks. One that waits for an answer that never comes gives up soon.
fn client(silent: bool) -> ClientConfig {
    let mut config = ClientConfig {
        retry: RetryPolicy {
            attempts: NonZeroU32::new(4).unwrap(),
            base: Duration::from_millis(1),
            ceiling: Duration::from_millis(2),
            max_retry_after: Duration::from_millis(2),
        },
        chunk_bytes: NonZeroUsize::new(2048).unwrap(),
        ..ClientConfig::default()
    };
    if silent {
        config.idle_timeout = Duration::from_millis(700);
        config.request_timeout = Duration::from_millis(1400);
    }
    config
}
