//! `iib catalog cache`.

use anyhow::{Context as _, bail, ensure};
use catalog::cache::{self, Change, Format, Integrity, Options, Report};
use serde_json::json;

use super::load::Source;
use crate::cli::OutputFormat;
use crate::cli::catalog::CacheArgs;
use crate::terminal;

/// Writes the cache, brings it up to date or checks it, and tells its digest.
pub(crate) async fn run(args: CacheArgs) -> anyhow::Result<()> {
    let output = args.output;
    let source = Source::open_catalog(&args.input, args.profile).await?;
    let doing = format!("working on the cache of `{}`", args.input.input);
    let done = super::working(&doing, move || write_or_check(source, &args)).await?;
    terminal::print(&match output {
        OutputFormat::Text => text(&done),
        OutputFormat::Json => json(&done),
    });
    Ok(())
}

/// What came of the command.
enum Done {
    Checked { digest: String },
    Wrote(Report),
}

fn write_or_check(source: Source, args: &CacheArgs) -> anyhow::Result<Done> {
    let catalog = source.directory()?;
    let found = cache::detect(&args.cache_dir)?;
    let name = &args.input.input;
    // Its digest covers the permissions of the files.
    ensure!(
        !catalog.is_copy() || args.format.or(found) != Some(Format::Json),
        "a cache in the format `json` belongs to a directory, not to `{name}`; name the directory that will be served"
    );
    if !args.check {
        let options = Options {
            format: args.format,
            profile: args.profile,
        };
        let write = if args.rewrite {
            cache::write
        } else {
            cache::update
        };
        return write(&catalog.path, &args.cache_dir, options)
            .map(Done::Wrote)
            .with_context(|| format!("making the cache of `{name}` failed"));
    }
    let dir = args.cache_dir.display();
    match cache::check(&catalog.path, &args.cache_dir)? {
        Integrity::Current { digest } => Ok(Done::Checked { digest }),
        Integrity::Stale { recorded, computed } => bail!(
            "the cache in `{dir}` does not belong to `{name}`: its digest is `{recorded}`, but that of what is there is `{computed}`; bring it up to date with `iib catalog cache`"
        ),
        Integrity::Absent => {
            bail!("`{dir}` holds no finished cache; write one with `iib catalog cache`")
        }
    }
}

fn text(done: &Done) -> String {
    let report = match done {
        Done::Checked { digest } => return format!("digest     {digest}"),
        Done::Wrote(report) => report,
    };
    let Report {
        digest,
        kept,
        written,
        deleted,
        bytes,
        ..
    } = report;
    let how = match report.change {
        Change::Unchanged => "up to date, nothing written".to_owned(),
        Change::Updated => {
            format!(
                "updated: kept {kept} records, wrote {written}, deleted {deleted}; {bytes} bytes"
            )
        }
        Change::Rewritten => format!("written: {written} records; {bytes} bytes"),
    };
    format!("digest     {digest}\ncache      {how}")
}

fn json(done: &Done) -> String {
    match done {
        Done::Checked { digest } => json!({ "digest": digest }),
        Done::Wrote(report) => json!({
            "digest": report.digest,
            "change": match report.change {
                Change::Unchanged => "unchanged",
                Change::Updated => "updated",
                Change::Rewritten => "rewritten",
            },
            "kept": report.kept,
            "written": report.written,
            "deleted": report.deleted,
            "bytes": report.bytes,
        }),
    }
    .to_string()
}
