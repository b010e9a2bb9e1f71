//! How names, values and lists are put into words, for texts and Markdown alike.

use std::fmt::Write as _;

use super::effect::Effect;
use super::report::{
    BlobDiff, BundleDiff, Change, DeprecationDiff, EntryDiff, Heads, Image, Lists, PackageDiff,
    PropertyValue, Values,
};
use crate::fbc::{BUNDLE, CHANNEL, PACKAGE};

/// How many elements of a list are told; JSON has them all.
pub(super) const SHOWN: usize = 10;

/// How long a text of a catalog may be that is told, in characters.
const LONGEST: usize = 160;

/// A text of a catalog in backticks, on one line: it can neither end them nor drive a terminal.
pub(super) fn name(text: &str) -> String {
    let mut name = String::from("`");
    for (index, character) in text.chars().enumerate() {
        if index == LONGEST {
            name.push('…');
            break;
        }
        match character {
            '`' => name.push('\''),
            '\n' => name.push(' '),
            // The others turn the direction of writing or break lines.
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                name.extend(character.escape_unicode());
            }
            character if character.is_control() => name.extend(character.escape_unicode()),
            character => name.push(character),
        }
    }
    name.push('`');
    name
}

/// Names, separated by commas; of many the first ones and how many more there are.
pub(super) fn names(all: &[&str]) -> String {
    list(all, |text| name(text))
}

/// Elements as [`names`] has them.
pub(super) fn list<T>(all: &[T], each: impl Fn(&T) -> String) -> String {
    let shown: Vec<String> = all.iter().take(SHOWN).map(each).collect();
    let mut text = shown.join(", ");
    if all.len() > SHOWN {
        let _infallible = write!(text, " and {} more", all.len() - SHOWN);
    }
    text
}

/// A value before and after.
pub(super) fn values<T: AsRef<str>>(values: &Values<T>) -> String {
    let told = |value: &Option<T>| {
        (value.as_ref()).map_or_else(|| "none".to_owned(), |value| name(value.as_ref()))
    };
    format!("{} → {}", told(&values.before), told(&values.after))
}

/// A description before and after, or how long they are where only the beginnings could be told.
fn description(both: &Values<&str>) -> String {
    let length = |text: Option<&str>| text.map_or(0, |text| text.chars().count());
    match (length(both.before), length(both.after)) {
        (before, after) if before.max(after) > LONGEST => {
            format!("{before} → {after} characters")
        }
        _ => values(both),
    }
}

/// The media types of an icon before and after.
fn icon(both: &Values<&str>) -> String {
    if both.before == both.after {
        return "another picture".to_owned();
    }
    values(both)
}

/// What changed of the package itself, in lines that begin with a word.
pub(super) fn package(package: &PackageDiff<'_>) -> Vec<String> {
    let told = |what, values: &Option<Values<&str>>, each: fn(&Values<&str>) -> String| {
        (values.as_ref()).map(|both| format!("{what}: {}", each(both)))
    };
    let lines = [
        told("default channel", &package.default_channel, |both| {
            values(both)
        }),
        told("description", &package.description, description),
        told("icon", &package.icon, icon),
    ];
    let properties = properties(&package.properties);
    lines.into_iter().flatten().chain(properties).collect()
}

/// A number of things whose plural ends in `s`.
pub(super) fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

impl Change {
    /// What happened, in a word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }

    /// What happened, in a character.
    pub(super) fn mark(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
        }
    }
}

/// A number of entries.
pub(super) fn entries(number: usize) -> String {
    match number {
        1 => "1 entry".to_owned(),
        _ => format!("{number} entries"),
    }
}

/// The heads of a channel, before and after if they differ.
pub(super) fn heads(heads: &Heads<'_>) -> String {
    let told = |heads: &[&str]| match heads {
        [] => "none".to_owned(),
        heads => names(heads),
    };
    match (&heads.before[..], &heads.after[..]) {
        (before, after) if before == after => format!("head {}", told(after)),
        (before, after) => format!("head {} → {}", told(before), told(after)),
    }
}

/// What a deprecation is about.
pub(super) fn deprecated(diff: &DeprecationDiff<'_>) -> String {
    match diff.schema {
        PACKAGE => "package".to_owned(),
        CHANNEL => format!("channel {}", name(diff.name)),
        BUNDLE => format!("bundle {}", name(diff.name)),
        schema => format!("{} {}", name(schema), name(diff.name)),
    }
}

/// What users are told, now or before.
pub(super) fn message(diff: &DeprecationDiff<'_>) -> String {
    match &diff.message {
        both @ Values {
            before: Some(_),
            after: Some(_),
        } => values(both),
        one => name(either(one)),
    }
}

/// The text there is now, or else the one there was.
fn either<T: AsRef<str>>(values: &Values<T>) -> &str {
    let text = values.after.as_ref().or(values.before.as_ref());
    text.map_or("", AsRef::as_ref)
}

