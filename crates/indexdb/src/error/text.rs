//! Lists and names as they stand in error texts.

use std::fmt;

use super::Error;

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
