//! What a cache holds of one bundle in one channel.
//!
//! A bundle has one record for every channel it is in, and most of a record, its manifests above all, is the same in all of
//! them. That part is encoded once ([`Shared`]); a record is put together of it and of what differs ([`Record`]).

use super::Format;
use super::object::Object;
use super::protobuf::Message;
use crate::json::quote;

/// What the records of a bundle have in common (file-based catalog specification, 4.4).
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    /// The CSV; empty if there is none.
    pub(super) csv: &'a str,
    pub(super) objects: &'a [String],
    pub(super) image: &'a str,
    pub(super) provided: &'a [Api],
    pub(super) required: &'a [Api],
    pub(super) version: &'a str,
    pub(super) dependencies: &'a [Typed<'a>],
    pub(super) properties: &'a [Typed<'a>],
}

/// What is only so in one channel.
#[derive(Debug, Clone, Default)]
pub(super) struct Place<'a> {
    pub(super) name: &'a str,
    pub(super) package: &'a str,
    pub(super) channel: &'a str,
    pub(super) skip_range: &'a str,
    pub(super) replaces: &'a str,
    pub(super) skips: &'a [String],
    pub(super) deprecation: Option<&'a str>,
}

/// A provided or required API.
#[derive(Debug, Default, Clone)]
pub(super) struct Api {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
}

/// A property or dependency: a type and a JSON text.
#[derive(Debug, Clone)]
pub(super) struct Typed<'a> {
    pub(super) kind: &'a str,
    pub(super) value: std::borrow::Cow<'a, str>,
}

/// The encoded common part. The range of skipped versions, which a channel decides, stands in the middle of it.
#[derive(Debug)]
pub(super) struct Shared {
    format: Format,
    before: Vec<u8>,
    after: Vec<u8>,
}

/// A whole record: its parts follow each other.
#[derive(Debug)]
pub(super) struct Record<'a> {
    shared: &'a Shared,
    start: Vec<u8>,
    middle: Vec<u8>,
    end: Vec<u8>,
}

impl Facts<'_> {
    /// Encodes the facts: the message `api.Bundle` for a database, its JSON form for files. Fields are in ascending number
    /// order, empty ones left out.
    pub(super) fn encode(&self, format: Format) -> Shared {
        let (before, after) = match format {
            Format::Pogreb => self.to_protobuf(),
            Format::Json => self.to_json(),
        };
        Shared {
            format,
            before,
            after,
        }
    }

    fn to_protobuf(&self) -> (Vec<u8>, Vec<u8>) {
        let objects: usize = self.objects.iter().map(String::len).sum();
        let mut before = Message::with_capacity(self.csv.len() + objects + 1024);
        before.string(4, self.csv);
        before.strings(5, self.objects.iter().map(String::as_str));
        before.string(6, self.image);
        for (number, apis) in [(7, self.provided), (8, self.required)] {
            for api in apis {
                let mut message = Message::default();
                message.string(1, &api.group);
                message.string(2, &api.version);
                message.string(3, &api.kind);
                before.message(number, &message);
            }
        }
        before.string(9, self.version);
        let mut after = Message::default();
        for (number, list) in [(11, self.dependencies), (12, self.properties)] {
            for typed in list {
                let mut message = Message::default();
                message.string(1, typed.kind);
                message.string(2, &typed.value);
                after.message(number, &message);
            }
        }
        (before.into_bytes(), after.into_bytes())
    }

    fn to_json(&self) -> (Vec<u8>, Vec<u8>) {
        // Escapes take longer to find than to copy, and the CSV stands here twice.
        let mut csv = String::new();
        quote(&mut csv, self.csv);
        let objects: usize = self.objects.iter().map(String::len).sum();
        let mut before = Object::going_on();
        before.reserve(csv.len() + objects + objects / 8);
        if !self.csv.is_empty() {
            before.raw("csvJson", &csv);
        }
        before.list("object", self.objects, |text, object| {
            if std::ptr::eq(object.as_str(), self.csv) {
                text.push_str(&csv);
            } else {
                quote(text, object);
            }
        });
        before.string("bundlePath", self.image);
        for (key, apis) in [
            ("providedApis", self.provided),
            ("requiredApis", self.required),
        ] {
            before.list(key, apis, |text, api| {
                let mut members = Object::new();
                members.string("group", &api.group);
                members.string("version", &api.version);
                members.string("kind", &api.kind);
                text.push_str(&members.into_text());
            });
        }
        before.string("version", self.version);
        let mut after = Object::going_on();
        for (key, list) in [
            ("dependencies", self.dependencies),
            ("properties", self.properties),
        ] {
            after.list(key, list, |text, typed| {
                let mut members = Object::new();
                members.string("type", typed.kind);
                members.string("value", &typed.value);
                text.push_str(&members.into_text());
            });
        }
        (before.into_open().into(), after.into_open().into())
    }
}

