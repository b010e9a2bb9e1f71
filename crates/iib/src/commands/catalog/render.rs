//! `iib catalog render`.

use catalog::fbc::Catalog;

use super::{load, output};
use crate::cli::catalog::files::RenderArgs;

/// Writes what all inputs hold to standard output, as one catalog.
pub(crate) async fn run(args: RenderArgs) -> anyhow::Result<()> {
    let mut all = Catalog::default();
    for input in &args.inputs {
        all.append(load::catalog(input, args.rendering, &args.registries).await?);
    }
    load::warn_left_out(all.unwritten(), "name their package");
    super::blocking(move || output::print(|out| all.write(args.rendering.output.into(), out))).await
}