/// The schema and the name of a blob.
pub(super) fn blob(blob: &BlobDiff<'_>) -> String {
    match blob.name {
        "" => name(blob.schema),
        text => format!("{} {}", name(blob.schema), name(text)),
    }
}

/// The version and the image of a bundle that came or went.
pub(super) fn identity(bundle: &BundleDiff<'_>) -> String {
    let version = bundle.version.as_ref().map(|version| name(either(version)));
    let image = bundle.image.as_ref().map(|image| name(either(image)));
    let both: Vec<String> = version.into_iter().chain(image).collect();
    both.join(" ")
}

/// What differs in an entry, or what it is; empty for one that is gone.
pub(super) fn entry(entry: &EntryDiff<'_>) -> String {
    let mut parts = Vec::new();
    match entry.change {
        Change::Removed => {}
        Change::Added => {
            let after = |values: &Option<Values<&str>>| Some(name(values.as_ref()?.after?));
            parts.extend(after(&entry.replaces).map(|name| format!("replaces {name}")));
            if !entry.skips.added.is_empty() {
                parts.push(format!("skips {}", names(&entry.skips.added)));
            }
            parts.extend(after(&entry.skip_range).map(|range| format!("skips the range {range}")));
        }
        Change::Changed => {
            let told = |what, changed: &Option<Values<&str>>| {
                changed
                    .as_ref()
                    .map(|both| format!("{what} {}", values(both)))
            };
            parts.extend(told("replaces", &entry.replaces));
            let Lists { added, removed } = &entry.skips;
            if !added.is_empty() {
                parts.push(format!("skips {} too", names(added)));
            }
            if !removed.is_empty() {
                parts.push(format!("skips {} no more", names(removed)));
            }
            parts.extend(told("skips the range", &entry.skip_range));
            if parts.is_empty() {
                parts.push("written differently".to_owned());
            }
        }
    }
    parts.join("; ")
}

/// What differs in a bundle that is there before and after, in lines.
pub(super) fn bundle(bundle: &BundleDiff<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(version) = &bundle.version {
        lines.push(format!("version {}", values(version)));
    }
    if let Some(image) = &bundle.image {
        lines.push(format!("image {}", values(image)));
    }
    lines.extend(properties(&bundle.properties));
    let image = |image: &Image<'_>| name(image.image);
    let Lists { added, removed } = &bundle.related_images;
    for (word, images) in [("removed", removed), ("added", added)] {
        if !images.is_empty() {
            lines.push(format!("{word} related images {}", list(images, image)));
        }
    }
    lines
}

/// The properties that went and came, in lines.
pub(super) fn properties(lists: &Lists<PropertyValue<'_>>) -> Vec<String> {
    let mut lines = Vec::new();
    for (word, list) in [("removed", &lists.removed), ("added", &lists.added)] {
        for property in list.iter().take(SHOWN) {
            lines.push(format!(
                "{word} property {} {}",
                name(property.type_),
                name(property.value)
            ));
        }
        if list.len() > SHOWN {
            lines.push(format!("{word} {} more properties", list.len() - SHOWN));
        }
    }
    lines
}

/// An effect of some things, told once.
pub(super) struct Told {
    /// Whether somebody should look at it.
    pub(super) attention: bool,
    /// The sentence.
    pub(super) text: String,
}

/// The effects of one thing, those that need attention first.
pub(super) fn own_effects(effects: &[Effect<'_>]) -> Vec<Told> {
    let told = effects.iter().map(|effect| Told {
        attention: effect.needs_attention(),
        text: effect.to_string(),
    });
    attention_first(told.collect())
}

fn attention_first(mut told: Vec<Told>) -> Vec<Told> {
    told.sort_by_key(|told| !told.attention);
    told
}

/// The effects of each bundle of a package.
pub(super) fn of_bundles<'d, 'a>(
    package: &'d PackageDiff<'a>,
) -> impl Iterator<Item = (&'a str, &'d [Effect<'a>])> {
    (package.bundles.iter()).map(|bundle| (bundle.name, &bundle.effects[..]))
}

/// The effects of things of a kind: those of the same words once, those that need attention first.
pub(super) fn effects<'d, 'a: 'd>(
    things: impl Iterator<Item = (&'d str, &'d [Effect<'a>])>,
) -> Vec<Told> {
    let mut grouped: indexmap::IndexMap<(bool, String), Vec<&str>> = indexmap::IndexMap::new();
    for (thing, effects) in things {
        for effect in effects {
            let key = (effect.needs_attention(), effect.to_string());
            grouped.entry(key).or_default().push(thing);
        }
    }
    let told = grouped.into_iter().map(|((attention, text), things)| Told {
        attention,
        text: format!("{}: {text}", names(&things)),
    });
    attention_first(told.collect())
}
