//! What can go wrong with a broker.

use std::time::Duration;

/// Why a broker did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be reached, or the connection broke.
    #[error(
        "the broker {broker} cannot be reached; see whether it runs and may be reached from here"
    )]
    Away {
        /// Its address, without password.
        broker: String,
        /// What the library said.
        #[source]
        source: lapin::Error,
    },
    /// It did not answer in time.
    #[error("the broker {broker} did not answer within {} s", time.as_secs_f32())]
    Silent {
        /// Its address.
        broker: String,
        /// How long was waited.
        time: Duration,
    },
    /// It could not be reached a moment ago, and is not asked again yet.
    #[error(
        "the broker {broker} could not be reached a moment ago; it is tried again later: {reason}"
    )]
    Resting {
        /// Its address.
        broker: String,
        /// Why it could not be reached.
        reason: String,
    },
    /// It does not let this service in.
    #[error(
        "the broker {broker} refuses the user, the password or the virtual host of its address; correct `queues.broker` or the rights there"
    )]
    Refused {
        /// Its address.
        broker: String,
        /// What it said.
        #[source]
        source: lapin::Error,
    },
    /// A queue of that name exists and is another.
    #[error(
        "the queue `{queue}` cannot be declared on {broker}: it exists with other arguments; configure the same `queues.users` in every process, or choose another `queues.prefix`, or delete the queue there when it is empty"
    )]
    OtherQueue {
        /// Its name there.
        queue: String,
        /// The broker's address.
        broker: String,
        /// What the broker said.
        #[source]
        source: lapin::Error,
    },
    /// A message was refused.
    #[error(
        "the broker {broker} did not take a message for the queue `{queue}`; see its log and free space"
    )]
    NotTaken {
        /// The queue, without prefix.
        queue: String,
        /// The broker's address.
        broker: String,
    },
}

impl Error {
    /// Whether it stays as it is until somebody changes the configuration, here or there.
    pub const fn is_misconfiguration(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::OtherQueue { .. })
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
