//! YAML documents as JSON in the normal form of catalogs, mostly without a tree of values.

use granit_parser::{Event, Parser, ScalarStyle};

use super::breaks::Breaks;
use super::{Expansion, YamlError, scalar};
use crate::json::{MAX_DEPTH, Normal};

/// Makes `to` hold the first document of a text, as [`parse_within`](super::parse_within) reads it.
///
/// # Errors
/// Those of [`parse_within`](super::parse_within).
pub(crate) fn normal(
    bytes: &[u8],
    to: &mut Normal,
    expansion: &Expansion,
) -> Result<(), YamlError> {
    to.clear();
    let text = std::str::from_utf8(bytes).ok();
    if text.and_then(|text| directly(text, to)).is_none() {
        to.clear();
        to.value(&super::parse_within(bytes, expansion)?);
    }
    Ok(())
}

/// What a collection that is being read waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Element,
    Key,
    Member,
}

/// Writes a document while it is parsed; `None` where it has an error or anything that not every catalog has (anchors,
/// tags, merges, keys that are no text), which is left to the tree.
fn directly(text: &str, to: &mut Normal) -> Option<()> {
    if text.starts_with('\u{feff}') || Breaks::are_in(text) || text.contains("\\/") {
        return None;
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut open: Vec<Next> = Vec::new();
    loop {
        let (event, span) = parser.next_event()?.ok()?;
        match event {
            Event::Scalar(text, style, 0, None) => {
                let plain = style == ScalarStyle::Plain;
                // The parser spells an omitted value `~`; only its empty span tells it from a written one.
                let omitted = plain && span.start.index() == span.end.index();
                let text = if omitted { "" } else { text.as_ref() };
                let is_text = !plain || scalar::is_text(text);
                match open.last_mut() {
                    Some(next @ Next::Key) if is_text => {
                        to.key(text);
                        *next = Next::Member;
                        continue;
                    }
                    Some(Next::Key) => return None,
                    _ if is_text => to.string(text),
                    _ => to.value(&scalar::resolve(text, true, None).ok()?),
                }
            }
            Event::SequenceStart(_, 0, None) | Event::MappingStart(_, 0, None)
                if open.len() >= MAX_DEPTH || open.last() == Some(&Next::Key) =>
            {
                return None;
            }
            Event::SequenceStart(_, 0, None) => {
                to.begin('[');
                open.push(Next::Element);
                continue;
            }
            Event::MappingStart(_, 0, None) => {
                to.begin('{');
                open.push(Next::Key);
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                to.end();
                open.pop();
            }
            Event::StreamStart | Event::DocumentStart(..) => continue,
            _ => return None,
        }
        match open.last_mut() {
            None => return Some(()),
            Some(next @ Next::Member) => *next = Next::Key,
            Some(Next::Element | Next::Key) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::{Number, Value};

    /// Whether the document was written without a tree; either way it must be the tree's.
    fn check(input: &str) -> bool {
        let mut text = Normal::default();
        let tree = super::super::parse(input.as_bytes()).map(|value| {
            text.clear();
            text.value(&value);
            text.text().to_owned()
        });
        let written = normal(
            input.as_bytes(),
            &mut text,
            &Expansion::of_size(input.len()),
        )
        .map(|()| text.text().to_owned());
        assert_eq!(written, tree, "{input:?}");
        text.clear();
        let direct = directly(input, &mut text).map(|()| text.text().to_owned());
        assert!(direct.is_none() || direct == tree.ok(), "{input:?}");
        direct.is_some()
    }

    /// Values of all kinds that a catalog may hold.
    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[a-c: #'\"\\\\\n\t\\-é\u{2028}]{0,12}",
            "(yes|no|~|1_0|0x1f|1e3|2020-01-01|<<|null|\\.inf|-|\\?)",
            "[a-z ]{60,120}",
            "[a-zA-Z0-9+/]{100,200}={0,2}",
        ];
        let leaf = prop_oneof![
            text.clone().prop_map(Value::String),
            any::<i64>().prop_map(|int| Value::Number(Number::Int(int))),
            any::<f32>()
                .prop_filter("JSON has no other", |float| float.is_finite())
                .prop_map(|float| Value::Number(Number::Float(float.into()))),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 30, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(text.clone(), inner, 0..5).prop_map(Value::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_text_is_the_one_of_the_tree(value in value()) {
            let mut yaml = String::new();
            super::super::write(&mut yaml, &value);
            check(&yaml);
        }

        #[test]
        fn damaged_text_is_judged_alike(
            value in value(),
            damages in prop::collection::vec((any::<prop::sample::Index>(), "[a&*!|>%:?\\-, \n\"'{}\\[\\]~#<]"), 1..4),
        ) {
            let mut yaml = String::new();
            super::super::write(&mut yaml, &value);
            for (place, byte) in damages {
                let place = place.index(yaml.len());
                if yaml.is_char_boundary(place) && yaml.is_char_boundary(place + 1) {
                    yaml.replace_range(place..=place, &byte);
                }
            }
            check(&yaml);
        }
    }

    #[test]
    fn plain_documents_need_no_tree() {
        for input in [
            "schema: a\nx:\n- 1\n- 0x1F\n- 1.50\n- yes\n- ~\n-\n- 'no'\n- \"a\\u2028\\n\"\n- 1_000\n- -0\n",
            "b: |\n  x\n   y\na: >-\n  one\n  two\nc: {d: [], e: {}, \"f\": [g]}\n",
            "# c\na: 1\na: {b: 2}\n...\nx",
            "---\n- a: '<b>'\n  <: é\u{201c}\n- - c\n",
            "text",
            "a: b\n---\nc: [\n",
        ] {
            assert!(check(input), "{input:?}");
        }
    }

    #[test]
    fn all_else_is_left_to_the_tree() {
        for input in [
            "a: &x {b: 1}\nc: *x\n",
            "a: {<<: {b: 1}, c: <<}\n",
            "y: 1\n1.50: a\n",
            "? [a]\n: 1\n",
            "a: !!str 12\n",
            "a: !!map {b: 1}\n",
            "\u{feff}a: 1\n",
            "a: x\u{2028}y\n",
            "a: \"x\\/y\"\n",
            "a:\n  b: 'x\n  y'\n",
            "a: .inf\n",
            "a: {b\n",
            "a: 1\nb\n",
            "",
            "# c\n",
        ] {
            assert!(!check(input), "{input:?}");
        }
        check(&"[".repeat(MAX_DEPTH + 2));
        check(&format!(
            "{}{}",
            "[".repeat(MAX_DEPTH),
            "]".repeat(MAX_DEPTH)
        ));
        check(&"- ".repeat(MAX_DEPTH - 1));
    }
}
