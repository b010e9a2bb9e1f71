//! Mappings that keep the order of their keys.

use indexmap::IndexMap;

use super::Node;

/// A mapping whose keys are in the order of the file; two in another order are unequal.
#[derive(Debug, Clone, Default)]
pub struct Mapping(IndexMap<String, Node>);

impl Mapping {
    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.0.get(key)
    }

    /// Adds a member at the end; a key that is there already keeps its place, and its old value is returned.
    pub fn insert(&mut self, key: String, value: Node) -> Option<Node> {
        self.0.insert(key, value)
    }

    /// The members in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Node)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Mapping {
    fn eq(&self, other: &Self) -> bool {
        // Equal maps may differ in order.
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl FromIterator<(String, Node)> for Mapping {
    fn from_iter<T: IntoIterator<Item = (String, Node)>>(members: T) -> Self {
        Self(members.into_iter().collect())
    }
}

impl IntoIterator for Mapping {
    type Item = (String, Node);
    type IntoIter = indexmap::map::IntoIter<String, Node>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Extend<(String, Node)> for Mapping {
    fn extend<T: IntoIterator<Item = (String, Node)>>(&mut self, members: T) {
        self.0.extend(members);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(keys: &[&str]) -> Mapping {
        keys.iter()
            .map(|key| ((*key).to_owned(), Node::Null))
            .collect()
    }

    #[test]
    fn the_order_counts() {
        assert_eq!(mapping(&["a", "b"]), mapping(&["a", "b"]));
        assert_ne!(mapping(&["a", "b"]), mapping(&["b", "a"]));
        assert_ne!(mapping(&["a"]), mapping(&["a", "b"]));
    }

    #[test]
    fn a_key_keeps_its_first_place() {
        let mut mapping = mapping(&["a", "b"]);
        assert_eq!(
            mapping.insert("a".to_owned(), Node::Bool(true)),
            Some(Node::Null)
        );
        let keys: Vec<&str> = mapping.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["a", "b"]);
        assert_eq!(mapping.get("a"), Some(&Node::Bool(true)));
    }
}
