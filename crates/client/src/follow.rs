//! Following a request until it has ended: by events where the service offers them, else by looking again and again.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Response, StatusCode};

use crate::error::Error;
use crate::events::{Event, EventReader};
use crate::request::{Request, Step};
use crate::transport::{Call, Client};

const EVENT_STREAM: &str = "text/event-stream";

/// A service that sends nothing for this long, not even a comment, is asked anew.
const SILENCE: Duration = Duration::from_mins(1);

/// What became known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It entered a state, or got on.
    Step(Step),
    /// It logged a line; only services that send events tell.
    Log(String),
}

/// Tells every step once, whichever way it becomes known.
struct Teller<F> {
    told: Vec<Step>,
    tell: F,
}

impl<F: FnMut(News)> Teller<F> {
    /// Whether it was news.
    fn step(&mut self, step: &Step) -> bool {
        let news = !self.told.contains(step);
        if news {
            self.told.push(step.clone());
            (self.tell)(News::Step(step.clone()));
        }
        news
    }
}

/// How a stream of events ended.
enum Streamed {
    Ended(Box<Request>),
    /// There is none, or it cannot be had any more.
    NotOffered,
    /// It broke off; whether something came before.
    Broken {
        progressed: bool,
    },
}

impl Client {
    /// Waits until the request has ended, and tells what happens meanwhile. Dropping it stops nothing but the waiting.
    ///
    /// # Errors
    /// As for [`Client::show`]; a request that failed is no error.
    pub async fn follow(&self, id: i64, tell: impl FnMut(News)) -> Result<Request, Error> {
        let mut teller = Teller {
            told: Vec::new(),
            tell,
        };
        let mut reader = EventReader::default();
        let mut failures = 0;
        loop {
            match self.stream(id, &mut reader, &mut teller).await {
                Streamed::Ended(request) => {
                    for step in &request.history {
                        teller.step(step);
                    }
                    return Ok(*request);
                }
                Streamed::NotOffered => return self.poll(id, &mut teller).await,
                Streamed::Broken { progressed } => {
                    failures = if progressed { 1 } else { failures + 1 };
                    match self.config.retries.pause(failures, None) {
                        Some(pause) => tokio::time::sleep(pause).await,
                        // Looking says what is wrong, or goes well.
                        None => return self.poll(id, &mut teller).await,
                    }
                    reader.reconnected();
                }
            }
        }
    }

    async fn stream<F: FnMut(News)>(
        &self,
        id: i64,
        reader: &mut EventReader,
        teller: &mut Teller<F>,
    ) -> Streamed {
        let call = Call::get(self.config.server.join(&format!("builds/{id}/events")));
        let mut request = self
            .prepare(&call)
            .header(ACCEPT, HeaderValue::from_static(EVENT_STREAM));
        if let Some(last) = reader.last_id() {
            request = request.header("Last-Event-ID", last);
        }
        let broken = Streamed::Broken { progressed: false };
        let mut response =
            match tokio::time::timeout(self.config.call_timeout, request.send()).await {
                Ok(Ok(response)) if is_stream(&response) => response,
                Ok(Ok(response)) if is_passing(response.status()) => return broken,
                Ok(Ok(_)) => return Streamed::NotOffered,
                Ok(Err(_)) | Err(_) => return broken,
            };
        let mut progressed = false;
        while let Ok(Ok(Some(bytes))) = tokio::time::timeout(SILENCE, response.chunk()).await {
            let Ok(events) = reader.read(&bytes) else {
                return Streamed::NotOffered;
            };
            for event in events {
                progressed = true;
                match take(&event, teller) {
                    Ok(None) => {}
                    Ok(Some(request)) => return Streamed::Ended(Box::new(request)),
                    // What is not understood is not the stream this was made for.
                    Err(error) => {
                        tracing::debug!(%error, event = event.name, "an event is not understood");
                        return Streamed::NotOffered;
                    }
                }
            }
        }
        Streamed::Broken { progressed }
    }

    async fn poll<F: FnMut(News)>(
        &self,
        id: i64,
        teller: &mut Teller<F>,
    ) -> Result<Request, Error> {
        let (first, longest) = self.config.poll;
        let mut pause = first;
        loop {
            let request = self.show(id).await?;
            let mut news = false;
            for step in &request.history {
                news |= teller.step(step);
            }
            if request.state.is_final() {
                return Ok(request);
            }
            pause = if news {
                first
            } else {
                (pause * 3 / 2).min(longest)
            };
            tokio::time::sleep(pause).await;
        }
    }
}

/// Takes in one event; the last one brings the request.
fn take<F: FnMut(News)>(
    event: &Event,
    teller: &mut Teller<F>,
) -> Result<Option<Request>, serde_json::Error> {
    match event.name.as_str() {
        "state" => {
            teller.step(&serde_json::from_str(&event.data)?);
        }
        "log" => (teller.tell)(News::Log(event.data.clone())),
        "end" => return serde_json::from_str(&event.data).map(Some),
        // Later services may have more to tell.
        _ => {}
    }
    Ok(None)
}

fn is_stream(response: &Response) -> bool {
    let media_type = response.headers().get(CONTENT_TYPE);
    response.status() == StatusCode::OK
        && media_type
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(EVENT_STREAM))
}

fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502..=504)
}
