//! `iib catalog diff`.

use std::io::{self, Write as _};

use anyhow::ensure;
use builder::IndexKind;
use catalog::Profile;
use catalog::diff::Diff;
use catalog::fbc::Catalog;
use oci::ImageName;
use serde::Serialize;

use super::load::{self, Rendering};
use super::{blocking, output};
use crate::Compared;
use crate::cli::RegistryArgs;
use crate::cli::catalog::Input;
use crate::cli::catalog::diff::{DiffArgs, DiffFormat};
use crate::cli::catalog::files::MigrateLevel;

/// Prints what changed; whether anything did is the exit code, if that is asked for.
pub(crate) async fn run(args: DiffArgs) -> anyhow::Result<()> {
    let exit_code = args.exit_code;
    Compared::end(compare(args).await, exit_code)
}

/// Whether the catalogs are the same.
async fn compare(args: DiffArgs) -> anyhow::Result<bool> {
    ensure!(
        (&args.old, &args.new) != (&Input::Stdin, &Input::Stdin),
        "standard input can be one of the catalogs, not both; write one of them to a file"
    );
    // Nothing is migrated: what is compared is what is there.
    let old = load::catalog(&args.old, MigrateLevel::None, &args.registries).await?;
    let new = load::catalog(&args.new, MigrateLevel::None, &args.registries).await?;
    blocking(move || {
        let diff = Diff::between(&old, &new);
        print(&diff, args.output)?;
        Ok(diff.is_empty())
    })
    .await
}

/// The catalog in an index image that keeps it as `kind` says.
pub(in crate::commands) async fn of_index(
    name: ImageName,
    kind: IndexKind,
    registries: &RegistryArgs,
) -> anyhow::Result<Catalog> {
    // A file-based index may have the label of a database too, from its binary image; its files count all the same.
    let profile = match kind {
        IndexKind::Database => Profile::A,
        IndexKind::FileBased => Profile::B,
    };
    let rendering = Rendering::as_it_is(profile);
    load::catalog(&Input::Image(name), rendering, registries).await
}

/// What is printed in each form.
pub(in crate::commands) trait Printed: Serialize {
    /// For people.
    fn text(&self) -> String;
    /// For a merge request.
    fn markdown(&self) -> String;
}

impl Printed for Diff<'_> {
    fn text(&self) -> String {
        self.to_text()
    }

    fn markdown(&self) -> String {
        self.to_markdown()
    }
}

/// Prints what changed. Blocking.
pub(in crate::commands) fn print(printed: &impl Printed, format: DiffFormat) -> anyhow::Result<()> {
    output::print(|out| match format {
        DiffFormat::Text => out.write_all(printed.text().as_bytes()),
        DiffFormat::Markdown => out.write_all(printed.markdown().as_bytes()),
        DiffFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, printed).map_err(io::Error::from)?;
            out.write_all(b"\n")
        }
    })
}
