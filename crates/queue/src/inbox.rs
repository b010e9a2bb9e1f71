//! What a worker process hears from the broker.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{once, select_all};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::broker::Broker;
use crate::error::{Error, chain};
use crate::link::Link;
use crate::message::Message;
use crate::topology::{Pace, Topology};

/// How long an acknowledgement may take.
const SETTLING: Duration = Duration::from_secs(5);

/// The messages that have come and that nobody works on yet, at most one per slot and queue. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Inbox(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    hints: Mutex<VecDeque<Hint>>,
    came: Notify,
    connected: AtomicBool,
}

/// "This request waits": the store knows whether it still does. One that is dropped goes back to its queue when the last of its connection is gone.
#[derive(Debug)]
pub struct Hint {
    request_id: i64,
    pace: Pace,
    delivery: Delivery,
    _kept: Kept,
}

/// Where messages of one queue come from.
#[derive(Clone)]
struct Source {
    channel: Channel,
    pace: Pace,
}

/// Without its channel and connection a message could not be acknowledged.
struct Kept {
    _channel: Channel,
    _link: Link,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept")
    }
}

impl Hint {
    /// The request.
    pub const fn request_id(&self) -> i64 {
        self.request_id
    }

    /// Whether it holds up the next one of its queue until it is acknowledged.
    pub const fn pace(&self) -> Pace {
        self.pace
    }

    /// Takes the message from its queue: the job has ended, or is not to be had.
    pub async fn done(self) {
        let acknowledged = self.delivery.ack(BasicAckOptions::default());
        settled(tokio::time::timeout(SETTLING, acknowledged).await);
    }

    /// Lets somebody else have it.
    pub async fn give_back(self) {
        self.refuse(true).await;
    }

    async fn refuse(&self, requeue: bool) {
        let refused = self.delivery.nack(BasicNackOptions {
            requeue,
            ..BasicNackOptions::default()
        });
        settled(tokio::time::timeout(SETTLING, refused).await);
    }
}

/// The connection may have broken meanwhile: the message comes again then, and the store knows better.
fn settled(outcome: Result<lapin::Result<bool>, tokio::time::error::Elapsed>) {
    match outcome {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a message could not be acknowledged"),
        Err(_) => tracing::debug!("the broker is silent about an acknowledgement"),
    }
}

impl Inbox {
    /// An inbox that [`Inbox::listen`] fills.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next message. Safe to cancel.
    pub async fn next(&self) -> Hint {
        loop {
            if let Some(hint) = self.hints().pop_front() {
                return hint;
            }
            self.0.came.notified().await;
        }
    }

    /// Whether messages come in at the moment.
    pub fn is_connected(&self) -> bool {
        self.0.connected.load(Ordering::Relaxed)
    }

