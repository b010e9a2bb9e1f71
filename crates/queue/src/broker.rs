//! The connection over which jobs are handed over.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{Channel, Confirmation, PublisherConfirm};
use store::WaitingJob;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::error::{Error, chain};
use crate::link::Link;
use crate::message::Message;
use crate::topology::Topology;
use crate::url::BrokerUrl;

/// How long a hand-over may take, waiting for the connection included.
const TIME: Duration = Duration::from_secs(5);

/// How many hand-overs go on at once; more wait, within their time.
const AT_ONCE: usize = 32;

/// How many messages of one hand-over wait for their confirms at once.
const WINDOW: usize = 128;

/// A broker; clones share the connection, which is made when it is first needed, kept, and made anew when it broke.
///
/// Every method is safe to cancel.
#[derive(Clone)]
pub struct Broker(Arc<Inner>);

struct Inner {
    url: BrokerUrl,
    topology: Topology,
    time: Duration,
    room: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    /// One connects and the others wait for the outcome; nobody's losing patience stops it.
    connecting: Option<Connecting>,
    backoff: Backoff,
    /// Until when nobody tries to connect, and what went wrong.
    resting: Option<(Instant, Error)>,
    /// Counts connections, so that a late error of an old one does not end its successor.
    generation: u64,
}

#[derive(Clone)]
struct Open {
    link: Link,
    /// With confirms.
    channel: Channel,
    generation: u64,
}

type Connecting = Shared<BoxFuture<'static, Result<Open, Error>>>;

/// How far a hand-over got.
#[derive(Clone, Debug, Default)]
pub struct HandedOver {
    /// The requests whose messages the broker has taken, durably.
    pub taken: Vec<i64>,
    /// Why the others were not; none when there are no others.
    pub error: Option<Error>,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Broker").field(&self.0.url).finish()
    }
}

impl Broker {
    /// A broker that nobody has connected to yet.
    pub fn new(url: BrokerUrl, topology: Topology) -> Self {
        Self::with_time(url, topology, TIME)
    }

    /// The same, with another time for each hand-over than 5 seconds.
    pub fn with_time(url: BrokerUrl, topology: Topology, time: Duration) -> Self {
        Self(Arc::new(Inner {
            url,
            topology,
            time,
            room: Semaphore::new(AT_ONCE),
            state: Mutex::default(),
        }))
    }

    /// Its address.
    pub fn url(&self) -> &BrokerUrl {
        &self.0.url
    }

    /// Its queues.
    pub fn topology(&self) -> &Topology {
        &self.0.topology
    }

    /// Connects and declares the queues, now, within [`Broker::with_time`]'s time.
    ///
    /// # Errors
    /// [`Error::Refused`] and [`Error::OtherQueue`] when the configuration is wrong, others when the broker is away.
    pub async fn prepare(&self) -> Result<(), Error> {
        self.0.state.lock().await.resting = None;
        match tokio::time::timeout(self.0.time, self.open()).await {
            Ok(opened) => opened.map(drop),
            Err(_) => Err(self.silent()),
        }
    }

    fn silent(&self) -> Error {
        Error::Silent {
            broker: self.0.url.to_string(),
            time: self.0.time,
        }
    }

    /// Tells the broker of jobs, in order, and waits until it has the messages for good. Takes [`Broker::with_time`]'s time at most. What it
    /// did not confirm it may have taken all the same: a request that fails for that is dropped by the worker who hears of it.
    pub async fn hand_over(&self, jobs: &[WaitingJob]) -> HandedOver {
        let mut handed = HandedOver::default();
        let Ok(error) =
            tokio::time::timeout(self.0.time, self.publish_all(jobs, &mut handed.taken)).await
        else {
            let error = self.silent();
            // Whoever it was that did not answer: confirms that are still to come must not be taken for those of others.
            self.forget(None, &error).await;
            handed.error = Some(error);
            return handed;
        };
        handed.error = error;
        handed
    }

    /// The first error; the messages after one that concerns a single message are published all the same.
    async fn publish_all(&self, jobs: &[WaitingJob], taken: &mut Vec<i64>) -> Option<Error> {
        let _permit = self
            .0
            .room
            .acquire()
            .await
            .expect("nobody closes the semaphore");
        let open = match self.open().await {
            Ok(open) => open,
            Err(error) => return Some(error),
        };
        let mut first = None;
        for window in jobs.chunks(WINDOW) {
            let refused = match self.publish(&open, window, taken).await {
                Ok(refused) => refused,
                Err(error) => {
                    self.forget(Some(open.generation), &error).await;
                    return Some(error);
                }
            };
            first = first.or(refused);
        }
        first
    }

