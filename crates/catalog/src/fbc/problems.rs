//! What validation finds.

use std::fmt;

/// Why a catalog is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The blobs do not fit together (file-based catalog specification, 2.2); names what does not fit.
    #[error("{0}")]
    Blobs(String),
    /// Packages, channels or bundles break rules (specification, 2.3).
    #[error("{0}")]
    Rules(Problems),
}

/// Every broken rule of a catalog, below the package, channel and bundle it belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    /// The packages with problems, by name.
    pub packages: Vec<Node>,
}

/// A part of the error tree: a message, and what is wrong within.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What is not valid, or which rule is broken.
    pub text: String,
    /// What is wrong within; empty where `text` names the rule.
    pub children: Vec<Node>,
}

impl Node {
    pub(super) fn leaf(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            children: Vec::new(),
        }
    }

    /// A package, channel or bundle, if anything is wrong within.
    pub(super) fn inner(kind: &str, name: &str, children: Vec<Self>) -> Option<Self> {
        let text = format!("invalid {kind} \"{name}\"");
        (!children.is_empty()).then_some(Self { text, children })
    }

    fn print(&self, formatter: &mut fmt::Formatter<'_>, prefix: &str, last: bool) -> fmt::Result {
        let (branch, below) = if last {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        let colon = if self.children.is_empty() { "" } else { ":" };
        write!(formatter, "\n{prefix}{branch}{}{colon}", self.text)?;
        print_all(&self.children, formatter, &format!("{prefix}{below}"))
    }
}

fn print_all(nodes: &[Node], formatter: &mut fmt::Formatter<'_>, prefix: &str) -> fmt::Result {
    for (index, node) in nodes.iter().enumerate() {
        node.print(formatter, prefix, index + 1 == nodes.len())?;
    }
    Ok(())
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("invalid index:")?;
        print_all(&self.packages, formatter, "")
    }
}