    /// Fills the inbox from these queues of `broker` (names without prefix) for `slots` jobs at once, until `shutdown`; a connection that breaks is made anew.
    pub async fn listen(
        &self,
        broker: Broker,
        queues: Vec<String>,
        slots: u16,
        shutdown: CancellationToken,
    ) {
        let mut backoff = Backoff::default();
        let mut failing = false;
        while !shutdown.is_cancelled() {
            let heard = self.hear(&broker, &queues, slots, &shutdown).await;
            if self.0.connected.swap(false, Ordering::Relaxed) {
                backoff.reset();
                failing = false;
            }
            if heard.is_err() {
                // Nothing of a broken connection can be acknowledged; the broker delivers it again.
                self.hints().clear();
            }
            match heard {
                Ok(()) => break,
                Err(error) if failing => {
                    tracing::debug!(error = %chain(&error), "the broker is still away");
                }
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "no messages come from the broker; the worker looks for jobs in the store meanwhile");
                    failing = true;
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(backoff.next()) => {}
            }
        }
        self.0.connected.store(false, Ordering::Relaxed);
        let left: Vec<Hint> = self.hints().drain(..).collect();
        for hint in left {
            hint.give_back().await;
        }
    }

    /// Listens until the connection breaks, or until `shutdown`, when everything that came and was not taken is given back.
    async fn hear(
        &self,
        broker: &Broker,
        queues: &[String],
        slots: u16,
        shutdown: &CancellationToken,
    ) -> Result<(), Error> {
        let consume = async |link: &Link| consume_all(link, broker.topology(), queues, slots).await;
        let connecting = Link::connect(broker.url(), "iib: works on jobs", consume);
        let (link, consumers) = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            connected = connecting => connected?,
        };
        self.0.connected.store(true, Ordering::Relaxed);
        let count = consumers.len();
        tracing::info!(
            "listening to {count} queue(s) of the broker {}",
            broker.url()
        );
        let tags: Vec<_> = consumers
            .iter()
            .map(|(source, consumer)| (source.channel.clone(), consumer.tag()))
            .collect();
        let streams = consumers.into_iter().map(|(source, consumer)| {
            let deliveries = consumer.map(move |delivery| Some((source.clone(), delivery)));
            // A consumer that ended, because its queue was deleted or because we ended it, ends without an error.
            deliveries.chain(once(async { None })).boxed()
        });
        let mut deliveries = pin!(select_all(streams));
        loop {
            let next = tokio::select! {
                () = shutdown.cancelled() => break,
                next = deliveries.next() => next,
            };
            let Some(Some((source, delivery))) = next else {
                return Err(Error::Away {
                    broker: broker.url().to_string(),
                    source: std::io::Error::other("it ended a consumer").into(),
                });
            };
            let delivery = delivery.map_err(|error| link.meaning(error))?;
            self.take_in(&link, source, delivery).await;
        }
        // What was delivered and not looked at yet would otherwise stay ours for as long as the last job runs.
        let rest = async {
            for (channel, tag) in tags {
                let cancelled = channel.basic_cancel(tag, BasicCancelOptions::default());
                cancelled.await.map_err(|source| link.meaning(source))?;
            }
            let mut ended = 0;
            while ended < count {
                match deliveries.next().await {
                    Some(Some((source, Ok(delivery)))) => {
                        self.take_in(&link, source, delivery).await;
                    }
                    Some(Some((_, Err(error)))) => return Err(link.meaning(error)),
                    Some(None) => ended += 1,
                    None => break,
                }
            }
            Ok(())
        };
        tokio::time::timeout(SETTLING, rest).await.unwrap_or(Ok(()))
    }

    async fn take_in(&self, link: &Link, source: Source, delivery: Delivery) {
        let message = Message::parse(&delivery.data);
        let hint = Hint {
            request_id: message.as_ref().map_or(0, |message| message.request_id),
            pace: source.pace,
            delivery,
            _kept: Kept {
                _channel: source.channel,
                _link: link.clone(),
            },
        };
        match message {
            Ok(_) => {
                self.hints().push_back(hint);
                self.0.came.notify_one();
            }
            Err(error) => {
                let queue = &hint.delivery.routing_key;
                tracing::error!(%error, "a message in `{queue}` cannot be read; it goes to the dead letters");
                hint.refuse(false).await;
            }
        }
    }

    fn hints(&self) -> std::sync::MutexGuard<'_, VecDeque<Hint>> {
        self.0.hints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn consume_all(
    link: &Link,
    topology: &Topology,
    queues: &[String],
    slots: u16,
) -> Result<Vec<(Source, Consumer)>, Error> {
    link.declare_all(topology).await?;
    let mut consumers = Vec::with_capacity(queues.len());
    for (queue, pace) in topology.queues() {
        if !queues.iter().any(|wanted| wanted == queue) {
            continue;
        }
        let name = topology.name(Some(queue));
        consumers.push(consume(link, name, pace, slots).await?);
    }
    Ok(consumers)
}

async fn consume(
    link: &Link,
    name: ShortString,
    pace: Pace,
    slots: u16,
) -> Result<(Source, Consumer), Error> {
    let meaning = |source| link.meaning(source);
    let channel = link.channel().await?;
    let prefetch = Topology::prefetch(pace, slots);
    channel
        .basic_qos(prefetch, BasicQosOptions::default())
        .await
        .map_err(meaning)?;
    let consumer = channel
        .basic_consume(
            name,
            // The broker makes up a name.
            ShortString::default(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .map_err(meaning)?;
    Ok((Source { channel, pace }, consumer))
}
