//! `iib catalog migrate`.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, ensure};
use catalog::fbc::{Catalog, Output};

use super::load;
use super::output::NewDirectory;
use crate::cli::catalog::files::MigrateArgs;

/// Writes one file per package into a new directory.
pub(crate) async fn run(args: MigrateArgs) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(move || migrate(&args))
        .await
        .context("the work on the catalog was cut off")?
}

fn migrate(args: &MigrateArgs) -> anyhow::Result<()> {
    let directory = NewDirectory::begin(&args.to)?;
    let input = Path::new(&args.input);
    ensure!(
        !load::is_bundle(input),
        "`{}` holds a bundle, which cannot be migrated; render it",
        args.input
    );
    let catalog = load::path(input, args.migrate_level)
        .with_context(|| format!("rendering `{}` failed", args.input))?;
    write(&catalog, args.output.into(), &directory)?;
    directory.publish()
}

fn write(catalog: &Catalog, output: Output, directory: &NewDirectory) -> anyhow::Result<()> {
    let file = format!("catalog.{}", output.extension());
    let mut text = Vec::new();
    for package in catalog.by_package() {
        let name = package.name();
        ensure!(
            is_file_name(name),
            "package `{name}` cannot be written: its name is no name of a directory; rename the package"
        );
        text.clear();
        package
            .write(output, &mut text)
            .with_context(|| format!("package `{name}` cannot be written"))?;
        directory.file(&PathBuf::from(name).join(&file), &text)?;
    }
    Ok(())
}

/// Whether a name stays below the directory it is used in; the reference tool writes `../x` where it says.
fn is_file_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!(components.next(), Some(Component::Normal(first)) if first == name)
        && components.next().is_none()
}
