//! What recorded errors mean: texts need not be equal, but the same rule must be named, with the same names.

mod catalog;
mod change;

use std::collections::BTreeSet;

/// How an error of ours says what the recorded one says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// The same rule and the same names.
    Rule,
    /// The same names; nobody wrote down what the recorded error means.
    Names,
}

/// Compares the errors of a change to a database.
///
/// # Errors
/// What ours does not say.
pub fn of_change(recorded: &str, ours: &str) -> Result<Said, String> {
    if recorded.contains("add prunes bundle ") {
        let names = recorded
            .split("add prunes bundle ")
            .skip(1)
            .filter_map(|rest| rest.split(' ').next())
            .filter(|name| !ours.contains(&format!("adding bundle `{name}`")));
        let missing: Vec<&str> = names.collect();
        return if missing.is_empty() {
            Ok(Said::Rule)
        } else {
            let missing = missing.join(", ");
            Err(format!("the error does not say that it prunes {missing}"))
        };
    }
    of_tables(&[change::MEANINGS], change::names, recorded, ours)
}

/// Compares the errors of reading, checking or writing a file-based catalog.
pub(crate) fn of_catalog(recorded: &str, ours: &str) -> Result<Said, String> {
    if let (Some(theirs), Some(ours)) = (tree(recorded), tree(ours)) {
        return if theirs == ours {
            Ok(Said::Rule)
        } else {
            Err(format!(
                "the error trees differ\n{}",
                crate::shown(&lines(&ours), &lines(&theirs))
            ))
        };
    }
    if recorded.contains("no such file") || recorded.contains("is not a directory") {
        let said = ["No such file", "no such file", "is not a directory"];
        return if said.iter().any(|said| ours.contains(said)) {
            Ok(Said::Rule)
        } else {
            Err("the error does not say that there is no directory".to_owned())
        };
    }
    of_tables(&[catalog::MEANINGS], catalog::names, recorded, ours)
}

/// Compares the errors of rendering, which may be about images and bundles too.
pub(crate) fn of_render(recorded: &str, ours: &str) -> Result<Said, String> {
    if recorded.contains("invalid index:") {
        return of_catalog(recorded, ours);
    }
    // Names are those of the input, which stands in front of both.
    let tables = [catalog::OF_IMAGES, catalog::MEANINGS, change::MEANINGS];
    of_tables(&tables, |_| Vec::new(), recorded, ours)
}

/// Compares the errors of writing a cache. The reference tool stops at the first package with broken rules, ours names all.
pub(crate) fn of_cache(recorded: &str, ours: &str) -> Result<Said, String> {
    let (Some(theirs), Some(tree)) = (tree(recorded), tree(ours)) else {
        let (_, contents) = recorded
            .split_once("has unexpected contents")
            .unwrap_or_default();
        return if ours.contains(contents) {
            of_catalog(recorded, ours)
        } else {
            Err(format!("the error does not say `{contents}`"))
        };
    };
    let missing: Vec<&String> = theirs.difference(&tree).collect();
    if missing.is_empty() {
        Ok(Said::Rule)
    } else {
        Err(format!("the error tree lacks {missing:?}"))
    }
}

type Table = &'static [(&'static str, &'static str)];

/// Of several tables, and several parts of one, the first that occurs counts.
fn of_tables(
    tables: &[Table],
    names: fn(&str) -> Vec<&str>,
    recorded: &str,
    ours: &str,
) -> Result<Said, String> {
    let mut rules = tables.iter().flat_map(|table| table.iter());
    let rule = rules.find(|(part, _)| recorded.contains(part));
    if let Some((_, meaning)) = rule
        && !ours.contains(meaning)
    {
        return Err(format!("the error does not say `{meaning}`"));
    }
    let names = match rule {
        Some(_) => names(recorded),
        None => everything_named(recorded),
    };
    let missing: Vec<&str> = names
        .into_iter()
        .filter(|name| !is_named(name, ours))
        .collect();
    if !missing.is_empty() {
        return Err(format!("the error does not name {}", missing.join(", ")));
    }
    Ok(rule.map_or(Said::Names, |_| Said::Rule))
}

