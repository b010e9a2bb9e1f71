//! The service in one process: store, REST API and one worker.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use builder::{BinaryImage, Builder, BuilderConfig, LiveBuilder, MigrateLevel, Scope};
use files::Files;
use oci::{CacheConfig, RegistryHost};
use secrecy::ExposeSecret as _;
use server::{LiveConfig, ServerConfig};
use store::{Database, SealingKey, Store, StoreConfig};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use worker::{PushTemplate, RequestLogs};

use crate::broker;
use crate::cli::RegistryArgs;
use crate::config::{BuildSection, Config, RegistryHostText, TlsSection};
use crate::measuring::Measuring;
use crate::{registries, request_files, submit_keys, workers};

/// The files of a service, all below one directory, which belongs to this process for as long as the value lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    root: PathBuf,
    /// Two services in one directory would remove each other's work. The lock ends with the process, however it ends.
    _lock: File,
}

impl DataDir {
    /// Makes the directories that are missing, and takes the lock.
    pub(crate) fn create(root: &Path) -> anyhow::Result<Self> {
        let data = Self {
            root: root.to_owned(),
            _lock: lock(root)?,
        };
        for path in [
            data.logs(),
            data.related_bundles(),
            data.nested_bundles(),
            data.reports(),
            data.work(),
        ] {
            std::fs::create_dir_all(&path)
                .with_context(|| format!("the directory `{}` could not be made", path.display()))?;
        }
        Ok(data)
    }

    fn sealing_key(&self) -> PathBuf {
        self.root.join("sealing.key")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn related_bundles(&self) -> PathBuf {
        self.root.join("related_bundles")
    }

    pub(crate) fn nested_bundles(&self) -> PathBuf {
        self.root.join("recursive_related_bundles")
    }

    pub(crate) fn reports(&self) -> PathBuf {
        self.root.join("reports")
    }

    fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    fn work(&self) -> PathBuf {
        self.root.join("work")
    }
}

fn lock(root: &Path) -> anyhow::Result<File> {
    let path = root.join("lock");
    let opened = std::fs::create_dir_all(root).and_then(|()| {
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
    });
    let file = opened.with_context(|| {
        format!(
            "the file `{}` could not be made; check the directory's permissions and free space",
            path.display()
        )
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "the data directory `{}` is in use by another iib; end that one, or choose another directory with `--data-dir`",
            root.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("the file `{}` could not be locked", path.display()))
        }
    }
}

/// A running service.
pub(crate) struct Service {
    shutdown: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
    builder: Builder,
    live: Live,
}

/// What of a running service may be replaced.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) server: LiveConfig,
    pub(crate) builder: LiveBuilder,
}

impl Service {
    /// Opens the state and starts the API on `listener` and the worker.
    pub(crate) async fn start(
        config: &Config,
        registry_args: &RegistryArgs,
        data: &DataDir,
        files: Files,
        logs: Option<RequestLogs>,
        listener: TcpListener,
        measuring: Option<Measuring>,
    ) -> anyhow::Result<Self> {
        // Everything that can be wrong with the configuration comes before anything is started.
        let workers = workers::configured(config)?;
        let broker = broker::configured(&config.queues)?;
        let server_config = LiveConfig::new(ServerConfig {
            hand_over: broker::hand_over(&config.queues, broker.as_ref()),
            metrics: measuring.as_ref().and_then(Measuring::on_api),
            ..server_config(config, files.clone())?
        });
        let (client, credentials) = registries::client(registry_args)?;
        let builder = Builder::new(client, credentials, builder_config(config, data)?);
        let removed = builder::remove_leftovers(builder.config()).await?;
        if removed > 0 {
            tracing::info!("removed {removed} work director(ies) of interrupted requests");
        }
        let sealing_key = SealingKey::load_or_generate(&data.sealing_key())
            .context("the key that seals requests' secrets could not be read or made")?;
        let database = database(config, data)?;
        let place = database.to_string();
        let store = Store::open(&store_config(config, database, sealing_key))
            .await
            .with_context(|| format!("the state in `{place}` could not be opened"))?;

        if let Some(broker) = &broker {
            broker::prepare(broker).await?;
        }

        let live = Live {
            server: server_config.clone(),
            builder: LiveBuilder::from(builder.clone()),
        };
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        workers::start(
            &workers,
            config,
            broker.as_ref(),
            &store,
            &live.builder,
            logs,
            &files,
            &mut tasks,
            &shutdown,
        );
        let hours = u64::from(config.files.sweep_hours);
        let tidy_up = request_files::tidy_up(
            files,
            store.clone(),
            (hours > 0).then(|| Duration::from_hours(hours)),
            server_config.clone(),
            shutdown.clone(),
        );
        tasks.spawn(async move {
            tidy_up.await;
            Ok(())
        });
        let forget = submit_keys::forget(store.clone(), shutdown.clone());
        tasks.spawn(async move {
            forget.await;
            Ok(())
        });
        if let Some(measuring) = measuring {
            tasks.spawn(measuring.run(store.clone(), shutdown.clone()));
        }
        let stop = shutdown.clone();
        tasks.spawn(async move {
            server::serve(listener, server_config, store, stop)
                .await
                .context("the REST API ended")
        });
        Ok(Self {
            shutdown,
            tasks,
            builder,
            live,
        })
    }