impl<'a> Record<'a> {
    /// The record of a bundle in a channel.
    pub(super) fn new(place: &Place<'_>, shared: &'a Shared) -> Self {
        let (start, middle, end) = match shared.format {
            Format::Pogreb => place.to_protobuf(),
            Format::Json => place.to_json(),
        };
        Self {
            shared,
            start,
            middle,
            end,
        }
    }

    /// The record's bytes.
    pub(super) fn parts(&self) -> [&[u8]; 5] {
        let Shared { before, after, .. } = self.shared;
        [&self.start, before, &self.middle, after, &self.end]
    }
}

impl Place<'_> {
    fn to_protobuf(&self) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let (mut start, mut middle, mut end) =
            (Message::default(), Message::default(), Message::default());
        start.string(1, self.name);
        start.string(2, self.package);
        start.string(3, self.channel);
        middle.string(10, self.skip_range);
        end.string(13, self.replaces);
        end.strings(14, self.skips.iter().map(String::as_str));
        if let Some(text) = self.deprecation {
            let mut message = Message::default();
            message.string(1, text);
            end.message(15, &message);
        }
        (start.into_bytes(), middle.into_bytes(), end.into_bytes())
    }

    /// Compact and HTML-escaped.
    fn to_json(&self) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let (mut start, mut middle, mut end) =
            (Object::new(), Object::going_on(), Object::going_on());
        start.string("csvName", self.name);
        // A package has a name in every valid catalog, so what goes on behind this needs its comma.
        start.string("packageName", self.package);
        start.string("channelName", self.channel);
        middle.string("skipRange", self.skip_range);
        end.string("replaces", self.replaces);
        end.list("skips", self.skips, |text, skip| quote(text, skip));
        if let Some(message) = self.deprecation {
            let mut members = Object::new();
            members.string("message", message);
            end.raw("deprecation", &members.into_text());
        }
        (
            start.into_open().into(),
            middle.into_open().into(),
            end.into_text().into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(format: Format) -> Vec<u8> {
        let facts = Facts {
            provided: &[Api {
                group: "g".to_owned(),
                version: "v1".to_owned(),
                kind: String::new(),
            }],
            version: "1.0.0",
            dependencies: &[Typed {
                kind: "olm.package",
                value: "{\"version\":\">1\"}".into(),
            }],
            ..Facts::default()
        };
        let place = Place {
            name: "a.v1",
            package: "a",
            channel: "stable",
            skip_range: "<1",
            skips: &[String::new(), "b".to_owned()],
            deprecation: Some("old"),
            ..Place::default()
        };
        Record::new(&place, &facts.encode(format)).parts().concat()
    }

    #[test]
    fn json_leaves_out_what_is_empty_and_escapes_html() {
        let expected = concat!(
            r#"{"csvName":"a.v1","packageName":"a","channelName":"stable","#,
            r#""providedApis":[{"group":"g","version":"v1"}],"version":"1.0.0","skipRange":"\u003c1","#,
            r#""dependencies":[{"type":"olm.package","value":"{\"version\":\"\u003e1\"}"}],"#,
            r#""skips":["","b"],"deprecation":{"message":"old"}}"#
        );
        assert_eq!(String::from_utf8(encoded(Format::Json)).unwrap(), expected);
    }

    #[test]
    fn protobuf_numbers_the_fields() {
        let expected = [
            &b"\x0a\x04a.v1\x12\x01a\x1a\x06stable"[..],
            b"\x3a\x07\x0a\x01g\x12\x02v1",
            b"\x4a\x051.0.0",
            b"\x52\x02<1",
            b"\x5a\x1f\x0a\x0bolm.package\x12\x10{\"version\":\">1\"}",
            b"\x72\x00\x72\x01b",
            b"\x7a\x05\x0a\x03old",
        ]
        .concat();
        assert_eq!(encoded(Format::Pogreb), expected);
    }
}
