//! `iib manifest publish`: one list of several sources, published only if nothing is lost (spec workflows 8.2).

use anyhow::Context as _;
use oci::{Listing, guard, join};

use super::destination::{Destination, Load};
use super::source::Source;
use crate::cli::manifest::PublishArgs;
use crate::{registries, terminal};

/// Publishes and prints what changed.
pub(super) async fn run(args: PublishArgs) -> anyhow::Result<()> {
    let (client, _) = registries::client(&args.how.registries)?;
    let destination = Destination::look(&client, args.to).await?;
    let mut sources = Vec::new();
    for name in args.sources {
        sources.push(Source::read(&client, name).await?);
    }
    let lists: Vec<(String, Listing)> = sources
        .iter()
        .map(|source| (source.name.to_string(), source.listed.to_list()))
        .collect();
    let loads: Vec<Load<'_>> = (sources.iter().zip(&lists))
        .map(|(source, (_, list))| (&source.repository, list.descriptors().cloned().collect()))
        .collect();
    let mut lists = lists.into_iter();
    let first = lists.next().context("no source is named")?;
    let new = join(first, lists.collect())?;
    let current = destination.listed.as_ref().map(oci::Listed::to_list);
    let list = guard(&new, current.as_ref(), args.policy)
        .with_context(|| format!("`{}` is left as it is", destination.name))?;
    if !list.kept.is_empty() {
        let kept: Vec<String> = list.kept.iter().map(ToString::to_string).collect();
        terminal::complain(&format!(
            "warning: `{}` keeps what it has for {}, which the sources lack",
            destination.name,
            kept.join(", ")
        ));
    }
    let report = destination
        .apply(&client, &loads, list, args.how.dry_run)
        .await?;
    report.print(args.how.output);
    Ok(())
}
