//! What is wrong with a configuration file: everything at once, each with its place.

use std::fmt;
use std::path::PathBuf;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The line, from 1, where one can be named.
    pub(crate) line: Option<usize>,
    /// The key with its tables, such as `server.listen`; empty where the text is no TOML.
    pub(crate) key: String,
    /// What is wrong and what to write instead.
    pub(crate) text: String,
}

/// The mistakes of one file. There is at least one.
#[derive(Debug)]
pub(crate) struct Mistakes {
    /// The file; none for the defaults.
    pub(crate) file: Option<PathBuf>,
    /// The mistakes, by line.
    pub(crate) list: Vec<Mistake>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_ref().map_or_else(
            || "the configuration (no file given)".to_owned(),
            |path| path.display().to_string(),
        );
        for (position, mistake) in self.list.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&file)?;
            if let Some(line) = mistake.line {
                write!(f, ":{line}")?;
            }
            if !mistake.key.is_empty() {
                write!(f, ": `{}`", mistake.key)?;
            }
            write!(f, ": {}", mistake.text)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
