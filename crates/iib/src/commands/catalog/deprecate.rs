//! `iib catalog deprecate`.

use indexdb::{DeprecateOptions, Deprecated};
use serde_json::json;

use crate::cli::OutputFormat;
use crate::cli::catalog::DeprecateArgs;
use crate::terminal;

/// Deprecates the bundles and tells what they took with them.
pub(crate) async fn run(args: DeprecateArgs) -> anyhow::Result<()> {
    let options = DeprecateOptions {
        allow_package_removal: args.allow_package_removal,
        permissive: args.permissive,
    };
    let bundles = args.bundles;
    let deprecated = super::change(args.database.path, move |index| {
        index.deprecate(&bundles, &options)
    })
    .await?;
    tell(&deprecated, args.database.output);
    Ok(())
}

fn tell(deprecated: &Deprecated, format: OutputFormat) {
    super::warn(&deprecated.skipped);
    terminal::print(&match format {
        OutputFormat::Text => format!(
            "deprecated {} bundles\nremoved    {} packages, {} bundles",
            deprecated.bundles.len(),
            deprecated.packages.len(),
            deprecated.removed.len()
        ),
        OutputFormat::Json => json!({
            "bundles_deprecated": deprecated.bundles,
            "packages_removed": deprecated.packages,
            "bundles_removed": deprecated.removed,
            "skipped": super::messages(&deprecated.skipped),
        })
        .to_string(),
    });
}