    /// An error of the connection, or else the first message that was refused.
    async fn publish(
        &self,
        open: &Open,
        jobs: &[WaitingJob],
        taken: &mut Vec<i64>,
    ) -> Result<Option<Error>, Error> {
        let mut refused = None;
        let mut sent = Vec::with_capacity(jobs.len());
        for job in jobs {
            let name = self.0.topology.name(job.queue.as_deref());
            let confirm = send(open, job, &name).await?;
            sent.push((job, name, confirm));
        }
        for (job, name, confirm) in sent {
            let mut outcome = confirm.await.map_err(|source| open.link.meaning(source))?;
            if matches!(outcome, Confirmation::Ack(Some(_))) {
                // It came back: somebody deleted the queue.
                open.link.declare_all(&self.0.topology).await?;
                let confirm = send(open, job, &name).await?;
                outcome = confirm.await.map_err(|source| open.link.meaning(source))?;
            }
            match outcome {
                Confirmation::Ack(None) => taken.push(job.request_id),
                Confirmation::Ack(Some(_)) | Confirmation::Nack(_) | Confirmation::NotRequested => {
                    refused = refused.or_else(|| Some(self.not_taken(job)));
                }
            }
        }
        Ok(refused)
    }

    fn not_taken(&self, job: &WaitingJob) -> Error {
        Error::NotTaken {
            queue: job
                .queue
                .as_deref()
                .unwrap_or(crate::DEFAULT_QUEUE)
                .to_owned(),
            broker: self.0.url.to_string(),
        }
    }

    /// The connection, made if there is none.
    async fn open(&self) -> Result<Open, Error> {
        let connecting = {
            let mut state = self.0.state.lock().await;
            if let Some(open) = &state.open
                && open.link.is_up()
                && open.channel.status().connected()
            {
                return Ok(open.clone());
            }
            state.open = None;
            // Also while it is being connected to: nobody who comes now waits for what another gave up a moment ago.
            if let Some((until, reason)) = &state.resting
                && Instant::now() < *until
            {
                return Err(Error::Resting {
                    broker: self.0.url.to_string(),
                    reason: chain(reason),
                });
            }
            if let Some(connecting) = &state.connecting {
                connecting.clone()
            } else {
                state.generation += 1;
                let connecting = self.clone().connecting(state.generation);
                state.connecting = Some(connecting.clone());
                connecting
            }
        };
        connecting.await
    }

    /// Connects in a task of its own, and keeps what comes of it.
    fn connecting(self, generation: u64) -> Connecting {
        let broker = self.0.url.to_string();
        let task = tokio::spawn(async move {
            let connected = self.connect(generation).await;
            let mut state = self.0.state.lock().await;
            state.connecting = None;
            match &connected {
                Ok(open) => {
                    state.backoff.reset();
                    state.resting = None;
                    state.open = Some(open.clone());
                    tracing::info!("connected to the broker {}", self.0.url);
                }
                Err(error) => state.rest(error),
            }
            connected
        });
        let connected = async {
            match task.await {
                Ok(connected) => connected,
                // A task that panics, or whose runtime ends, is a connection that was not made.
                Err(ended) => Err(Error::Away {
                    broker,
                    source: std::io::Error::other(ended).into(),
                }),
            }
        };
        connected.boxed().shared()
    }

    async fn connect(&self, generation: u64) -> Result<Open, Error> {
        let prepare = async |link: &Link| {
            link.declare_all(&self.0.topology).await?;
            let channel = link.channel().await?;
            let confirms = channel.confirm_select(ConfirmSelectOptions::default());
            confirms.await.map_err(|source| link.meaning(source))?;
            Ok(channel)
        };
        let connected = Link::connect(&self.0.url, "iib: hands jobs over", prepare).await;
        let (link, channel) = connected?;
        Ok(Open {
            link,
            channel,
            generation,
        })
    }

    /// Ends the connection of that generation; none: the one there is.
    async fn forget(&self, generation: Option<u64>, error: &Error) {
        let mut state = self.0.state.lock().await;
        let current = state.open.as_ref().map(|open| open.generation);
        if current.is_some() && (generation.is_none() || generation == current) {
            state.open = None;
        }
        // Waited for in vain: others need not do the same at once. A connection that merely broke is made anew at once.
        if generation.is_none() {
            state.rest(error);
        }
    }
}

impl State {
    fn rest(&mut self, error: &Error) {
        let time = self.backoff.next();
        self.resting = Some((Instant::now() + time, error.clone()));
    }
}

async fn send(
    open: &Open,
    job: &WaitingJob,
    name: &ShortString,
) -> Result<PublisherConfirm, Error> {
    let message = Message {
        request_id: job.request_id,
        queue: job.queue.clone(),
    };
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    open.channel
        .basic_publish(
            ShortString::default(),
            name.clone(),
            options,
            &message.body(),
            Message::properties(),
        )
        .await
        .map_err(|source| open.link.meaning(source))
}
