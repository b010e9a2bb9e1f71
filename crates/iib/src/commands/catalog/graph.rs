//! `iib catalog graph`.

use std::fs;
use std::io::Write as _;

use anyhow::Context as _;
use catalog::fbc::Catalog;
use catalog::graph;

use super::{load, output};
use crate::cli::catalog::files::MigrateLevel;
use crate::cli::catalog::graph::{GraphArgs, GraphFormat};

/// Draws the upgrade graphs of packages.
pub(crate) async fn run(args: GraphArgs) -> anyhow::Result<()> {
    let (input, registries) = (&args.input.input, &args.input.registries);
    // It is drawn whether it is valid or not.
    let catalog = load::catalog(input, MigrateLevel::None, registries).await?;
    super::blocking(move || draw(&catalog, &args)).await
}

fn draw(catalog: &Catalog, args: &GraphArgs) -> anyhow::Result<()> {
    let graphs = graph::select(catalog, &args.package, &args.channel)
        .with_context(|| format!("`{}` cannot be drawn", args.input.input))?;
    let text = match args.output {
        GraphFormat::Mermaid => graph::mermaid(&graphs),
        GraphFormat::Dot => graph::dot(&graphs),
        GraphFormat::Svg => graph::svg(&graphs),
    };
    match &args.to {
        Some(path) => fs::write(path, text)
            .with_context(|| format!("`{}` could not be written", path.display())),
        None => output::print(|out| out.write_all(text.as_bytes())),
    }
}
