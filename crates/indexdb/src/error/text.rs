//! How parts of messages are written.

use std::fmt;

use super::Error;

/// A bundle that was just added and cannot be reached from its channel's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// The bundle.
    pub bundle: String,
    /// Its image.
    pub path: String,
    /// The package.
    pub package: String,
    /// The channel it declares.
    pub channel: String,
    /// The head of that channel; empty if the channel is not there.
    pub head: String,
    /// What the head replaces and skips.
    pub edges: Vec<String>,
}

impl fmt::Display for Pruned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bundle,
            path,
            package,
            channel,
            head,
            edges,
        } = self;
        write!(
            formatter,
            "adding bundle `{bundle}` (`{path}`) prunes it: it cannot be reached from the head of channel `{channel}` of package \
             `{package}`, which is {} and replaces or skips {}; a channel's head is its highest version, so let that one replace or \
             skip the bundle",
            Head(head),
            Quoted(edges)
        )
    }
}

pub(super) struct Listed<'a>(pub(super) &'a [Error]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} problems: ", self.0.len())?;
        for (index, error) in self.0.iter().enumerate() {
            write!(
                formatter,
                "{}({}) {error}",
                if index == 0 { "" } else { "; " },
                index + 1
            )?;
        }
        Ok(())
    }
}

pub(super) struct Quoted<'a>(pub(super) &'a [String]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("none");
        }
        for (index, name) in self.0.iter().enumerate() {
            write!(formatter, "{}`{name}`", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

pub(super) struct Proposed<'a>(pub(super) &'a str);

impl fmt::Display for Proposed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            formatter.write_str("none is proposed")
        } else {
            write!(formatter, "`{}` is proposed", self.0)
        }
    }
}

pub(super) struct Head<'a>(pub(super) &'a str);

impl fmt::Display for Head<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            formatter.write_str("missing")
        } else {
            write!(formatter, "`{}`", self.0)
        }
    }
}

/// Channels with what belongs to each.
pub(super) struct ByChannel<'a>(pub(super) &'a [(String, String)]);

impl fmt::Display for ByChannel<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (channel, item)) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(
                formatter,
                "{separator}`{item}` (head of channel `{channel}`)"
            )?;
        }
        Ok(())
    }
}
