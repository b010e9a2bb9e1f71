//! `iib catalog migrate`.

use std::path::{Component, Path, PathBuf};

use anyhow::ensure;
use catalog::Profile;
use catalog::fbc::{Catalog, Output};
use rayon::prelude::*;
use tokio_util::sync::CancellationToken;

use super::load::{self, Source};
use super::output::{self, NewDirectory};
use crate::cli::catalog::files::MigrateArgs;

/// Writes one file per package into a new directory.
pub(crate) async fn run(args: MigrateArgs) -> anyhow::Result<()> {
    output::ensure_free(&args.to)?;
    let profile = args.rendering.profile;
    let source = Source::open_catalog(&args.input, profile).await?;
    let stop = CancellationToken::new();
    let _stopping = stop.clone().drop_guard();
    let doing = format!("migrating `{}`", args.input.input);
    super::working(&doing, move || {
        let catalog = source.render(args.rendering)?;
        // Begun late: a run that is killed while it reads leaves nothing at all.
        let directory = NewDirectory::begin(&args.to, stop)?;
        write(&catalog, profile, args.rendering.output.into(), &directory)?;
        directory.publish()?;
        let remedy = if profile.migrates_everything {
            "name their package"
        } else {
            "keep them with `--profile b`"
        };
        load::warn_left_out(catalog.left_out(profile), remedy);
        Ok(())
    })
    .await
}

fn write(
    catalog: &Catalog,
    profile: Profile,
    output: Output,
    directory: &NewDirectory,
) -> anyhow::Result<()> {
    let name = format!("catalog.{}", output.extension());
    let written: Vec<anyhow::Result<()>> = catalog
        .migrated(profile)
        .par_iter()
        .map(|file| {
            let package = file.package();
            ensure!(
                package.is_empty() || is_file_name(package),
                "package `{package}` cannot be written: its name is no name of a directory; rename the package"
            );
            let path = PathBuf::from(package).join(&name);
            directory.file(&path, |out| file.write(output, out))
        })
        .collect();
    // Of several errors the first one counts, whichever thread found one first.
    written.into_iter().collect()
}

/// Whether a name stays below the directory it is used in. The reference tool of profile A writes `../x` where it says; nobody
/// wants that, so it is refused in all profiles.
fn is_file_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!(components.next(), Some(Component::Normal(first)) if first == name)
        && components.next().is_none()
}
