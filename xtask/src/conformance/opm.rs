//! Every recorded scenario of opm, step by step, against our libraries: each step must end as the recorded one did and leave the
//! same content.
//!
//! The bundles come out of a registry of our own, by the pull specs that the scenarios name. `golden` does and judges the steps;
//! a scenario that cannot be judged to its end is counted under a heading of its own.

mod archive;
mod image;
mod labels;
mod served;

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args as ClapArgs;
use golden::{Corpus, Report, Scenario, Verdict};

use crate::terminal::say;
use served::Served;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The directory of scenarios; its `images.txt`, if there is one, says which image was made of which bundle
    #[arg(long, default_value = "../shared/conformance/opm", value_name = "DIR")]
    from: PathBuf,
    /// A directory with bundles somewhere below, as `<package>/<version>/`; repeatable
    #[arg(
        long = "corpus",
        default_value = "../shared/corpus",
        value_name = "DIR"
    )]
    corpora: Vec<PathBuf>,
    /// Replay only scenarios whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Runs every scenario; whether all passed.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let mut folders = Scenario::folders(&args.from)?;
    if let Some(part) = &args.only {
        folders.retain(|folder| {
            let name = folder.file_name().unwrap_or_default();
            name.to_string_lossy().contains(part)
        });
    }
    ensure!(
        !folders.is_empty(),
        "`{}` holds no such scenarios; name another directory with `--from`",
        args.from.display()
    );
    let corpus = Corpus::read(&args.from.join("images.txt"), &args.corpora)?;
    let bundles = Served::start(corpus)?;
    let reports = golden::replay_all(&folders, |_| true, &bundles);
    Ok(tell(&reports))
}

/// Prints what differs and the counts; whether all passed.
fn tell(reports: &[Report]) -> bool {
    let (mut passed, mut failed, mut steps, mut by_names) = (0, 0, 0, 0);
    let (mut debris, mut random) = (0, 0);
    for report in reports {
        match &report.result {
            Err(error) => {
                failed += 1;
                say(&format!("{}: FAILED: {error:#}", report.name));
            }
            Ok(outcome) => {
                passed += 1;
                steps += outcome.judged;
                by_names += outcome.by_names;
                match outcome.verdict {
                    Verdict::Whole => {}
                    Verdict::Debris => debris += 1,
                    Verdict::Random => random += 1,
                }
            }
        }
    }
    say(&format!("{steps} steps of the passed scenarios judged"));
    if by_names > 0 {
        say(&format!(
            "{by_names} of them refused with an error nobody described: compared by the names in it alone"
        ));
    }
    say(&format!(
        "{debris} of the passed scenarios judged up to a failed step, on whose debris later steps rest"
    ));
    say(&format!(
        "{random} of the passed scenarios judged up to a step whose recorded result is random"
    ));
    say(&format!("{passed} passed, {failed} failed"));
    failed == 0
}