    /// What may be replaced while it runs.
    pub(crate) fn live(&self) -> Live {
        self.live.clone()
    }

    /// The builder that the worker uses.
    pub(crate) fn builder(&self) -> &Builder {
        &self.builder
    }

    /// Runs until `end` completes or a part fails, then shuts everything down in order.
    pub(crate) async fn run_until(
        mut self,
        end: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let ended = tokio::select! {
            ended = end => ended,
            Some(part) = self.tasks.join_next() => match part {
                Ok(Ok(())) => Err(anyhow::anyhow!("a part of the service ended unexpectedly")),
                Ok(Err(error)) => Err(error),
                Err(error) => Err(anyhow::Error::new(error).context("a part of the service broke off")),
            },
        };
        self.shutdown.cancel();
        // Every part is waited for, whatever the others say: the worker must be able to give its job back.
        let mut first = ended;
        while let Some(part) = self.tasks.join_next().await {
            let part = part
                .context("a part of the service broke off")
                .and_then(|ended| ended);
            first = first.and(part);
        }
        first
    }
}

/// Listens on `address`, or says how to choose another one.
pub(crate) async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("the address {address} cannot be listened on; choose another one with `{flag} ADDRESS`, or a free port with `{flag} {}:0`", address.ip())
    })
}

/// Receives Ctrl-C and SIGTERM from now on; the future completes when one comes, or came since.
pub(crate) fn termination() -> anyhow::Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("signals cannot be received");
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Where the state is kept: the configured database, or a file in the data directory.
fn database(config: &Config, data: &DataDir) -> anyhow::Result<Database> {
    database_in(config, &data.root)
}

fn database_in(config: &Config, root: &Path) -> anyhow::Result<Database> {
    match &config.store.database {
        None => Ok(Database::Sqlite(root.join("iib.db"))),
        Some(address) => address
            .expose_secret()
            .parse()
            .context("`store.database` is wrong"),
    }
}

/// Opens the state beside the service that uses it, for those who open no secret.
pub(crate) async fn open_state(config: &Config, root: &Path) -> anyhow::Result<Store> {
    let database = match database_in(config, root)? {
        Database::Sqlite(path) if !path.exists() => bail!(
            "there is no state in `{}`; name the service's directory with `--data-dir`, or its configuration with `--config`",
            path.display()
        ),
        database => database,
    };
    let place = database.to_string();
    let settings = StoreConfig {
        migrate: false,
        ..store_config(config, database, SealingKey::of_its_own()?)
    };
    Store::open(&settings)
        .await
        .with_context(|| format!("the state in `{place}` could not be opened"))
}

/// Makes the schema of the configured database, or brings it up to date. Says where that is, and how many changes it took.
pub(crate) async fn migrate(config: &Config, data: &DataDir) -> anyhow::Result<(String, usize)> {
    let sealing_key = SealingKey::load_or_generate(&data.sealing_key())
        .context("the key that seals requests' secrets could not be read or made")?;
    let database = database(config, data)?;
    let place = database.to_string();
    let migrated = store::migrate_database(&store_config(config, database, sealing_key))
        .await
        .with_context(|| format!("the schema in `{place}` could not be brought up to date"))?;
    Ok((place, migrated.changes))
}

/// A file is this process's own and brought up to date by it; a server may be in use by others, so `iib db migrate` does that.
fn store_config(config: &Config, database: Database, sealing_key: SealingKey) -> StoreConfig {
    StoreConfig {
        migrate: matches!(database, Database::Sqlite(_)),
        serial_queues: config.queues.serial(),
        ..StoreConfig::new(database, sealing_key)
    }
}

