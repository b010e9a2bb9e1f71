//! What one run of a program takes.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::Args as ClapArgs;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};

use crate::terminal::say;

/// What a process took, from its start to its end.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// Seconds by the clock.
    pub(crate) wall: f64,
    /// Seconds of all processors, user and system.
    pub(crate) cpu: f64,
    /// The most memory it held at a time, in MiB.
    pub(crate) peak: f64,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// A file for what the program prints, which is thrown away otherwise
    #[arg(long)]
    output: Option<PathBuf>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Runs a program once and prints what it took. The system tells of the children of a process as a whole only, so each one
/// that is measured gets a process of this program as its parent.
#[expect(
    clippy::disallowed_methods,
    reason = "this program measures another one by running it"
)]
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let (program, arguments) = args
        .command
        .split_first()
        .context("a program must be named")?;
    let printed = match &args.output {
        Some(path) => File::create(path)
            .with_context(|| format!("`{}` cannot be written", path.display()))?
            .into(),
        None => Stdio::null(),
    };
    let started = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdout(printed)
        .status()
        .with_context(|| format!("`{program}` cannot be run"))?;
    let wall = started.elapsed().as_secs_f64();
    ensure!(status.success(), "`{}` failed", args.command.join(" "));
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = usage.user_time() + usage.system_time();
    let taken = Taken {
        wall,
        cpu: micros(cpu.num_microseconds()) / 1e6,
        peak: micros(usage.max_rss()) / 1024.0,
    };
    say(&serde_json::to_string(&taken)?);
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a measurement has far fewer digits than a double"
)]
fn micros(count: i64) -> f64 {
    count as f64
}

/// Measures one run of a program.
pub(crate) fn measure(command: &[String]) -> anyhow::Result<Taken> {
    measure_with(&[], command)
}

/// Measures one run of a program, and puts what it prints into the file `output`.
pub(crate) fn measure_into(command: &[String], output: &Path) -> anyhow::Result<Taken> {
    measure_with(&["--output".as_ref(), output.as_os_str()], command)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this program measures another one by running it"
)]
fn measure_with(options: &[&OsStr], command: &[String]) -> anyhow::Result<Taken> {
    let output = Command::new(std::env::current_exe()?)
        .args(["bench", "process"])
        .args(options)
        .arg("--")
        .args(command)
        .output()?;
    ensure!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("the measurement could not be read")
}
