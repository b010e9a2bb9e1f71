//! The catalog of a file-based from-index, whoever made it, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog::fbc::Catalog;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{BlobCache, ImageName, ImageRepository, Layout, Limits};

use super::change::{self, Changes};
use super::changed::Changed;
use super::database::{self, StoredDatabase};
use super::delta::{self, Outcome};
use super::facts::{BundleFacts, UnitFiles, UnitPath};
use super::normalise::{self, yaml_stem};
use super::stack::{LayerKind, Stack, StackLayer};
use super::view::{self, CatalogView};
use super::whole;
use crate::blocking::blocking;
use crate::catalog_change::{self, CatalogChange};
use crate::config::BuilderConfig;
use crate::error::{ContentError, Error};
use crate::labels;
use crate::level::MigrateLevel;
use crate::stages::prepare::{FoundIndex, FoundKind};

/// The catalog of a file-based index.
pub(crate) struct CatalogSource<'run> {
    blobs: &'run BlobCache,
    config: &'run BuilderConfig,
    index: &'run FoundIndex,
    directory: &'run Path,
    origin: String,
    /// How its packages of the database are shown from now on.
    level: MigrateLevel,
    state: State,
}

enum State {
    /// An image of ours: looked at layer by layer, and built upon.
    Ours {
        stack: Stack,
        view: Arc<CatalogView>,
        database: Option<StoredDatabase>,
    },
    /// An image of another tool: copied out and written anew.
    Foreign {
        configs: PathBuf,
        database: Option<PathBuf>,
    },
}

/// The layers of ours in an index that keeps its catalog at `path`, and the catalog in them; `None` if another tool made it.
pub(crate) async fn open_view(
    blobs: &BlobCache,
    index: &FoundIndex,
    path: &str,
    directory: &Path,
) -> Result<Option<(Stack, CatalogView)>, Error> {
    if path != labels::CONFIGS_PATH {
        return Ok(None);
    }
    let (manifest, config) = (&index.platform.manifest, &index.platform.config);
    let Some(stack) = Stack::recognise(manifest, config) else {
        return Ok(None);
    };
    let view = CatalogView::open(blobs, &index.image, &stack, directory).await?;
    Ok(view.map(|view| (stack, view)))
}

/// What is in a catalog.
pub(crate) struct Listed {
    /// The packages that any blob names.
    pub(crate) packages: BTreeSet<String>,
    /// All bundles.
    pub(crate) bundles: Vec<BundleFacts>,
}

/// What becomes of the hidden database.
pub(crate) enum DatabaseChange {
    /// It stays as it is, or absent.
    Keep,
    /// This file takes its place.
    Replace(PathBuf),
}

impl<'run> CatalogSource<'run> {
    /// Opens the catalog of `index`. `directory` is the request's own.
    ///
    /// # Errors
    /// [`ContentError::NotFileBased`] for an SQLite index, and what cannot be read.
    pub(crate) async fn open(
        blobs: &'run BlobCache,
        config: &'run BuilderConfig,
        index: &'run FoundIndex,
        directory: &'run Path,
    ) -> Result<Self, Error> {
        let FoundKind::FileBased(path) = &index.kind else {
            return Err(Error::from(ContentError::NotFileBased {
                index: Box::new(index.image.name.clone()),
            }));
        };
        let level = config.migrate_level(&index.version);
        let state = match Self::ours(blobs, index, path, directory).await? {
            Some(ours) => ours,
            None => Self::foreign(config, index, path, directory).await?,
        };
        Ok(Self {
            blobs,
            config,
            index,
            directory,
            origin: origin_of(&index.image.name),
            level,
            state,
        })
    }

    async fn ours(
        blobs: &BlobCache,
        index: &FoundIndex,
        path: &str,
        directory: &Path,
    ) -> Result<Option<State>, Error> {
        let Some((stack, view)) = open_view(blobs, index, path, directory).await? else {
            return Ok(None);
        };
        let database = match stack.database() {
            Some(layer) => Some(
                StoredDatabase::open(blobs, &index.image, layer, labels::HIDDEN_DATABASE_PATH)
                    .await?,
            ),
            None => None,
        };
        Ok(Some(State::Ours {
            stack,
            view: Arc::new(view),
            database,
        }))
    }

