//! Every recorded bundle: the images found in it, other ones put in their place, and an organisation's customisations, against what the
//! reference made of the same bundle. `golden` does and judges.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use golden::Corpus;

use crate::terminal::say;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The directory of recordings
    #[arg(
        long,
        default_value = "../shared/conformance/bundle",
        value_name = "DIR"
    )]
    from: PathBuf,
    /// A directory with bundles somewhere below, as `<package>/<version>/`; repeatable
    #[arg(
        long = "corpus",
        default_value = "../shared/corpus",
        value_name = "DIR"
    )]
    corpora: Vec<PathBuf>,
    /// Judge only results whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Judges every result; whether all passed.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let corpus = Corpus::read(&args.from.join("images.txt"), &args.corpora)?;
    let mut all = golden::judge_bundles(&args.from, &corpus)?;
    if let Some(part) = &args.only {
        all.retain(|judged| judged.name.contains(part));
    }
    let mut failed = 0;
    for judged in &all {
        if let Err(error) = &judged.result {
            failed += 1;
            say(&format!("{}: FAILED: {error:#}", judged.name));
        }
    }
    say(&format!("{} passed, {failed} failed", all.len() - failed));
    Ok(failed == 0 && !all.is_empty())
}
