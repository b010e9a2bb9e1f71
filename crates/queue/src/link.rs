//! One connection to a broker: made, its queues declared, and what its errors mean.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind};

use crate::error::Error;
use crate::topology::Topology;
use crate::url::BrokerUrl;

/// Numbers of the protocol.
const ACCESS_REFUSED: u16 = 403;
const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;

/// How long a connection may take until it is of use, with everything declared. A broker that has just been started loads its program piece
/// by piece and takes its time over the first queues; giving it up and asking again would only give it more to do.
pub(crate) const CONNECTING: Duration = Duration::from_mins(1);

/// A connection that ends when its last clone is dropped.
#[derive(Clone)]
pub(crate) struct Link {
    connection: Arc<Connection>,
    url: BrokerUrl,
}

impl Link {
    /// Connects and makes it of use with `prepare`, within [`CONNECTING`]; `role` is what the broker shows it as.
    pub(crate) async fn connect<T>(
        url: &BrokerUrl,
        role: &str,
        prepare: impl AsyncFnOnce(&Self) -> Result<T, Error>,
    ) -> Result<(Self, T), Error> {
        let connected = async {
            let link = Self::open(url, role).await?;
            let prepared = prepare(&link).await?;
            Ok((link, prepared))
        };
        let silent = |_| Error::Silent {
            broker: url.to_string(),
            time: CONNECTING,
        };
        tokio::time::timeout(CONNECTING, connected)
            .await
            .map_err(silent)?
    }

    async fn open(url: &BrokerUrl, role: &str) -> Result<Self, Error> {
        // Recovery is ours: what was published before a break is known from its confirms, and nothing is sent twice unasked.
        let properties = ConnectionProperties::default().with_connection_name(role.into());
        let parsed = url.parsed().map_err(|error| Error::Away {
            broker: url.to_string(),
            source: std::io::Error::other(error).into(),
        })?;
        let connection = Connection::connect_uri(parsed, properties).await;
        Ok(Self {
            connection: Arc::new(connection.map_err(|source| meaning(url, source))?),
            url: url.clone(),
        })
    }

    pub(crate) async fn channel(&self) -> Result<Channel, Error> {
        let channel = self.connection.create_channel().await;
        channel.map_err(|source| meaning(&self.url, source))
    }

    /// What an error of this connection means.
    pub(crate) fn meaning(&self, source: lapin::Error) -> Error {
        meaning(&self.url, source)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.connection.status().connected()
    }

    /// Declares every queue, or finds it declared.
    pub(crate) async fn declare_all(&self, topology: &Topology) -> Result<(), Error> {
        let dead_letters = topology.dead_letters();
        let mut wanted = vec![(dead_letters, Topology::arguments_of_dead_letters())];
        for (queue, pace) in topology.queues() {
            wanted.push((topology.name(Some(queue)), topology.arguments(pace)));
        }
        let channel = self.channel().await?;
        for (name, arguments) in wanted {
            self.declare(&channel, name, arguments).await?;
        }
        Ok(())
    }

    async fn declare(
        &self,
        channel: &Channel,
        name: ShortString,
        arguments: FieldTable,
    ) -> Result<(), Error> {
        let declared =
            channel.queue_declare(name.clone(), QueueDeclareOptions::durable(), arguments);
        declared.await.map(drop).map_err(|source| {
            if number(&source) == Some(PRECONDITION_FAILED) {
                Error::OtherQueue {
                    queue: name.to_string(),
                    broker: self.url.to_string(),
                    source,
                }
            } else {
                self.meaning(source)
            }
        })
    }
}

fn meaning(url: &BrokerUrl, source: lapin::Error) -> Error {
    let broker = url.to_string();
    match number(&source) {
        Some(ACCESS_REFUSED | NOT_ALLOWED) => Error::Refused { broker, source },
        _ => Error::Away { broker, source },
    }
}

/// The number of an error that the broker sent.
fn number(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}
