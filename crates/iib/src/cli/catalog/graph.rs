//! The command line of `iib catalog graph`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::files::InputArgs;

/// How upgrade graphs are drawn.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum GraphFormat {
    /// A Mermaid flowchart.
    Mermaid,
    /// The DOT language of Graphviz.
    Dot,
    /// A picture that needs nothing else to be shown.
    Svg,
}

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// The packages to draw, separated by commas; repeatable; may be left out if there is one only
    #[arg(long, alias = "packages", value_delimiter = ',', value_name = "NAME")]
    pub(crate) package: Vec<String>,
    /// The channels to draw, separated by commas; repeatable; default: all
    #[arg(long, alias = "channels", value_delimiter = ',', value_name = "NAME")]
    pub(crate) channel: Vec<String>,
    /// How the graphs are drawn
    #[arg(long, short, default_value = "mermaid", value_name = "FORMAT")]
    pub(crate) output: GraphFormat,
    /// The file to write; default: standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
}
