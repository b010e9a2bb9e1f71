//! What goes through the broker.

use lapin::BasicProperties;
use serde::{Deserialize, Serialize};

/// "This request waits in this queue." Later releases may add keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) request_id: i64,
    /// None is the default queue.
    pub(crate) queue: Option<String>,
}

impl Message {
    /// Reads a body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a number and a text always serialize")
    }

    /// Survives a restart of the broker.
    pub(crate) fn properties() -> BasicProperties {
        const PERSISTENT: u8 = 2;
        BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type("application/json".into())
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn a_message_is_read_as_it_was_written_and_may_grow() {
        let message = Message {
            request_id: 7,
            queue: Some("a".to_owned()),
        };
        assert_eq!(message.body(), br#"{"request_id":7,"queue":"a"}"#);
        assert_eq!(Message::parse(&message.body()).unwrap(), message);
        let grown = br#"{"request_id":7,"queue":"a","later":1}"#;
        assert_eq!(Message::parse(grown).unwrap(), message);
        assert!(Message::parse(b"{}").is_err());
        assert!(Message::parse(b"7").is_err());
    }
}