pub(crate) fn builder_config(config: &Config, data: &DataDir) -> anyhow::Result<BuilderConfig> {
    let shown = config.build.index_image_output_registry.clone();
    let gating = config.gating.as_ref();
    Ok(BuilderConfig {
        shown_registry: shown.map(|RegistryHostText(host)| host),
        binary_images: binary_images(&config.build)?,
        gating: gating
            .map(|section| section.gating(&config.queues))
            .transpose()?,
        required_labels: config.build.required_labels.clone(),
        migrate_levels: config
            .build
            .opm_versions
            .iter()
            .map(|(version, opm)| (version.clone(), opm.level))
            .collect(),
        default_migrate_level: config
            .build
            .default_opm
            .as_ref()
            .map_or_else(MigrateLevel::default, |opm| opm.level),
        no_ocp_label_allow_list: config.build.no_ocp_label_allow_list.clone(),
        organizations: config.bundles.organizations.clone(),
        max_related_bundles: config.bundles.max_recursive_related_bundles,
        related_image_registries: config.bundles.related_image_registries.clone(),
        epoch: registries::source_date_epoch()?,
        on_lost_arch: config.build.on_lost_arch.0,
        concurrency: config.build.concurrency,
        blob_cache: CacheConfig {
            dir: data.cache(),
            limit_bytes: config.build.cache_bytes,
        },
        ..BuilderConfig::new(data.work())
    })
}

fn binary_images(
    build: &BuildSection,
) -> anyhow::Result<BTreeMap<Scope, BTreeMap<String, BinaryImage>>> {
    let mut images: BTreeMap<Scope, BTreeMap<String, BinaryImage>> = BTreeMap::new();
    for (scope, versions) in &build.binary_images {
        let scope: Scope = scope
            .parse()
            .context("`build.binary_images` has a wrong key")?;
        for (version, image) in versions {
            let image = image.parse().map_err(|error| {
                anyhow::anyhow!("`build.binary_images.{scope}.{version}` is wrong: {error}")
            })?;
            images
                .entry(scope)
                .or_default()
                .insert(version.clone(), image);
        }
    }
    Ok(images)
}

pub(crate) fn push_template(text: &str, registry: &RegistryHost) -> anyhow::Result<PushTemplate> {
    text.replace("{registry}", registry.as_str())
        .parse()
        .context("`build.image_push_template` is wrong")
}

pub(crate) fn server_config(config: &Config, files: Files) -> anyhow::Result<ServerConfig> {
    let section = &config.server;
    Ok(ServerConfig {
        listen: section.listen,
        tls: section.tls.as_ref().map(TlsSection::files),
        login_disabled: section.login_disabled,
        trusted_proxies: section.trusted_proxies.iter().map(|text| text.0).collect(),
        auth: config.auth.for_server()?,
        user_header: section.user_header.parse().with_context(|| {
            format!(
                "`server.user_header` is `{}`, which is no name of a header",
                section.user_header
            )
        })?,
        worker_usernames: section.worker_usernames.clone(),
        binary_image_config: configured_binary_images(&config.build)?,
        graph_mode_options: section.graph_mode_options.clone(),
        graph_mode_index_allow_list: section.graph_mode_index_allow_list.clone(),
        max_per_page: section.max_per_page.get(),
        idempotency_key_life: Duration::from_hours(section.idempotency_key_hours.get().into()),
        join_identical: section.join_identical_requests,
        request_data_days_to_live: section.request_data_days_to_live,
        queues: config.queues.queues(),
        files,
        cors_origins: section
            .cors_origins
            .iter()
            .map(|origin| origin.0.clone())
            .collect(),
        drain_timeout: Duration::from_secs(section.drain_seconds),
        ..section.limits.apply(ServerConfig::default())
    })
}

/// The same table as [`binary_images`], in the API's words: it only asks whether an image is configured.
fn configured_binary_images(
    build: &BuildSection,
) -> anyhow::Result<BTreeMap<api::Scope, BTreeMap<String, String>>> {
    build
        .binary_images
        .iter()
        .map(|(scope, versions)| {
            let known = api::Scope::from_name(scope);
            let known = known
                .with_context(|| format!("`build.binary_images` has the wrong key `{scope}`"))?;
            Ok((known, versions.clone()))
        })
        .collect()
}