    async fn foreign(
        config: &BuilderConfig,
        index: &FoundIndex,
        path: &str,
        directory: &Path,
    ) -> Result<State, Error> {
        let (image, platform) = (&index.image, &index.platform);
        tracing::info!(
            "`{}` was not made by this version of iib: its catalog is written anew",
            image.name
        );
        let local = local_copy(config, index, directory).await?;
        let configs = directory.join("configs");
        image
            .extract_catalog(&local, platform, path, &configs)
            .await?;
        let (manifest, limits) = (&platform.manifest, Limits::index());
        let file = directory.join("hidden.db");
        let hidden = labels::HIDDEN_DATABASE_PATH;
        let database = oci::extract_file(&local, manifest, hidden, &file, &limits)
            .await
            .map_err(|source| image.read(source))?
            .map(|_| file);
        Ok(State::Foreign { configs, database })
    }

    /// How packages of the database are to be rendered.
    pub(crate) fn level(&self) -> MigrateLevel {
        self.level
    }

    /// The index.
    pub(crate) fn name(&self) -> &ImageName {
        &self.index.image.name
    }

    /// The names of the packages in the hidden database; none if there is no database.
    pub(crate) async fn database_packages(&self) -> Result<BTreeSet<String>, Error> {
        let (image, epoch) = (&self.index.image, self.config.epoch);
        match &self.state {
            State::Ours {
                database: Some(database),
                ..
            } => {
                database
                    .packages(self.blobs, image, epoch, self.directory)
                    .await
            }
            State::Foreign {
                database: Some(file),
                ..
            } => database::packages(image, file.clone(), epoch).await,
            State::Ours { database: None, .. } | State::Foreign { database: None, .. } => {
                Ok(BTreeSet::new())
            }
        }
    }

    /// A copy of the hidden database, for changing it; `None` if there is none.
    pub(crate) async fn database_copy(&self) -> Result<Option<PathBuf>, Error> {
        let to = self.directory.join("index.db");
        match &self.state {
            State::Ours {
                database: Some(database),
                ..
            } => database.extract(to.clone()).await?,
            State::Foreign {
                database: Some(file),
                ..
            } => {
                let file = file.clone();
                let target = to.clone();
                blocking(move || {
                    std::fs::copy(&file, &target).map_err(|source| Error::Io { path: file, source })
                })
                .await?;
            }
            State::Ours { database: None, .. } | State::Foreign { database: None, .. } => {
                return Ok(None);
            }
        }
        Ok(Some(to))
    }

    /// Whether there is a hidden database.
    pub(crate) fn has_database(&self) -> bool {
        match &self.state {
            State::Ours { database, .. } => database.is_some(),
            State::Foreign { database, .. } => database.is_some(),
        }
    }

    /// The refusal of what needs a hidden database: what for, and what to do without.
    pub(crate) fn no_database(&self, need: &'static str) -> Error {
        let index = Box::new(self.name().clone());
        ContentError::NoHiddenDatabase { index, need }.into()
    }

    /// Whether what the database says of the packages that do not change is in the catalog already, as we write it.
    pub(crate) fn holds_database(&self) -> bool {
        match &self.state {
            State::Ours { stack, .. } => stack.level() == Some(self.level),
            State::Foreign { .. } => false,
        }
    }

    /// What is in the catalog, without the contents.
    pub(crate) async fn list(&self) -> Result<Listed, Error> {
        match &self.state {
            State::Ours { view, .. } => Ok(Listed {
                packages: view
                    .units()
                    .flat_map(|(_, facts)| facts.packages.iter().cloned())
                    .collect(),
                bundles: view.bundles().cloned().collect(),
            }),
            State::Foreign { configs, .. } => {
                let (configs, origin) = (configs.clone(), self.origin.clone());
                blocking(move || {
                    let catalog = Catalog::read_tree(&configs)
                        .map_err(|error| ContentError::unreadable(&configs, origin, error))?;
                    Ok(Listed {
                        packages: catalog
                            .package_names()
                            .into_iter()
                            .map(str::to_owned)
                            .collect(),
                        bundles: catalog.bundles.into_iter().map(BundleFacts::from).collect(),
                    })
                })
                .await
            }
        }
    }

