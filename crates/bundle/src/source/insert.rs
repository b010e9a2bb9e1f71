//! New members in the mappings of a CSV.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use catalog::placed::{Member, Node, Place, Style, Value};

use super::edit::Patch;
use super::replace::node_mut;
use super::scalar::{quoted, scalar};
use super::{JsonPath, SourceError, SourceFile};

/// A member that is to be written: its lines in block style without indentation, and all of it in flow style.
struct Written {
    lines: Vec<String>,
    flow: String,
}

/// Lists related images in `spec`, where there are none.
pub(super) fn related_images(
    file: &SourceFile,
    meant: &mut Node,
    images: &[(String, String)],
) -> Result<Vec<Patch>, SourceError> {
    let (mut lines, mut entries, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
    for (name, image) in images {
        lines.push(format!("- name: {}", scalar(name)));
        lines.push(format!("  image: {}", scalar(image)));
        entries.push(format!(
            "{{\"name\": {}, \"image\": {}}}",
            quoted(name),
            quoted(image)
        ));
        nodes.push(mapping([("name", text(name)), ("image", text(image))]));
    }
    let written = Written {
        lines,
        flow: format!("[{}]", entries.join(", ")),
    };
    set(
        file,
        meant,
        "spec",
        "relatedImages",
        &written,
        Value::Sequence(nodes),
    )
}

/// Adds annotations of the CSV that it does not have.
pub(super) fn annotations(
    file: &SourceFile,
    meant: &mut Node,
    new: &BTreeMap<String, String>,
) -> Result<Vec<Patch>, SourceError> {
    let flow: Vec<String> = new
        .iter()
        .map(|(key, value)| format!("{}: {}", quoted(key), quoted(value)))
        .collect();
    let lines: Vec<String> = new
        .iter()
        .map(|(key, value)| format!("{}: {}", scalar(key), scalar(value)))
        .collect();
    let path = JsonPath::of(&["metadata", "annotations"]);
    let members = || new.iter().map(|(key, value)| (key.as_str(), text(value)));
    let is_mapping = |node: &Node| node.members().is_some_and(|members| !members.is_empty());
    if let Some(parent) = file.document().get("metadata").and_then(Node::members)
        && let Some(member) = parent.get("annotations")
        && is_mapping(&member.node)
    {
        if let Some(Node {
            value: Value::Mapping(all),
            ..
        }) = node_mut(meant, path.steps())
        {
            let Value::Mapping(added) = mapping(members()).value else {
                return Ok(Vec::new());
            };
            all.extend(added);
        }
        return Ok(vec![last_member(file, member, &lines, &flow.join(", "))]);
    }
    let written = Written {
        lines: lines.iter().map(|line| format!("  {line}")).collect(),
        flow: format!("{{{}}}", flow.join(", ")),
    };
    let value = mapping(members()).value;
    set(file, meant, "metadata", "annotations", &written, value)
}

/// Text in the place of what is written there.
pub(super) fn in_place_of(place: Place, text: String) -> Patch {
    Patch {
        range: place.start..place.end,
        text,
    }
}

/// Gives a member at the top another member, or an empty one of it a value.
fn set(
    file: &SourceFile,
    meant: &mut Node,
    parent: &str,
    key: &str,
    written: &Written,
    value: Value,
) -> Result<Vec<Patch>, SourceError> {
    let path = JsonPath::of(&[parent]);
    let members = file.document().members();
    let member = members.and_then(|members| members.get(parent));
    let Some(Value::Mapping(all)) = node_mut(meant, path.steps()).map(|node| &mut node.value)
    else {
        return Err(file.not_editable(&path, file.document()));
    };
    let Some(member) = member else {
        return Err(file.not_editable(&path, file.document()));
    };
    let node = Node {
        value,
        place: member.key,
    };
    let new = Member {
        key: member.key,
        node,
    };
    all.insert(key.to_owned(), new);
    let Some(empty) = member.node.members().and_then(|members| members.get(key)) else {
        let mut lines = vec![format!("{key}:")];
        lines.extend(written.lines.iter().cloned());
        let flow = format!("{}: {}", quoted(key), written.flow);
        return Ok(vec![last_member(file, member, &lines, &flow)]);
    };
    let place = empty.node.place;
    let is_in_block = member.node.place.style == Style::Block;
    let same_line = file.line_of(empty.key.start) == file.line_of(place.start);
    let text = if is_in_block && same_line && place.start > empty.key.end {
        let indentation = indentation(file, empty.key.start);
        let mut text = String::new();
        for line in &written.lines {
            let _ = write!(text, "{}{indentation}{line}", line_end(file));
        }
        text
    } else {
        format!(" {}", written.flow)
    };
    // Without the blanks between the colon and the empty value.
    let start = file.text()[..place.start].trim_end_matches(' ').len();
    Ok(vec![in_place_of(Place { start, ..place }, text)])
}

/// Puts members behind all others of a mapping: `member` is the mapping with its key.
fn last_member(file: &SourceFile, member: &Member, lines: &[String], flow: &str) -> Patch {
    let text = file.text();
    let node = &member.node;
    let at = |offset| Place {
        start: offset,
        end: offset,
        ..node.place
    };
    if node.place.style == Style::Flow {
        let close = node.place.end.saturating_sub(1);
        let members = node.members().into_iter().flatten();
        let last = members.map(|(_, member)| end_of(&member.node, member.key.end));
        // A comma may stand behind the last member already.
        let is_separated = last.max().is_none_or(|end| {
            let behind = text.get(end..close).unwrap_or_default();
            behind.trim_start().starts_with(',')
        });
        let separator = if is_separated { "" } else { ", " };
        return in_place_of(at(close), format!("{separator}{flow}"));
    }
    let mut end = end_of(node, member.key.end);
    // Of a block scalar, the parser has seen the indentation of the next line.
    let line = text[..end].trim_end_matches(' ').len();
    if text[..line].ends_with('\n') {
        end = line;
    }
    let indentation = indentation(file, node.place.start);
    let mut new = String::new();
    if text[..end].ends_with('\n') {
        for line in lines {
            let _ = write!(new, "{indentation}{line}{}", line_end(file));
        }
        return in_place_of(at(end), new);
    }
    // What follows on the line is a comment.
    let line = text[end..].lines().next().map_or(0, str::len);
    for line in lines {
        let _ = write!(new, "{}{indentation}{line}", line_end(file));
    }
    in_place_of(at(end + line), new)
}

/// Where the text of a value ends that is written behind `after`. An alias ends there, as its value was written elsewhere.
fn end_of(node: &Node, after: usize) -> usize {
    if node.place.start < after {
        return after;
    }
    let start = node.place.start;
    let last = match (&node.value, node.place.style) {
        (Value::Mapping(members), Style::Block) => members
            .values()
            .map(|member| end_of(&member.node, member.key.end))
            .max(),
        (Value::Sequence(elements), Style::Block) => {
            elements.iter().map(|element| end_of(element, start)).max()
        }
        _ => Some(node.place.end),
    };
    last.unwrap_or(start).max(start)
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |end| end + 1)
}

/// Blanks up to the column of a byte; a byte order mark takes none.
fn indentation(file: &SourceFile, offset: usize) -> String {
    let text = file.text();
    let before = &text[line_start(text, offset)..offset];
    " ".repeat(before.trim_start_matches('\u{feff}').chars().count())
}

/// How the lines of the file end: as the first one does.
fn line_end(file: &SourceFile) -> &'static str {
    let text = file.text();
    match text.find('\n') {
        Some(end) if text[..end].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// A mapping that is not written yet.
fn mapping<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Node {
    let place = Place {
        start: 0,
        end: 0,
        line: 1,
        style: Style::Flow,
    };
    let member = |(key, value): (&str, Value)| {
        let node = Node { value, place };
        (key.to_owned(), Member { key: place, node })
    };
    Node {
        value: Value::Mapping(members.into_iter().map(member).collect()),
        place,
    }
}
