//! `iib catalog diff`.

use std::io::{self, Write as _};

use anyhow::ensure;
use catalog::diff::Diff;

use super::{load, output};
use crate::Compared;
use crate::cli::catalog::Input;
use crate::cli::catalog::diff::{DiffArgs, DiffFormat};
use crate::cli::catalog::files::MigrateLevel;

/// Prints what changed; whether anything did is the exit code, if that is asked for.
pub(crate) async fn run(args: DiffArgs) -> anyhow::Result<()> {
    let exit_code = args.exit_code;
    match compare(args).await {
        Ok(false) if exit_code => Err(Compared::Different.into()),
        Ok(_) => Ok(()),
        Err(error) if exit_code => Err(Compared::Trouble(error).into()),
        Err(error) => Err(error),
    }
}

/// Whether the catalogs are the same.
async fn compare(args: DiffArgs) -> anyhow::Result<bool> {
    ensure!(
        (&args.old, &args.new) != (&Input::Stdin, &Input::Stdin),
        "standard input can be one of the catalogs, not both; write one of them to a file"
    );
    // Nothing is migrated: what is compared is what is there.
    let old = load::catalog(&args.old, MigrateLevel::None, &args.registries).await?;
    let new = load::catalog(&args.new, MigrateLevel::None, &args.registries).await?;
    super::blocking(move || {
        let diff = Diff::between(&old, &new);
        print(&diff, args.output)?;
        Ok(diff.is_empty())
    })
    .await
}

fn print(diff: &Diff<'_>, format: DiffFormat) -> anyhow::Result<()> {
    output::print(|out| match format {
        DiffFormat::Text => out.write_all(diff.to_text().as_bytes()),
        DiffFormat::Markdown => out.write_all(diff.to_markdown().as_bytes()),
        DiffFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, diff).map_err(io::Error::from)?;
            out.write_all(b"\n")
        }
    })
}