    /// Puts into `changes` what makes JSON of all files in YAML (spec workflows 3.7).
    pub(crate) async fn normalise(&self, changes: &mut Changes) -> Result<(), Error> {
        let to = self.directory.join("normalised");
        let origin = self.origin.clone();
        let normal = move |units: BTreeMap<UnitPath, UnitFiles>| {
            let mut changes = Changes::new();
            for (unit, files) in &units {
                normalise::unit(&origin, unit, files, &to, &mut changes)?;
            }
            Ok(changes)
        };
        let made = match &self.state {
            State::Ours { view, .. } => {
                let has_yaml =
                    |files: &UnitFiles| files.keys().any(|path| yaml_stem(path).is_some());
                let units = view
                    .units()
                    .map(|(unit, _)| (unit.clone(), view.files(unit)));
                let units: BTreeMap<_, _> = units.filter(|(_, files)| has_yaml(files)).collect();
                if units.is_empty() {
                    return Ok(());
                }
                blocking(move || normal(units)).await?
            }
            State::Foreign { configs, .. } => {
                let configs = configs.clone();
                blocking(move || normal(change::units_of(&configs)?)).await?
            }
        };
        changes.extend(made);
        Ok(())
    }

    /// Whether there are files of the unit `unit`.
    pub(crate) fn has(&self, unit: &UnitPath) -> bool {
        match &self.state {
            State::Ours { view, .. } => !view.files(unit).is_empty(),
            State::Foreign { configs, .. } => configs.join(unit.as_str()).exists(),
        }
    }

    /// The layers of ours in the new image, which has `base_layers` layers below them. The request is about the packages
    /// `touched`; others may be written in another form.
    pub(crate) async fn change(
        self,
        changes: Changes,
        database: DatabaseChange,
        base_layers: usize,
        touched: BTreeSet<String>,
    ) -> Result<Changed, Error> {
        let changes = Arc::new(changes);
        // Before anything is written over.
        let catalog = self.change_of(Arc::clone(&changes), touched).await?;
        let level = match &self.state {
            // The packages of the database are as they were.
            State::Ours { stack, .. } if matches!(database, DatabaseChange::Keep) => {
                stack.level().unwrap_or(self.level)
            }
            State::Ours { .. } | State::Foreign { .. } => self.level,
        };
        let mut made = match self.delta(&changes, level, base_layers).await? {
            Some(made) => made,
            None => self.rewrite(changes, level, base_layers).await?,
        };
        let file = match (database, self.state) {
            (DatabaseChange::Replace(file), _) => Some(file),
            (DatabaseChange::Keep, State::Foreign { database, .. }) => database,
            (DatabaseChange::Keep, State::Ours { .. }) => None,
        };
        if let Some(file) = file {
            let path = labels::HIDDEN_DATABASE_PATH;
            let layer = database::layer(self.config, path, &file, self.directory).await?;
            let layer = StackLayer::new(LayerKind::Database, &layer);
            made.stack.set_database(layer);
        }
        made.catalog = Some(catalog);
        Ok(made)
    }

    /// What `changes` make of the packages `touched`.
    async fn change_of(
        &self,
        changes: Arc<Changes>,
        touched: BTreeSet<String>,
    ) -> Result<CatalogChange, Error> {
        let origin = self.origin.clone();
        match &self.state {
            State::Ours { view, .. } => {
                let view = Arc::clone(view);
                blocking(move || {
                    let of_touched = view
                        .units()
                        .filter(|(_, facts)| !facts.packages.is_disjoint(&touched));
                    let units = of_touched.map(|(unit, _)| unit.clone()).collect();
                    let there = |unit: &UnitPath| Ok(view.files(unit));
                    catalog_change::of_units(&origin, &changes, &touched, units, there)
                })
                .await
            }
            State::Foreign { configs, .. } => {
                let configs = configs.clone();
                blocking(move || {
                    let units = BTreeSet::new();
                    let there = |unit: &UnitPath| change::unit_of(&configs, unit);
                    catalog_change::of_units(&origin, &changes, &touched, units, there)
                })
                .await
            }
        }
    }

