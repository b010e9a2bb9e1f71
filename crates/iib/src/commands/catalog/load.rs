//! Reading the catalogs that a command line names.

mod image;
mod local;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use bundle::Bundle;
use catalog::Profile;
use catalog::fbc::{self, Catalog, CatalogError, LeftOut, TreeError};
use indexdb::IndexDb;
use tempfile::TempDir;

use super::{blocking, working};
use crate::cli::RegistryArgs;
use crate::cli::catalog::Input;
use crate::cli::catalog::files::{InputArgs, MigrateLevel, RenderingArgs};
use crate::{registries, terminal};

/// What a copy in its private directory is called.
const COPY: &str = "content";

/// How a catalog is rendered.
#[derive(Clone, Copy)]
pub(super) struct Rendering {
    level: MigrateLevel,
    profile: Profile,
}

impl Rendering {
    /// Without any change.
    pub(super) fn as_it_is(profile: Profile) -> Self {
        let level = MigrateLevel::None;
        Self { level, profile }
    }
}

impl From<MigrateLevel> for Rendering {
    /// In the default profile.
    fn from(level: MigrateLevel) -> Self {
        let profile = Profile::default();
        Self { level, profile }
    }
}

impl From<RenderingArgs> for Rendering {
    fn from(args: RenderingArgs) -> Self {
        Self {
            level: args.migrate_level,
            profile: args.profile,
        }
    }
}

/// Warns of blobs that are not written.
pub(super) fn warn_left_out(left_out: LeftOut, remedy: &str) {
    if !left_out.is_empty() {
        terminal::complain(&format!(
            "warning: blobs are left out: {left_out}; {remedy}"
        ));
    }
}

/// Reads what the input names and renders it: a catalog as it is, a database's catalog, a bundle as a catalog of its own.
///
/// # Errors
/// Names the input, and what is wrong with it. Nothing is validated, except what makes a database unreadable.
pub(super) async fn catalog(
    input: &Input,
    rendering: impl Into<Rendering>,
    registries: &RegistryArgs,
) -> anyhow::Result<Catalog> {
    let rendering = rendering.into();
    let source = Source::open(input, registries, rendering.profile).await?;
    let doing = format!("reading `{input}`");
    working(&doing, move || source.render(rendering)).await
}

/// What an input turned out to be. Opening it brings it here; nothing is read as a catalog yet.
pub(super) struct Source {
    input: Input,
    content: Content,
}

/// The kinds of catalogs. What is copied or pulled lies in a private directory, under the name [`COPY`].
enum Content {
    /// A stream of blobs.
    Stream(Vec<u8>),
    /// The directory of a catalog.
    Directory(Directory),
    /// An index database.
    Database(Database),
    /// A bundle.
    Bundle(Box<Bundle>),
}

/// The file of an index database, which is only read.
struct Database {
    path: PathBuf,
    /// The private directory it is in, if it was pulled.
    _work: Option<TempDir>,
}

/// The directory of a catalog.
pub(super) struct Directory {
    /// Where it is.
    pub(super) path: PathBuf,
    /// The private directory it is in, if it was copied.
    work: Option<TempDir>,
}

/// The files that a file-based catalog is made of.
pub(super) enum Files {
    /// One stream of blobs.
    Stream(Vec<u8>),
    /// All files of a directory, in order.
    Directory(Directory, Vec<PathBuf>),
}

impl Source {
    /// Brings what the input names here.
    pub(super) async fn open(
        input: &Input,
        registries: &RegistryArgs,
        profile: Profile,
    ) -> anyhow::Result<Self> {
        let content = match input {
            Input::Stdin => blocking(local::stdin)
                .await
                .with_context(|| failed(input))?,
            Input::Path(path) => {
                let path = path.clone();
                let opened = blocking(move || local::path(&path)).await;
                opened.with_context(|| failed(input))?
            }
            // What goes wrong there names the image itself.
            Input::Image(name) => image::open(name, registries, profile).await?,
        };
        ensure!(
            profile.reads_databases || !matches!(content, Content::Database(_)),
            "`{input}` is not a directory but an index database, and profile `{profile}` reads none; choose profile `{}`",
            Profile::A
        );
        Ok(Self {
            content,
            input: input.clone(),
        })
    }

    /// Brings what the input names here, but refuses a bundle, which is no catalog by itself.
    pub(super) async fn open_catalog(args: &InputArgs, profile: Profile) -> anyhow::Result<Self> {
        let source = Self::open(&args.input, &args.registries, profile).await?;
        ensure!(
            !matches!(source.content, Content::Bundle(_)),
            "`{}` is a bundle, which is no catalog by itself; see it as blobs with `iib catalog render`",
            args.input
        );
        Ok(source)
    }

