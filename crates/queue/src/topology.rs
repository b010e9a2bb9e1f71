//! The queues and how they are declared.

use std::collections::BTreeMap;

use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};

/// The name of the queue of requests that name none.
pub const DEFAULT_QUEUE: &str = "default";

/// The name of the queue of what was delivered too often, or could not be read.
const DEAD_LETTERS: &str = "dead-letters";

/// The longest name that the protocol carries, in bytes.
const LONGEST: usize = 255;

/// How often a message is delivered until it counts as dead: every time a worker died with it in hand.
const DELIVERIES: i32 = 20;

/// Looking at dead letters counts as a delivery.
const LOOKS: i32 = 1_000_000;

/// Whether the requests of a queue may run beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// They may.
    Parallel,
    /// One consumer at a time gets them, one after the other.
    Serial,
}

/// The queues of a service, each named by a prefix and its own name.
#[derive(Clone, Debug)]
pub struct Topology {
    prefix: String,
    queues: BTreeMap<String, Pace>,
}

/// Why queues cannot be named so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// The name is taken.
    #[error(
        "`{DEAD_LETTERS}` is the queue of dead letters; choose another name for the queue of requests"
    )]
    Reserved,
    /// The name is too long.
    #[error(
        "the queue `{name}` has a name of more than {LONGEST} bytes with its prefix; choose a shorter one"
    )]
    TooLong {
        /// With its prefix.
        name: String,
    },
    /// Names of this form belong to the broker.
    #[error(
        "the prefix `{prefix}` is the broker's own; choose one that does not begin with `amq.`"
    )]
    BrokersOwn {
        /// The prefix.
        prefix: String,
    },
}

impl Topology {
    /// These queues and the default one. A name given twice is serial if one of them is.
    ///
    /// # Errors
    /// [`TopologyError`] when a name cannot be one of a queue.
    pub fn new(
        prefix: impl Into<String>,
        queues: impl IntoIterator<Item = (String, Pace)>,
    ) -> Result<Self, TopologyError> {
        let prefix = prefix.into();
        if prefix.starts_with("amq.") {
            return Err(TopologyError::BrokersOwn { prefix });
        }
        let mut known = BTreeMap::from([(DEFAULT_QUEUE.to_owned(), Pace::Parallel)]);
        for (name, pace) in queues {
            if name == DEAD_LETTERS {
                return Err(TopologyError::Reserved);
            }
            let entry = known.entry(name).or_insert(pace);
            if pace == Pace::Serial {
                *entry = Pace::Serial;
            }
        }
        let topology = Self {
            prefix,
            queues: known,
        };
        let names = topology.queues.keys().map(String::as_str);
        for name in names.chain([DEAD_LETTERS]) {
            let name = format!("{}{name}", topology.prefix);
            if name.len() > LONGEST {
                return Err(TopologyError::TooLong { name });
            }
        }
        Ok(topology)
    }

    /// The queues that were named and the default one, without prefix.
    pub fn queues(&self) -> impl Iterator<Item = (&str, Pace)> {
        self.queues
            .iter()
            .map(|(name, pace)| (name.as_str(), *pace))
    }

    /// The broker's name for `queue`. None is the default queue, and so is a queue of an earlier configuration, which nobody listens to any more.
    pub(crate) fn name(&self, queue: Option<&str>) -> ShortString {
        let known = queue.filter(|queue| self.queues.contains_key(*queue));
        // That it fits was seen when the topology was made.
        ShortString::from(format!("{}{}", self.prefix, known.unwrap_or(DEFAULT_QUEUE)))
    }

    /// The broker's name for the queue of dead letters.
    pub(crate) fn dead_letters(&self) -> ShortString {
        ShortString::from(format!("{}{DEAD_LETTERS}", self.prefix))
    }

    /// How many messages a consumer with `slots` slots holds at once: one each, but of a serial queue one in all.
    pub(crate) fn prefetch(pace: Pace, slots: u16) -> u16 {
        match pace {
            Pace::Parallel => slots.max(1),
            Pace::Serial => 1,
        }
    }

    /// Arguments of a queue of requests. Dead letters are kept until their queue has them.
    pub(crate) fn arguments(&self, pace: Pace) -> FieldTable {
        let mut arguments = quorum(DELIVERIES);
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        let dead_letters = self.dead_letters();
        arguments.insert(
            "x-dead-letter-routing-key".into(),
            text(dead_letters.as_str()),
        );
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments.insert("x-overflow".into(), text("reject-publish"));
        if pace == Pace::Serial {
            arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        }
        arguments
    }

    pub(crate) fn arguments_of_dead_letters() -> FieldTable {
        quorum(LOOKS)
    }
}

fn quorum(deliveries: i32) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(deliveries));
    arguments
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_prefix_and_requests_without_a_queue_the_default_one() {
        let topology = Topology::new("iib.", [("a".to_owned(), Pace::Parallel)]).unwrap();
        assert_eq!(topology.name(None).as_str(), "iib.default");
        assert_eq!(topology.name(Some("a")).as_str(), "iib.a");
        assert_eq!(topology.name(Some("former")).as_str(), "iib.default");
        assert_eq!(topology.dead_letters().as_str(), "iib.dead-letters");
    }

    #[test]
    fn a_queue_is_serial_when_one_of_its_users_is() {
        let named = |pace| ("a".to_owned(), pace);
        let topology = Topology::new("", [named(Pace::Serial), named(Pace::Parallel)]).unwrap();
        let queues: Vec<_> = topology.queues().collect();
        assert_eq!(
            queues,
            [("a", Pace::Serial), (DEFAULT_QUEUE, Pace::Parallel)]
        );
        let serial = topology.arguments(Pace::Serial);
        assert!(serial.contains_key("x-single-active-consumer"));
        assert!(
            !topology
                .arguments(Pace::Parallel)
                .contains_key("x-single-active-consumer")
        );
        assert_eq!(Topology::prefetch(Pace::Serial, 8), 1);
        assert_eq!(Topology::prefetch(Pace::Parallel, 8), 8);
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let queue = |name: &str| Topology::new("iib.", [(name.to_owned(), Pace::Parallel)]);
        assert_eq!(queue(DEAD_LETTERS).unwrap_err(), TopologyError::Reserved);
        assert!(queue(&"x".repeat(251)).is_ok());
        let error = queue(&"x".repeat(252)).unwrap_err();
        assert!(matches!(error, TopologyError::TooLong { .. }), "{error}");
        let error = Topology::new("amq.", []).unwrap_err();
        assert!(matches!(error, TopologyError::BrokersOwn { .. }), "{error}");
    }
}