    /// The layers there are with one more on top that does `changes`; `None` if everything has to be written anew.
    async fn delta(
        &self,
        changes: &Arc<Changes>,
        level: MigrateLevel,
        base_layers: usize,
    ) -> Result<Option<Changed>, Error> {
        let State::Ours { stack, view, .. } = &self.state else {
            return Ok(None);
        };
        // A base says how all packages of the database are shown.
        let has_room = stack.has_room(base_layers) && stack.level() == Some(level);
        let (config, directory) = (self.config.clone(), self.directory.to_owned());
        let (origin, view, changes) = (self.origin.clone(), view.clone(), changes.clone());
        let outcome = blocking(move || {
            let put = delta::really_put(&view, &changes)?;
            match put {
                Some(put) if put.is_empty() => Ok(Outcome::Nothing),
                Some(put) if has_room => {
                    delta::delta(&config, &origin, &view, &put, &directory, base_layers)
                }
                Some(_) | None => Ok(Outcome::TooMuch),
            }
        });
        let mut made = Changed {
            stack: stack.clone(),
            serve_cache: None,
            catalog: None,
        };
        match outcome.await? {
            Outcome::Nothing => {}
            Outcome::TooMuch => return Ok(None),
            Outcome::Delta(delta) => {
                if let Some(open) = warn_unkept(self.blobs.adopt_layer(&delta.layer).await) {
                    warn_unkept(view::keep(self.blobs, open, delta.found).await);
                }
                let layer = StackLayer::new(LayerKind::Delta, &delta.layer);
                made.stack.0.push(layer);
                made.serve_cache = Some(delta.serve_cache);
            }
        }
        Ok(Some(made))
    }

    /// New layers for the whole catalog with `changes` done to it, and the database as it is.
    async fn rewrite(
        &self,
        changes: Arc<Changes>,
        level: MigrateLevel,
        base_layers: usize,
    ) -> Result<Changed, Error> {
        let (config, origin) = (self.config.clone(), self.origin.clone());
        let directory = self.directory.to_owned();
        let (view, configs, database) = match &self.state {
            State::Ours { stack, view, .. } => {
                let configs = directory.join("configs");
                (Some(view.clone()), configs, stack.database().cloned())
            }
            State::Foreign { configs, .. } => (None, configs.clone(), None),
        };
        let whole = blocking(move || {
            if let Some(view) = view {
                view.write(&configs)?;
            }
            change::apply(&changes, &configs)?;
            whole::whole(&config, &origin, &configs, &directory, base_layers)
        })
        .await?;
        let mut made = Changed::kept(self.blobs, level, &whole).await;
        made.stack.0.extend(database);
        Ok(made)
    }
}

/// The index whose catalog it is, as errors call it.
pub(super) fn origin_of(index: &ImageName) -> String {
    format!("the index image `{index}`")
}

/// What was kept for later requests. A request does not fail because it was not: they fetch it again.
pub(crate) fn warn_unkept<T, E: std::error::Error>(kept: Result<T, E>) -> Option<T> {
    kept.inspect_err(|error| tracing::warn!("the blob cache keeps less than it could: {error}"))
        .ok()
}

/// The layers of an image in a layout on disk: catalog and database are looked for in all of them, and each is fetched once.
async fn local_copy(
    config: &BuilderConfig,
    index: &FoundIndex,
    directory: &Path,
) -> Result<ImageRepository, Error> {
    let read = |source| index.image.read(source);
    let layout = Layout::create_or_open(directory.join("from-index"));
    let local = ImageRepository::Layout(layout.await.map_err(read)?);
    let (to, from) = (&local, &index.image.repository);
    stream::iter(index.platform.manifest.layers.clone())
        .map(|layer| async move { to.copy_blob_from(from, &layer).await })
        .buffer_unordered(config.concurrency.get())
        .try_for_each(|_| std::future::ready(Ok(())))
        .await
        .map_err(read)?;
    Ok(local)
}
