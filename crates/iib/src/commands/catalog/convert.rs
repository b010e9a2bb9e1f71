//! `iib catalog convert`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use catalog::Profile;
use catalog::fbc::{self, Catalog, Output};
use tokio_util::sync::CancellationToken;

use super::load::{Directory, Files, Source};
use super::output::{self, NewDirectory};
use crate::cli::catalog::files::ConvertArgs;

/// Writes every file of the catalog anew in the other form: a directory's under the same path with its ending, or all as one stream.
pub(crate) async fn run(args: ConvertArgs) -> anyhow::Result<()> {
    let source = Source::open_catalog(&args.input, Profile::default()).await?;
    let output = Output::from(args.output);
    let to = args.to;
    let stop = CancellationToken::new();
    let _stopping = stop.clone().drop_guard();
    let doing = format!("converting `{}`", args.input.input);
    if to.as_os_str() == "-" {
        let catalog = super::working(&doing, move || whole(&source.files()?)).await?;
        return super::blocking(move || output::print(|out| catalog.write(output, out))).await;
    }
    super::working(&doing, move || match source.files()? {
        Files::Directory(directory, paths) => {
            convert(&directory, &paths, output, NewDirectory::begin(&to, stop)?)
        }
        stream @ Files::Stream(_) => output::file(&whole(&stream)?, output, &to),
    })
    .await
}

/// Writes each file to a file of its own.
fn convert(
    directory: &Directory,
    paths: &[PathBuf],
    output: Output,
    to: NewDirectory,
) -> anyhow::Result<()> {
    let mut written: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    for path in paths {
        let shown = directory.shown_path(path);
        let target = target(path.strip_prefix(&directory.path).unwrap_or(path), output);
        if let Some(other) = written.insert(target.clone(), shown) {
            bail!(
                "`{}` and `{}` would both be written to `{}`; rename one of them",
                other.display(),
                shown.display(),
                target.display()
            );
        }
        let catalog = read(directory, path)?;
        to.file(&target, |out| catalog.write(output, out))?;
    }
    to.publish()
}

/// All files as one catalog.
fn whole(files: &Files) -> anyhow::Result<Catalog> {
    let mut all = Catalog::default();
    match files {
        Files::Stream(bytes) => {
            all = fbc::read(bytes).context("the input cannot be read as a catalog")?;
            ensure_complete(&all, "the input")?;
        }
        Files::Directory(directory, paths) => {
            for path in paths {
                all.append(read(directory, path)?);
            }
        }
    }
    Ok(all)
}

fn read(directory: &Directory, path: &Path) -> anyhow::Result<Catalog> {
    let shown = format!("`{}`", directory.shown_path(path).display());
    let bytes = fs::read(path).with_context(|| format!("{shown} cannot be read"))?;
    let catalog = fbc::read(&bytes)
        .with_context(|| format!("{shown} cannot be read as part of a catalog"))?;
    ensure_complete(&catalog, &shown)?;
    Ok(catalog)
}

/// Refuses blobs that need a package and have none: they would be left out.
fn ensure_complete(catalog: &Catalog, what: &str) -> anyhow::Result<()> {
    ensure!(
        is_complete(catalog),
        "{what} has a channel, bundle or deprecation without a package, which is never written; name the package"
    );
    Ok(())
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
