//! Server-sent events, as the HTML standard has them (section 9.2), bounded.

/// More of one event than this is not kept: no event of a service is near it.
const MAX_EVENT_BYTES: usize = 16 << 20;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its type; empty for one without.
    pub(crate) name: String,
    pub(crate) data: String,
}

/// Takes a stream apart, however it comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct EventReader {
    line: Vec<u8>,
    /// A line ended with a carriage return, so a line feed that follows belongs to its end.
    after_return: bool,
    event: Event,
    has_data: bool,
    id: String,
    last_id: Option<String>,
}

/// An event is longer than any that a service sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl EventReader {
    /// The id of the last whole event, from which the stream can be taken up again.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// Forgets what began but did not end, as a new connection does.
    pub(crate) fn reconnected(&mut self) {
        *self = Self {
            last_id: self.last_id.take(),
            ..Self::default()
        };
        self.id = self.last_id.clone().unwrap_or_default();
    }

    /// The events that end in `bytes`.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                byte => self.line.push(*byte),
            }
            if self.line.len() + self.event.data.len() > MAX_EVENT_BYTES {
                return Err(TooLong);
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.end_event();
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            // Comments keep the connection alive; other fields are for browsers.
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Event> {
        let event = std::mem::take(&mut self.event);
        if !self.id.is_empty() {
            self.last_id = Some(self.id.clone());
        }
        std::mem::take(&mut self.has_data).then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, EventReader, MAX_EVENT_BYTES, TooLong};

    fn event(name: &str, data: &str) -> Event {
        Event {
            name: name.into(),
            data: data.into(),
        }
    }

    #[test]
    fn events_are_the_same_however_the_stream_is_cut() {
        let stream = ": hello\n\nevent: state\nid: 1\ndata: {\"a\":\ndata:1}\n\nevent:log\r\ndata:  two\r\nretry: 5\r\n\r\nid: 7\n\nevent: none\n\ndata\n\n";
        let expected = [
            event("state", "{\"a\":\n1}"),
            event("log", " two"),
            event("", ""),
        ];
        for size in 1..stream.len() {
            let mut reader = EventReader::default();
            let mut events = Vec::new();
            for piece in stream.as_bytes().chunks(size) {
                events.extend(reader.read(piece).unwrap());
            }
            assert_eq!(events, expected, "pieces of {size}");
            assert_eq!(reader.last_id(), Some("7"));
        }
    }

    #[test]
    fn a_new_connection_starts_after_the_last_whole_event() {
        let mut reader = EventReader::default();
        assert_eq!(
            reader
                .read(b"id: 1\ndata: a\n\nid: 2\ndata: b")
                .unwrap()
                .len(),
            1
        );
        reader.reconnected();
        assert_eq!(reader.last_id(), Some("1"));
        assert_eq!(reader.read(b"data: c\n\n").unwrap(), [event("", "c")]);
        assert_eq!(reader.last_id(), Some("1"));
    }

    #[test]
    fn an_endless_event_is_not_kept() {
        let mut reader = EventReader::default();
        assert_eq!(reader.read(&vec![b'x'; MAX_EVENT_BYTES + 1]), Err(TooLong));
    }
}
