//! `iib auth …`: what callers of the service prove themselves with.

use clap::{Args, Subcommand};
use server::UserName;

use super::OutputFormat;

#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// Make a bearer token for a user, and the entry that tells a service of it
    #[command(
        after_help = "Example:\n  iib auth new-token --user alice\n\nThe token is shown this once; the service keeps its hash alone."
    )]
    NewToken(NewTokenArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NewTokenArgs {
    /// Who will come with the token
    #[arg(long, value_name = "NAME")]
    pub(crate) user: UserName,
    /// How it is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}
