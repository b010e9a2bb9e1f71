//! `iib index diff`: what changed between two index images.

mod image;

use anyhow::bail;
use builder::{Builder, IndexImage};
use catalog::diff::Diff;
use catalog::fbc::Catalog;
use oci::ImageName;
use serde::Serialize;

use self::image::ImageDiff;
use super::catalog::diff::{self as catalog_diff, Printed};
use crate::blocking::blocking;
use crate::cli::RegistryArgs;
use crate::cli::index::IndexDiffArgs;
use crate::{Compared, registries, service};

/// The version of the JSON form.
const VERSION: u32 = 1;

/// Prints what changed; whether anything did is the exit code, if that is asked for.
pub(crate) async fn run(args: IndexDiffArgs) -> anyhow::Result<()> {
    let asked_to_end = service::termination()?;
    let exit_code = args.exit_code;
    let same = tokio::select! {
        same = compare(args) => same,
        () = asked_to_end => bail!("interrupted"),
    };
    Compared::end(same, exit_code)
}

/// Whether both names are of the same image.
async fn compare(args: IndexDiffArgs) -> anyhow::Result<bool> {
    let (builder, _work_dir) = registries::builder(&args.registries, None)?;
    let old = look_at(&builder, &args.old).await?;
    let new = look_at(&builder, &args.new).await?;
    let same = old.digest == new.digest;
    // The names by digest: a tag that moves now does not mix one image's layers with another's catalog.
    let (before, after) = if same {
        (Catalog::default(), Catalog::default())
    } else {
        (
            read(&old, &args.registries).await?,
            read(&new, &args.registries).await?,
        )
    };
    blocking(move || {
        let diff = IndexDiff {
            version: VERSION,
            names: [&args.old, &args.new].map(ToString::to_string),
            image: ImageDiff::between(&old, &new),
            catalog: Diff::between(&before, &after),
        };
        catalog_diff::print(&diff, args.output)
    })
    .await?;
    Ok(same)
}

async fn look_at(builder: &Builder, name: &ImageName) -> anyhow::Result<IndexImage> {
    let image = builder.look_at(name).await;
    image.map_err(|error| anyhow::anyhow!(error.report()))
}

async fn read(image: &IndexImage, registries: &RegistryArgs) -> anyhow::Result<Catalog> {
    catalog_diff::of_index(image.resolved.clone(), image.kind, registries).await
}

/// What changed between two index images.
#[derive(Serialize)]
struct IndexDiff<'d> {
    version: u32,
    /// Before and after, as they were written.
    names: [String; 2],
    image: ImageDiff,
    catalog: Diff<'d>,
}

impl Printed for IndexDiff<'_> {
    fn text(&self) -> String {
        let [old, new] = &self.names;
        format!(
            "before     {old}\nafter      {new}\n{}\n\n{}",
            self.image.text(),
            self.catalog.to_text()
        )
    }

    fn markdown(&self) -> String {
        let [old, new] = &self.names;
        format!(
            "## Index image changes\n\nFrom `{old}` to `{new}`.\n\n```text\n{}\n```\n\n{}",
            self.image.text(),
            self.catalog.to_markdown()
        )
    }
}
