//! `iib manifest merge`: what the source has, and what only the destination has (spec workflows 8.1).

use anyhow::Context as _;
use oci::{Arch, Selection, merge};

use super::destination::Destination;
use super::source::Source;
use crate::cli::manifest::MergeArgs;
use crate::{registries, terminal};

/// Merges and prints what changed.
pub(super) async fn run(args: MergeArgs) -> anyhow::Result<()> {
    let (client, _) = registries::client(&args.how.registries)?;
    let selection = selection(args.arches, args.exclude_arches);
    let destination = Destination::look(&client, args.into).await?;
    let source = Source::read(&client, args.source).await?;
    let list =
        merge(&source.listed, destination.listed.as_ref(), &selection).with_context(|| {
            format!(
                "`{}` cannot be merged into `{}`",
                source.name, destination.name
            )
        })?;
    let report = if let Some(list) = list {
        let load = (&source.repository, list.taken.clone());
        destination
            .apply(&client, &[load], list, args.how.dry_run)
            .await?
    } else {
        terminal::complain(&format!(
            "warning: `{}` has none of the selected architectures; `{}` stays as it is",
            source.name, destination.name
        ));
        destination.report(None, None)
    };
    report.print(args.how.output);
    Ok(())
}

fn selection(arches: Vec<Arch>, exclude: Vec<Arch>) -> Selection {
    if !arches.is_empty() {
        Selection::Only(arches.into_iter().collect())
    } else if !exclude.is_empty() {
        Selection::Except(exclude.into_iter().collect())
    } else {
        Selection::All
    }
}
