//! The service dies right before and right after every effect that others can see, for every type of request; afterwards everything must be as if it had not.
//!
//! The matrix is a test (`crates/iib/tests/crash_points.rs`), which by itself tries some of the points; here it tries all.

use std::process::Command;

use anyhow::Context as _;
use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Only the tests whose names contain this: `sqlite`, `file`, `deprecations`, `bundles`
    #[arg(long)]
    only: Option<String>,
}

/// Runs the whole matrix, and says whether it held.
#[expect(
    clippy::disallowed_methods,
    reason = "the matrix is run by cargo, as every test"
)]
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let status = Command::new(cargo)
        // With the whole workspace, so that nothing is built anew with other features.
        .args(["test", "--workspace", "--test", "crash_points", "--"])
        .args(&args.only)
        .args(["--nocapture", "--test-threads", "2"])
        .env("IIB_CRASH_POINTS", "all")
        .status()
        .context("cargo could not be run")?;
    Ok(status.success())
}
