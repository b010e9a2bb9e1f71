//! Where in the text of a TOML file a key is, and which key is at a place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// The steps to a value: names of keys, and positions in lists as decimal numbers.
pub(crate) type KeyPath = Vec<String>;

/// Every key of a file with the place of its name and of its value.
pub(crate) struct Places(Vec<(KeyPath, Range<usize>, Range<usize>)>);

impl Places {
    pub(crate) fn of(table: &DeTable<'_>) -> Self {
        let mut places = Self(Vec::new());
        places.walk_table(table, &[]);
        places
    }

    fn walk_table(&mut self, table: &DeTable<'_>, above: &[String]) {
        for (key, value) in table {
            let path = [above, &[key.get_ref().to_string()]].concat();
            self.walk(value, key.span(), path);
        }
    }

    fn walk(&mut self, value: &Spanned<DeValue<'_>>, key: Range<usize>, path: KeyPath) {
        match value.get_ref() {
            DeValue::Table(table) => self.walk_table(table, &path),
            DeValue::Array(array) => {
                for (position, item) in array.iter().enumerate() {
                    let path = [&path[..], &[position.to_string()]].concat();
                    self.walk(item, item.span(), path);
                }
            }
            _ => {}
        }
        self.0.push((path, key, value.span()));
    }

    /// The innermost key that has `span` in its name or its value, and where it is written.
    pub(crate) fn key_at(&self, span: &Range<usize>) -> Option<(&KeyPath, &Range<usize>)> {
        let covers = |place: &Range<usize>| place.start <= span.start && span.end <= place.end;
        self.0
            .iter()
            .filter_map(|(path, key, value)| {
                let place = [key, value].into_iter().find(|place| covers(place))?;
                Some((place.len(), path, key))
            })
            // Of the same place, the deepest: a table that has no header of its own spans its only key.
            .min_by_key(|(length, path, _)| (*length, usize::MAX - path.len()))
            .map(|(_, path, key)| (path, key))
    }

    /// Where a key, or else the nearest table around it, is written.
    pub(crate) fn offset_of(&self, key: &str) -> Option<usize> {
        let mut key = key;
        loop {
            let found = self.0.iter().find(|(path, _, _)| path.join(".") == key);
            if let Some((_, place, _)) = found {
                return Some(place.start);
            }
            key = key.rsplit_once('.')?.0;
        }
    }
}

/// The line, from 1, of a place in a text.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.split(|byte| *byte == b'\n').count()
}

/// Removes the key or the item of a list that is written at `place`. Says whether it was there. Places stay what they were, while
/// positions in lists move.
pub(crate) fn remove(table: &mut DeTable<'_>, place: &Range<usize>) -> bool {
    let found = table.keys().find(|key| key.span() == *place);
    if let Some(name) = found.map(|key| key.get_ref().to_string()) {
        return table.remove(name.as_str()).is_some();
    }
    let names: Vec<String> = table.keys().map(|key| key.get_ref().to_string()).collect();
    names.iter().any(|name| {
        table
            .get_mut(name.as_str())
            .is_some_and(|value| remove_below(value.get_mut(), place))
    })
}

fn remove_below(value: &mut DeValue<'_>, place: &Range<usize>) -> bool {
    match value {
        DeValue::Table(table) => remove(table, place),
        DeValue::Array(array) if array.iter().any(|item| item.span() == *place) => {
            let mut left = DeArray::new();
            for item in array.iter().filter(|item| item.span() != *place) {
                left.push(item.clone());
            }
            *array = left;
            true
        }
        DeValue::Array(array) => array
            .iter_mut()
            .any(|item| remove_below(item.get_mut(), place)),
        _ => false,
    }
}
