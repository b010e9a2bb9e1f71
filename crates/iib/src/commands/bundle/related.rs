//! `iib bundle related`: the bundles that a bundle names.

use std::fmt::Write as _;

use anyhow::bail;
use builder::{Checkpoint, Related, RelatedRequest};
use serde_json::json;

use crate::cli::OutputFormat;
use crate::cli::bundle::BundleRelatedArgs;
use crate::commands::index_build::Progress;
use crate::{service, terminal};

pub(crate) async fn run(args: BundleRelatedArgs) -> anyhow::Result<()> {
    let asked_to_end = service::termination()?;
    let (builder, _work_dir) =
        super::builder(&args.registries, &args.cache, &args.organization, false)?;
    let request = RelatedRequest {
        parent: args.image.clone(),
        organization: args.organization.organization.clone(),
        direct_only: !args.recursive,
        auths: None,
    };
    let progress = Progress::new(None);
    let found = tokio::select! {
        found = builder.related_bundles(&request, &progress, Checkpoint::default()) => Some(found),
        () = asked_to_end => None,
    };
    progress.end();
    let Some(found) = found else {
        bail!("interrupted");
    };
    let found = found.map_err(|error| anyhow::anyhow!(error.report()))?;
    terminal::print(&match args.output {
        OutputFormat::Text => tree(&found),
        OutputFormat::Json => {
            let edges: Vec<_> = found
                .edges
                .iter()
                .map(|(bundle, child)| [&found.bundles[*bundle], &found.bundles[*child]])
                .collect();
            json!({"bundles": found.bundles, "names": edges}).to_string()
        }
    });
    Ok(())
}

/// Every bundle below the one that names it; one that several name is shown in full where it is met first.
fn tree(found: &Related) -> String {
    fn add(
        found: &Related,
        bundle: usize,
        indent: usize,
        shown: &mut Vec<usize>,
        text: &mut String,
    ) {
        let repeated = shown.contains(&bundle);
        let children: Vec<usize> = found
            .edges
            .range((bundle, 0)..=(bundle, usize::MAX))
            .map(|(_, child)| *child)
            .collect();
        let mark = if repeated && !children.is_empty() {
            " (see above)"
        } else {
            ""
        };
        let blanks = "  ".repeat(indent);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{blanks}{}{mark}", found.bundles[bundle]);
        if repeated {
            return;
        }
        shown.push(bundle);
        for child in children.into_iter().rev() {
            add(found, child, indent + 1, shown, text);
        }
    }
    let mut text = String::new();
    // The parent is the last.
    if let Some(parent) = found.bundles.len().checked_sub(1) {
        add(found, parent, 0, &mut Vec::new(), &mut text);
    }
    text.trim_end().to_owned()
}
