//! `GET builds/{id}/events`: a request as it goes on, as server-sent events.
//!
//! `state` carries an entry of the history, `log` a line of the log, `end` the request in its verbose form; after that the stream is over. The
//! id of an event says how far the stream has come, so that a client that lost its connection goes on from there.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::SeekFrom;
use std::path::PathBuf;
use std::time::Duration;

use api::RequestView;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use files::Kind;
use futures::{Stream, stream};
use http::{HeaderMap, HeaderName};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::OwnedSemaphorePermit;

use crate::answer::ApiError;
use crate::base_url::BaseUrl;
use crate::endpoint::artefacts;
use crate::router::{App, RequestId, no_such_request};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How often the state and the log are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a quiet stream shows that it is alive.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// How much of a log is read at a time.
const LOG_BYTES: u64 = 64 * 1024;
/// When a client may try again that found every place taken.
const COME_BACK: Duration = Duration::from_secs(5);

pub(crate) async fn follow(
    State(app): State<App>,
    id: RequestId,
    base: BaseUrl,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = id.required()?;
    app.store
        .request_type(id)
        .await?
        .ok_or_else(no_such_request)?;
    let place = std::sync::Arc::clone(&app.event_streams)
        .try_acquire_owned()
        .map_err(|_| {
            ApiError::of(
                api::ProblemCode::Unavailable,
                "every place for following requests is taken; try again, or ask for the request itself",
            )
            .retry_after(COME_BACK)
        })?;
    let log = app
        .config()
        .files
        .directory(Kind::Log)
        .map(|directory| directory.join(Kind::Log.file_name(id)));
    let follower = Follower {
        app,
        id,
        base,
        log,
        seen: Seen::of(&headers),
        pending: VecDeque::new(),
        looked: false,
        over: false,
        _place: place,
    };
    let events = Sse::new(follower.events()).keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE));
    Ok(events.into_response())
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Entries of the history.
    states: usize,
    /// Bytes of the log.
    log: u64,
}

impl Seen {
    /// What the client says it has; nothing where that makes no sense.
    fn of(headers: &HeaderMap) -> Self {
        headers
            .get(LAST_EVENT_ID)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| {
                let (states, log) = text.split_once('-')?;
                Some(Self {
                    states: states.parse().ok()?,
                    log: log.parse().ok()?,
                })
            })
            .unwrap_or_default()
    }

    fn id(self) -> String {
        format!("{}-{}", self.states, self.log)
    }
}

/// One client's stream.
struct Follower {
    app: App,
    id: i64,
    base: BaseUrl,
    /// Where the log is written, if that is on this host.
    log: Option<PathBuf>,
    seen: Seen,
    pending: VecDeque<Event>,
    looked: bool,
    over: bool,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, async |mut follower| {
            let event = follower.next().await?;
            Some((Ok(event), follower))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            if self.looked {
                let stopping = self.app.stopping.cancelled();
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    // The client goes on with another process, by the id of its last event.
                    () = stopping => return None,
                }
            }
            self.looked = true;
            match self.app.store.request(self.id).await {
                Ok(Some(view)) => self.look_at(&view).await,
                Ok(None) => return None,
                Err(error) => {
                    tracing::warn!(request.id = self.id, %error, "a stream of events cannot go on for now");
                }
            }
        }
    }

    async fn look_at(&mut self, view: &RequestView) {
        let new = view.state_history.iter().rev().skip(self.seen.states);
        for entry in new {
            self.seen.states += 1;
            self.push("state", serde_json::to_string(entry).unwrap_or_default());
        }
        // The log ends after the state does, so it is read to its end only when the state is final.
        while self.read_log().await {}
        if view.state.is_final() {
            self.over = true;
            let artefacts = artefacts::of(&self.app, &self.base, view);
            let whole = serde_json::to_string(&view.verbose(artefacts)).unwrap_or_default();
            self.push("end", whole);
        }
    }

    /// Takes the next whole lines of the log; whether there may be more.
    async fn read_log(&mut self) -> bool {
        let Some(path) = &self.log else { return false };
        let read = async {
            let mut file = tokio::fs::File::open(path).await?;
            file.seek(SeekFrom::Start(self.seen.log)).await?;
            let mut bytes = Vec::new();
            file.take(LOG_BYTES).read_to_end(&mut bytes).await?;
            std::io::Result::Ok(bytes)
        };
        // There is no log before the request is worked on, and none after it has expired.
        let Ok(bytes) = read.await else { return false };
        let full = bytes.len() as u64 == LOG_BYTES;
        let whole = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last + 1,
            // A line longer than what is read at a time is sent in pieces.
            None if full => bytes.len(),
            None => return false,
        };
        for line in String::from_utf8_lossy(&bytes[..whole]).lines() {
            self.push("log", line.to_owned());
        }
        self.seen.log += whole as u64;
        if let Some(last) = self.pending.pop_back() {
            self.pending.push_back(last.id(self.seen.id()));
        }
        full
    }

    fn push(&mut self, name: &str, data: String) {
        // A carriage return would end the field early.
        let event = Event::default().event(name).data(data.replace('\r', ""));
        let event = if name == "log" {
            event
        } else {
            event.id(self.seen.id())
        };
        self.pending.push_back(event);
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{LAST_EVENT_ID, Seen};

    #[test]
    fn a_client_goes_on_from_the_id_of_its_last_event() {
        let seen = Seen {
            states: 3,
            log: 712,
        };
        let mut headers = HeaderMap::new();
        headers.insert(LAST_EVENT_ID, HeaderValue::from_str(&seen.id()).unwrap());
        assert_eq!(Seen::of(&headers), seen);
        for senseless in ["", "3", "a-b", "-1-2", "3-"] {
            headers.insert(LAST_EVENT_ID, HeaderValue::from_static(senseless));
            assert_eq!(Seen::of(&headers), Seen::default(), "{senseless}");
        }
    }
}
