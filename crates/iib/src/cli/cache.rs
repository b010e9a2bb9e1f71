//! The command line of `iib cache`, and how every command names the cache.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::OutputFormat;

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Show what is in the cache, last used first
    #[command(after_help = "Example:\n  iib cache ls")]
    Ls(LsArgs),
    /// Remove what was not used for longest, until the cache is small enough
    #[command(after_help = "Examples:\n  iib cache prune --to 2GiB\n  iib cache prune --to 0")]
    Prune(PruneArgs),
}

/// Where blobs and opened layers are kept between commands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cache")]
pub(crate) struct CacheArgs {
    /// Where what is read of images is kept; processes may share it. Default: `$XDG_CACHE_HOME/iib`, else `~/.cache/iib`
    #[arg(long, env = "IIB_CACHE_DIR", value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// How much of the disk it may take, such as `500MiB`
    #[arg(
        long,
        env = "IIB_CACHE_LIMIT",
        default_value = "10GiB",
        value_name = "SIZE"
    )]
    pub(crate) cache_limit: ByteSize,
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    /// How much may be left, such as `2GiB`; default: the limit of the cache
    #[arg(long, value_name = "SIZE")]
    pub(crate) to: Option<ByteSize>,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}

/// A number of bytes, as people write it: `1024`, `500MiB`, `10G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) u64);

/// Why a text is no number of bytes.
#[derive(Debug)]
pub(crate) struct ParseByteSizeError {
    text: String,
}

impl std::fmt::Display for ParseByteSizeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`{}` is not a size; write a whole number of bytes, or of KiB, MiB, GiB or TiB, such as `500MiB`",
            self.text
        )
    }
}

impl std::error::Error for ParseByteSizeError {}

impl FromStr for ByteSize {
    type Err = ParseByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseByteSizeError {
            text: text.to_owned(),
        };
        let end = text
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(text.len());
        let (digits, unit) = text.split_at(end);
        // `MB` means different things to different people.
        let power = match unit.trim_start() {
            "" | "B" => 0,
            "K" | "KiB" => 1,
            "M" | "MiB" => 2,
            "G" | "GiB" => 3,
            "T" | "TiB" => 4,
            _ => return Err(wrong()),
        };
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        let bytes = number.checked_mul(1024_u64.pow(power)).ok_or_else(wrong)?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, expected) in [
            ("0", 0),
            ("1024", 1024),
            ("12B", 12),
            ("3K", 3 << 10),
            ("500MiB", 500 << 20),
            ("10 GiB", 10 << 30),
            ("1T", 1 << 40),
        ] {
            assert_eq!(text.parse::<ByteSize>().unwrap(), ByteSize(expected));
        }
        for text in ["", "GiB", "-1", "1.5GiB", "10GB", "1 k", "99999999999T"] {
            let error = text.parse::<ByteSize>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }
}
