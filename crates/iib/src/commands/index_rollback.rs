//! `iib index rollback`: an index's tag, moved back to what it pointed to before.

use anyhow::{bail, ensure};
use builder::Rollback;
use jiff::Timestamp;
use oci::Digest;
use serde_json::json;

use super::index_build::Progress;
use crate::cli::OutputFormat;
use crate::cli::index::IndexRollbackArgs;
use crate::ledger::{self, Former, Ledger};
use crate::{registries, service, terminal};

/// Moves the tag back, and prints from where to where.
pub(crate) async fn run(args: IndexRollbackArgs) -> anyhow::Result<()> {
    let asked_to_end = service::termination()?;
    let moved = tokio::select! {
        moved = roll_back(&args) => moved?,
        () = asked_to_end => bail!(
            "interrupted; see where the tag is with `iib index inspect {}`",
            args.index
        ),
    };
    terminal::print(&match args.output {
        OutputFormat::Text => moved.describe(&args),
        OutputFormat::Json => moved.to_json(&args),
    });
    Ok(())
}

async fn roll_back(args: &IndexRollbackArgs) -> anyhow::Result<Moved> {
    let (builder, _work_dir) = registries::builder(&args.registries, None)?;
    let ledger = Ledger::at(&args.state)?;
    let index = &args.index;
    let report = |error: builder::Error| anyhow::anyhow!(error.report());
    let current = builder.current(index).await.map_err(report)?;
    let (to, recorded) = match &args.to {
        Some(to) => (to.clone(), None),
        None => former(args, &ledger, current.digest()).await?,
    };
    ensure!(
        to != *current.digest(),
        "`{index}` points to `{to}` already: there is nothing to move"
    );
    let planned = builder.plan_rollback(current, to).await;
    let rollback = planned.map_err(report)?;
    if !args.dry_run {
        let progress = Progress::new(Some(ledger.record(index).await?));
        rollback.execute(&progress).await.map_err(report)?;
        progress.confirm().await;
    }
    Ok(Moved { rollback, recorded })
}

/// What the tag pointed to before it was moved to where it is, and when that was recorded.
async fn former(
    args: &IndexRollbackArgs,
    ledger: &Ledger,
    current: &Digest,
) -> anyhow::Result<(Digest, Option<Timestamp>)> {
    let index = &args.index;
    let entries = ledger.read(index).await?;
    let path = ledger.path().display();
    match ledger::former(&entries, current) {
        Former::Known(entry) => Ok((entry.from.clone(), Some(entry.time))),
        Former::MovedSince(entry) => bail!(
            "`{index}` points to `{current}`, but the last overwrite recorded in `{path}` moved it to `{}` (from `{}`): somebody else has moved it since; name the digest to move it to with `--to`",
            entry.to,
            entry.from
        ),
        Former::Unknown => bail!(
            "no overwrite that moved `{index}` to where it is, `{current}`, is recorded in `{path}`; name the digest to move it to with `--to`, or another ledger's directory with `--state-dir`"
        ),
    }
}

/// A move that was made, or would be.
struct Moved {
    rollback: Rollback,
    /// When the overwrite was recorded that it takes back.
    recorded: Option<Timestamp>,
}

impl Moved {
    fn describe(&self, args: &IndexRollbackArgs) -> String {
        let planned = self.rollback.planned();
        let source = match self.recorded {
            Some(time) => format!("the overwrite recorded at {time} is taken back"),
            None => "named with `--to`".to_owned(),
        };
        let arches = self.rollback.arches().iter().map(ToString::to_string);
        let outcome = if args.dry_run {
            "nothing was changed: this is what would be done"
        } else {
            "the tag was moved"
        };
        [
            format!("index      {}", args.index),
            format!("from       {}", planned.from),
            format!("to         {}", planned.to),
            format!("           {source}"),
            format!("arches     {}", arches.collect::<Vec<_>>().join(", ")),
            format!("result     {outcome}"),
        ]
        .join("\n")
    }

    fn to_json(&self, args: &IndexRollbackArgs) -> String {
        let planned = self.rollback.planned();
        let arches = self.rollback.arches().iter().map(ToString::to_string);
        json!({
            "index": args.index.to_string(),
            "from": planned.from,
            "to": planned.to,
            "recorded": self.recorded,
            "arches": arches.collect::<Vec<_>>(),
            "moved": !args.dry_run,
        })
        .to_string()
    }
}
