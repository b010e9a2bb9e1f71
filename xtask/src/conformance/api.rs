//! The recorded cases of the REST contract, replayed against `iib serve`: one server per profile, each with a database of its own.

mod profile;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use clap::Args as ClapArgs;

use crate::conformance::api::profile::Profile;
use crate::service::Service;
use crate::service::database::{Choice, Database};
use crate::terminal::say;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The battery: `run.py` and `profiles.json`
    #[arg(long, default_value = "../shared/conformance/api")]
    from: PathBuf,
    /// A file or directory of cases (repeatable) [default: those of the battery]
    #[arg(long)]
    cases: Vec<PathBuf>,
    #[command(flatten)]
    database: Choice,
    /// The iib program to test [default: built from this checkout]
    #[arg(long)]
    iib: Option<PathBuf>,
    /// Only cases whose id fits this regular expression
    #[arg(long)]
    only: Option<String>,
    /// Refuse the sane answers that the battery accepts where the recorded one is a defect
    #[arg(long)]
    strict: bool,
}

/// Runs the battery; whether all passed.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let iib = match &args.iib {
        Some(iib) => iib.clone(),
        None => build()?,
    };
    let profiles = Profile::read_all(&args.from.join("profiles.json"))?;
    let work = tempfile::tempdir().context("a temporary directory could not be made")?;
    let mut running = Vec::new();
    for profile in &profiles {
        let directory = work.path().join(&profile.name);
        std::fs::create_dir(&directory)
            .with_context(|| format!("`{}` could not be made", directory.display()))?;
        let database = Database::new(&args.database, &directory, &profile.name)?;
        let configuration = profile.configuration(&directory, database.address())?;
        let service = Service::start(&iib, &configuration, &directory, &database)
            .with_context(|| format!("the profile `{}`", profile.name))?;
        running.push((profile, directory, service, database));
    }
    let mut battery = Battery::new(args);
    for (profile, directory, service, _) in &running {
        battery.add(profile, directory, service);
    }
    let passed = battery.run()?;
    // Each server ends as it does in production, and a panic or a leak that keeps it from it is a failure.
    for (profile, _, service, database) in running {
        service
            .end()
            .with_context(|| format!("the server of profile `{}`", profile.name))?;
        database.remove()?;
    }
    Ok(passed)
}

/// The program of this checkout.
#[expect(
    clippy::disallowed_methods,
    reason = "the program to test is built by cargo"
)]
fn build() -> anyhow::Result<PathBuf> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let output = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package=iib",
            "--message-format=json-render-diagnostics",
        ])
        .stderr(Stdio::inherit())
        .output()
        .context("cargo could not be run")?;
    ensure!(output.status.success(), "iib could not be built");
    let text = String::from_utf8(output.stdout).context("cargo speaks no UTF-8")?;
    text.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| {
            let is_iib = message.get("target")?.get("name")? == "iib";
            let program = message.get("executable")?.as_str()?;
            is_iib.then(|| PathBuf::from(program))
        })
        .context("cargo named no program")
}

/// A run of the battery.
struct Battery(Command);

impl Battery {
    #[expect(
        clippy::disallowed_methods,
        reason = "the battery is a program of its own"
    )]
    fn new(args: &Args) -> Self {
        let mut command = Command::new("python3");
        command.arg(args.from.join("run.py"));
        for cases in &args.cases {
            command.arg("--cases").arg(cases);
        }
        if let Some(only) = &args.only {
            command.args(["--only", only]);
        }
        if args.strict {
            command.arg("--strict");
        }
        Self(command)
    }

    fn add(&mut self, profile: &Profile, directory: &Path, service: &Service) {
        self.0
            .arg("--url")
            .arg(format!("{}={}", profile.name, service.url))
            .arg("--state")
            .arg(format!("{}={}", profile.name, directory.display()));
    }

    /// Whether every case passed, and none was left out.
    fn run(mut self) -> anyhow::Result<bool> {
        let output = self.0.output().context("the battery could not be run")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if text.trim().is_empty() {
            bail!(
                "the battery said nothing but: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        say(text.trim_end());
        let skips = text.lines().any(|line| line.starts_with("SKIP "));
        Ok(output.status.success() && !skips)
    }
}