/// Whether a text has a name in it, and not as a part of a longer word.
fn is_named(name: &str, text: &str) -> bool {
    let is_part = |next: Option<char>| next.is_some_and(char::is_alphanumeric);
    text.match_indices(name).any(|(at, _)| {
        !is_part(text[..at].chars().next_back()) && !is_part(text[at + name.len()..].chars().next())
    })
}

/// What an error of an unknown rule names for sure: what it quotes, and images.
fn everything_named(recorded: &str) -> Vec<&str> {
    let images = recorded
        .split([' ', '[', ']', ',', '"'])
        .map(|word| word.trim_end_matches(':'))
        .filter(|word| word.contains("@sha256:"));
    let mut names = catalog::names(recorded);
    names.extend(images);
    names
}

/// The leaves of an error tree, each with the nodes it is below: siblings have no order.
fn tree(text: &str) -> Option<BTreeSet<String>> {
    const BRANCH: &str = "── ";
    let (_, tree) = text.split_once("invalid index:")?;
    let mut path: Vec<&str> = Vec::new();
    let mut leaves = BTreeSet::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let Some((before, node)) = line.split_once(BRANCH) else {
            // The text of a leaf may have several lines.
            leaves.insert(line.to_owned());
            continue;
        };
        path.truncate(before.chars().count() / 4);
        path.push(node);
        if !node.ends_with(':') {
            leaves.insert(path.join(" "));
        }
    }
    Some(leaves)
}

/// One leaf a line.
fn lines(tree: &BTreeSet<String>) -> Vec<u8> {
    let lines: Vec<&str> = tree.iter().map(String::as_str).collect();
    lines.join("\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "fatal: invalid index:\n├── invalid package \"a\":\n│   └── invalid channel \"x\":\n│       └── rule one\n└── invalid package \"b\":\n    └── rule two";

    #[test]
    fn siblings_of_a_tree_have_no_order() {
        let other = "invalid index:\n├── invalid package \"b\":\n│   └── rule two\n└── invalid package \"a\":\n    └── invalid channel \"x\":\n        └── rule one";
        assert_eq!(of_catalog(TREE, other), Ok(Said::Rule));
    }

    #[test]
    fn a_rule_below_another_node_differs() {
        let other = TREE.replace("\"b\"", "\"c\"");
        let difference = of_catalog(TREE, &other).unwrap_err();
        assert!(
            difference.contains("invalid package \"c\": rule two"),
            "{difference}"
        );
        assert!(of_cache(TREE, &other).is_err());
    }

    #[test]
    fn a_cache_names_more_packages() {
        let recorded = "build package index: process package \"b\": invalid index:\n└── invalid package \"b\":\n    └── rule two";
        assert_eq!(of_cache(recorded, TREE), Ok(Said::Rule));
        assert!(of_catalog(recorded, TREE).is_err());
    }

    #[test]
    fn another_rule_or_name_is_seen() {
        let recorded = "Error: Invalid bundle a.v3, replaces nonexistent bundle a.v9";
        assert_eq!(
            of_change(
                recorded,
                "`a.v3` replaces `a.v9`, which is not in the index"
            ),
            Ok(Said::Rule)
        );
        assert!(of_change(recorded, "image not found").is_err());
        let recorded = "duplicate package \"a\"";
        assert!(of_catalog(recorded, "duplicate package \"b\"").is_err());
    }

    #[test]
    fn of_an_unknown_error_the_names_count() {
        let recorded = "something new about \"a\" in r/x@sha256:00";
        assert_eq!(of_catalog(recorded, "a r/x@sha256:00"), Ok(Said::Names));
        assert!(of_catalog(recorded, "a").is_err());
        assert!(of_change(recorded, "r/x@sha256:00").is_err());
    }
}
