//! `iib catalog convert`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use catalog::fbc::{self, Catalog, Output};

use super::output::NewDirectory;
use crate::cli::catalog::files::ConvertArgs;

/// Writes every file of the catalog anew in the other form, under the same path with its ending.
pub(crate) async fn run(args: ConvertArgs) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(move || convert(&args))
        .await
        .context("the work on the catalog was cut off")?
}

fn convert(args: &ConvertArgs) -> anyhow::Result<()> {
    let directory = NewDirectory::begin(&args.to)?;
    let output = Output::from(args.output);
    let mut written: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for path in fbc::files(&args.catalog)? {
        let bytes =
            fs::read(&path).with_context(|| format!("`{}` cannot be read", path.display()))?;
        let catalog = fbc::read(&bytes)
            .with_context(|| format!("`{}` cannot be read as part of a catalog", path.display()))?;
        if !is_complete(&catalog) {
            bail!(
                "`{}` has a channel, bundle or deprecation without a package, which is never written; name the package",
                path.display()
            );
        }
        let to = target(path.strip_prefix(&args.catalog).unwrap_or(&path), output);
        if let Some(other) = written.insert(to.clone(), path.clone()) {
            bail!(
                "`{}` and `{}` would both be written to `{}`; rename one of them",
                other.display(),
                path.display(),
                to.display()
            );
        }
        let mut text = Vec::new();
        catalog
            .write(output, &mut text)
            .with_context(|| format!("`{}` cannot be converted", path.display()))?;
        directory.file(&to, &text)?;
    }
    directory.publish()
}

/// Whether every blob that needs a package has one.
fn is_complete(catalog: &Catalog) -> bool {
    let mut packages = (catalog.channels.iter().map(|channel| &channel.package))
        .chain(catalog.bundles.iter().map(|bundle| &bundle.package))
        .chain(
            catalog
                .deprecations
                .iter()
                .map(|deprecations| &deprecations.package),
        )
        .chain(catalog.packages.iter().map(|package| &package.name));
    packages.all(|package| !package.is_empty())
}

/// The path with the ending of the form; an ending that stands for neither form stays in front of it.
fn target(path: &Path, output: Output) -> PathBuf {
    let known = path
        .extension()
        .is_some_and(|ending| ["json", "yaml", "yml"].iter().any(|known| ending == *known));
    if known {
        return path.with_extension(output.extension());
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(output.extension());
    PathBuf::from(name)
}
