//! `iib catalog render`.

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use builder::{Builder, BuilderConfig};
use catalog::fbc::{Catalog, Output};
use oci::PullSpec;

use super::load;
use crate::cli::RegistryArgs;
use crate::cli::catalog::files::{MigrateLevel, RenderArgs};
use crate::registries;

/// Writes what all inputs hold to standard output, as one catalog.
pub(crate) async fn run(args: RenderArgs) -> anyhow::Result<()> {
    let mut all = Catalog::default();
    for input in args.inputs {
        let rendered = input_catalog(&input, args.migrate_level, &args.registries).await;
        all.append(rendered.with_context(|| format!("rendering `{input}` failed"))?);
    }
    let output = Output::from(args.output);
    let work = move || {
        let mut out = BufWriter::new(io::stdout().lock());
        match all.write(output, &mut out).and_then(|()| out.flush()) {
            // `iib … | head` closes the pipe early; there is nobody left to tell.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.context("standard output cannot be written"),
        }
    };
    tokio::task::spawn_blocking(work)
        .await
        .context("the work on the catalog was cut off")?
}

async fn input_catalog(
    input: &str,
    level: MigrateLevel,
    args: &RegistryArgs,
) -> anyhow::Result<Catalog> {
    if Path::new(input).exists() {
        let path = PathBuf::from(input);
        return tokio::task::spawn_blocking(move || load::path(&path, level))
            .await
            .context("the work on the catalog was cut off")?;
    }
    let image: PullSpec = input
        .parse()
        .context("there is no such file or directory, and it is no pull spec")?;
    let (client, credentials) = registries::client(args)?;
    // Reading bundles writes nothing, so there is no directory to work in.
    let bundles = Builder::new(client, credentials, BuilderConfig::new(""))
        .read_bundles(&[image])
        .await
        .map_err(|error| anyhow::anyhow!(error.report()))?;
    let mut catalog = Catalog::default();
    for bundle in &bundles {
        catalog.append(load::of_bundle(bundle));
    }
    load::finish(catalog, level)
}
