//! What was delivered too often, or could not be read.

use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::types::{AMQPValue, ShortString};
use store::WaitingJob;

use crate::broker::Broker;
use crate::error::Error;
use crate::link::Link;
use crate::message::Message;

/// How many dead letters are looked at. More come to sight when these are gone.
const LIMIT: usize = 10_000;

/// A message that is not delivered any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The request it is about; none when it cannot be read.
    pub request_id: Option<i64>,
    /// The queue it was in, by the broker's name.
    pub queue: String,
    /// In the broker's words: `delivery_limit`, `rejected`, …
    pub reason: String,
}

/// The dead letters of a broker, held while this value lives; what is not dropped or retried goes back to their queue.
pub struct DeadLetters {
    held: Vec<Held>,
    broker: Broker,
    link: Link,
    _channel: Channel,
}

struct Held {
    letter: DeadLetter,
    message: Option<Message>,
    delivery: Delivery,
}

impl std::fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.letters()).finish()
    }
}

impl DeadLetters {
    /// Takes hold of the dead letters, the first 10,000 of them.
    ///
    /// # Errors
    /// [`Error`] when the broker is away or configured otherwise.
    pub async fn open(broker: &Broker) -> Result<Self, Error> {
        let prepare = async |link: &Link| {
            link.declare_all(broker.topology()).await?;
            link.channel().await
        };
        let (link, channel) = Link::connect(broker.url(), "iib queue", prepare).await?;
        let name = broker.topology().dead_letters();
        let mut held = Vec::new();
        while held.len() < LIMIT {
            let got = channel
                .basic_get(name.clone(), BasicGetOptions::default())
                .await;
            let Some(got) = got.map_err(|source| link.meaning(source))? else {
                break;
            };
            held.push(Held::new(got.delivery));
        }
        Ok(Self {
            held,
            broker: broker.clone(),
            link,
            _channel: channel,
        })
    }

    /// What is held.
    pub fn letters(&self) -> impl Iterator<Item = &DeadLetter> {
        self.held.iter().map(|held| &held.letter)
    }

    /// Announces those again that `wanted` says yes to, in their queues, and says which requests those were. The store knows which have ended: they are not done again.
    /// What cannot be read stays.
    ///
    /// # Errors
    /// [`Error`] when the broker did not take one; those before it are announced.
    pub async fn retry(&mut self, wanted: impl Fn(&DeadLetter) -> bool) -> Result<Vec<i64>, Error> {
        let mut retried = Vec::new();
        for held in std::mem::take(&mut self.held) {
            let Some(message) = held.message.as_ref().filter(|_| wanted(&held.letter)) else {
                self.held.push(held);
                continue;
            };
            let job = WaitingJob {
                request_id: message.request_id,
                queue: message.queue.clone(),
            };
            if let Some(error) = self.broker.hand_over(&[job]).await.error {
                return Err(error);
            }
            let id = message.request_id;
            self.remove(&held).await?;
            retried.push(id);
        }
        Ok(retried)
    }

    /// Removes those that `wanted` says yes to, and says how many. Requests of theirs that have not ended are announced again later, as the store says.
    ///
    /// # Errors
    /// [`Error`] when the broker went away.
    pub async fn drop_those(
        &mut self,
        wanted: impl Fn(&DeadLetter) -> bool,
    ) -> Result<usize, Error> {
        let mut dropped = 0;
        for held in std::mem::take(&mut self.held) {
            if wanted(&held.letter) {
                self.remove(&held).await?;
                dropped += 1;
            } else {
                self.held.push(held);
            }
        }
        Ok(dropped)
    }

    async fn remove(&self, held: &Held) -> Result<(), Error> {
        let acknowledged = held.delivery.ack(BasicAckOptions::default()).await;
        acknowledged
            .map(drop)
            .map_err(|source| self.link.meaning(source))
    }
}

impl Held {
    fn new(delivery: Delivery) -> Self {
        let message = Message::parse(&delivery.data).ok();
        let told = |header: &str| told(&delivery, header).unwrap_or_else(|| "unknown".to_owned());
        Self {
            letter: DeadLetter {
                request_id: message.as_ref().map(|message| message.request_id),
                queue: told("x-first-death-queue"),
                reason: told("x-first-death-reason"),
            },
            message,
            delivery,
        }
    }
}

/// What a header of the broker says.
fn told(delivery: &Delivery, header: &str) -> Option<String> {
    let headers = delivery.properties.headers().as_ref()?;
    match headers.inner().get(&ShortString::from(header))? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}
