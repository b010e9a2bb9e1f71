//! What a cache holds of one bundle in one channel.

use super::protobuf::Message;
use crate::json::quote;

/// The record a server answers with, `api.Bundle` (file-based catalog specification, 4.4).
#[derive(Debug, Default)]
pub(super) struct BundleRecord<'a> {
    pub(super) name: &'a str,
    pub(super) package: &'a str,
    pub(super) channel: &'a str,
    pub(super) csv: &'a str,
    pub(super) objects: &'a [String],
    pub(super) image: &'a str,
    pub(super) provided: &'a [Api],
    pub(super) required: &'a [Api],
    pub(super) version: &'a str,
    pub(super) skip_range: &'a str,
    pub(super) dependencies: &'a [Typed<'a>],
    pub(super) properties: &'a [Typed<'a>],
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

impl BundleRecord<'_> {
    /// The binary form, fields in ascending number order.
    pub(super) fn to_protobuf(&self) -> Vec<u8> {
        let mut record = Message::default();
        record.string(1, self.name);
        record.string(2, self.package);
        record.string(3, self.channel);
        record.string(4, self.csv);
        record.strings(5, self.objects.iter().map(String::as_str));
        record.string(6, self.image);
        for (number, apis) in [(7, self.provided), (8, self.required)] {
            for api in apis {
                let mut message = Message::default();
                message.string(1, &api.group);
                message.string(2, &api.version);
                message.string(3, &api.kind);
                record.message(number, &message);
            }
        }
        record.string(9, self.version);
        record.string(10, self.skip_range);
        for (number, list) in [(11, self.dependencies), (12, self.properties)] {
            for typed in list {
                let mut message = Message::default();
                message.string(1, typed.kind);
                message.string(2, &typed.value);
                record.message(number, &message);
            }
        }
        record.string(13, self.replaces);
        record.strings(14, self.skips.iter().map(String::as_str));
        if let Some(text) = self.deprecation {
            let mut message = Message::default();
            message.string(1, text);
            record.message(15, &message);
        }
        record.into_bytes()
    }

    /// The JSON form: compact, HTML-escaped, fields in ascending number order, empty ones left out.
    pub(super) fn to_json(&self) -> String {
        let mut object = Object::new();
        object.string("csvName", self.name);
        object.string("packageName", self.package);
        object.string("channelName", self.channel);
        object.string("csvJson", self.csv);
        object.list("object", self.objects, |text, object| quote(text, object));
        object.string("bundlePath", self.image);
        for (key, apis) in [
            ("providedApis", self.provided),
            ("requiredApis", self.required),
        ] {
            object.list(key, apis, |text, api| {
                let mut members = Object::new();
                members.string("group", &api.group);
                members.string("version", &api.version);
                members.string("kind", &api.kind);
                text.push_str(&members.into_text());
            });
        }
        object.string("version", self.version);
        object.string("skipRange", self.skip_range);
        for (key, list) in [
            ("dependencies", self.dependencies),
            ("properties", self.properties),
        ] {
            object.list(key, list, |text, typed| {
                let mut members = Object::new();
                members.string("type", typed.kind);
                members.string("value", &typed.value);
                text.push_str(&members.into_text());
            });
        }
        object.string("replaces", self.replaces);
        object.list("skips", self.skips, |text, skip| quote(text, skip));
        if let Some(message) = self.deprecation {
            let mut members = Object::new();
            members.string("message", message);
            object.raw("deprecation", &members.into_text());
        }
        object.into_text()
    }
}

/// A compact JSON object under construction; members are written in the order of the calls.
#[derive(Debug)]
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    /// Writes a member unless it is empty.
    pub(super) fn string(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.always(key, value);
        }
    }

    /// Writes a member, be it empty or not.
    pub(super) fn always(&mut self, key: &str, value: &str) {
        self.key(key);
        quote(&mut self.0, value);
    }

    /// Writes a member whose value is JSON text already.
    pub(super) fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.0.push_str(json);
    }

    /// Writes a list unless it is empty.
    pub(super) fn list<T>(&mut self, key: &str, items: &[T], write: impl FnMut(&mut String, &T)) {
        if !items.is_empty() {
            self.key(key);
            write_list(&mut self.0, items, write);
        }
    }

    pub(super) fn into_text(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(&mut self.0, key);
        self.0.push(':');
    }
}

/// Appends a list, each element as `write` writes it.
pub(super) fn write_list<T>(
    text: &mut String,
    items: &[T],
    mut write: impl FnMut(&mut String, &T),
) {
    text.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(text, item);
    }
    text.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_record(check: impl FnOnce(&BundleRecord<'_>)) {
        check(&BundleRecord {
            name: "a.v1",
            package: "a",
            channel: "stable",
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
            skips: &[String::new(), "b".to_owned()],
            deprecation: Some("old"),
            ..BundleRecord::default()
        });
    }

    #[test]
    fn json_leaves_out_what_is_empty_and_escapes_html() {
        let expected = concat!(
            r#"{"csvName":"a.v1","packageName":"a","channelName":"stable","#,
            r#""providedApis":[{"group":"g","version":"v1"}],"version":"1.0.0","#,
            r#""dependencies":[{"type":"olm.package","value":"{\"version\":\"\u003e1\"}"}],"#,
            r#""skips":["","b"],"deprecation":{"message":"old"}}"#
        );
        with_record(|record| assert_eq!(record.to_json(), expected));
    }

    #[test]
    fn protobuf_numbers_the_fields() {
        let expected = [
            &b"\x0a\x04a.v1\x12\x01a\x1a\x06stable"[..],
            b"\x3a\x07\x0a\x01g\x12\x02v1",
            b"\x4a\x051.0.0",
            b"\x5a\x1f\x0a\x0bolm.package\x12\x10{\"version\":\">1\"}",
            b"\x72\x00\x72\x01b",
            b"\x7a\x05\x0a\x03old",
        ]
        .concat();
        with_record(|record| assert_eq!(record.to_protobuf(), expected));
    }
}