    /// The catalog as rendering gives it. Blocking.
    pub(super) fn render(&self, rendering: impl Into<Rendering>) -> anyhow::Result<Catalog> {
        let Rendering { level, profile } = rendering.into();
        let read = self.content.read(profile, level);
        let mut catalog = read.with_context(|| failed(&self.input))?;
        catalog.arrange();
        match level {
            MigrateLevel::None => {}
            // Where reading a database did that already, nothing is left to do.
            MigrateLevel::BundleObjectToCsvMetadata | MigrateLevel::All => {
                catalog
                    .embed_csv_metadata()
                    .with_context(|| failed(&self.input))?;
            }
        }
        Ok(catalog)
    }

    /// The catalog as it is. Blocking.
    pub(super) fn read(&self, profile: Profile) -> anyhow::Result<Catalog> {
        self.content
            .read(profile, MigrateLevel::None)
            .with_context(|| failed(&self.input))
    }

    /// The files of a file-based catalog. Blocking.
    pub(super) fn files(self) -> anyhow::Result<Files> {
        Ok(match self.content {
            Content::Stream(bytes) => Files::Stream(bytes),
            Content::Directory(directory) => {
                let paths = fbc::files(&directory.path)
                    .map_err(|error| directory.shown(error.into()))
                    .with_context(|| failed(&self.input))?;
                Files::Directory(directory, paths)
            }
            Content::Database(_) | Content::Bundle(_) => bail!(not_file_based(&self.input)),
        })
    }

    /// The directory of a file-based catalog; one is made for a stream. Blocking.
    pub(super) fn directory(self) -> anyhow::Result<Directory> {
        match self.content {
            Content::Stream(bytes) => {
                let work = tempfile::tempdir().context("a private directory could not be made")?;
                let path = work.path().join(COPY);
                fs::create_dir(&path)
                    .and_then(|()| fs::write(path.join("catalog"), bytes))
                    .context("the catalog could not be copied")?;
                let work = Some(work);
                Ok(Directory { path, work })
            }
            Content::Directory(directory) => Ok(directory),
            Content::Database(_) | Content::Bundle(_) => bail!(not_file_based(&self.input)),
        }
    }
}

fn failed(input: &Input) -> String {
    format!("reading `{input}` failed")
}

fn not_file_based(input: &Input) -> String {
    format!("`{input}` is no file-based catalog; make one of it with `iib catalog migrate`")
}

impl Content {
    /// The catalog; that of a database at `level`, others as they are.
    fn read(&self, profile: Profile, level: MigrateLevel) -> anyhow::Result<Catalog> {
        Ok(match self {
            Self::Stream(bytes) => fbc::read(bytes)?,
            Self::Directory(directory) => {
                Catalog::read_tree(&directory.path).map_err(|error| directory.shown(error))?
            }
            Self::Database(database) => {
                let epoch = registries::source_date_epoch()?;
                let database = IndexDb::open_unchanged(&database.path, epoch)?;
                match level {
                    MigrateLevel::None => database.catalog()?,
                    MigrateLevel::BundleObjectToCsvMetadata | MigrateLevel::All => {
                        database.catalog_with_csv_metadata(None)?
                    }
                }
            }
            Self::Bundle(bundle) => Catalog {
                bundles: vec![bundle.to_blob(profile)?],
                ..Catalog::default()
            },
        })
    }
}

impl Directory {
    /// Whether the directory is a copy: permissions and times are not those of the original.
    pub(super) fn is_copy(&self) -> bool {
        self.work.is_some()
    }

    /// The path of a file in it as people know it: of a copy, the path within.
    pub(super) fn shown_path<'p>(&self, path: &'p Path) -> &'p Path {
        match path.strip_prefix(&self.path) {
            Ok(inside) if self.is_copy() => inside,
            _ => path,
        }
    }

    /// The error with the paths that people know.
    fn shown(&self, mut error: CatalogError) -> CatalogError {
        if let CatalogError::File { path, .. }
        | CatalogError::Tree(
            TreeError::Io { path, .. }
            | TreeError::NoDirectory { path }
            | TreeError::LinkToDirectory { path }
            | TreeError::Encoding { path },
        ) = &mut error
        {
            *path = self.shown_path(path).to_owned();
        }
        error
    }
}
