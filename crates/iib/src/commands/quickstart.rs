//! `iib quickstart`: everything embedded on loopback, one add through REST, and a look at what it made.

mod follow;
mod summary;

use std::path::Path;
use std::pin::pin;

use anyhow::{Context as _, bail};
use oci::{Client, PullSpec, RegistryHost};
use registry::{Config as RegistryConfig, Running, Server};
use tempfile::TempDir;
use worker::RequestLogs;

use crate::cli::{LogArgs, QuickstartArgs, RegistryArgs};
use crate::config::{Config, FilesSection, RegistryHostText};
use crate::service::{DataDir, Service, listen, termination};
use crate::{logging, registries, request_files, terminal};

/// Starts, adds, shows; then ends with `--once`, or serves until interrupted.
pub(crate) async fn run(args: QuickstartArgs, log: &LogArgs) -> anyhow::Result<()> {
    if !args.listen.ip().is_loopback() || !args.registry_listen.ip().is_loopback() {
        bail!(
            "the quickstart asks nobody for a password, so it listens on loopback only; use `iib serve` for anything else"
        );
    }
    let asked_to_end = termination()?;
    let (root, _temporary) = directory(args.data_dir.as_deref())?;
    let data = DataDir::create(&root)?;
    let files = request_files::open(&FilesSection::default(), &data)?;
    let (logs, layer) =
        RequestLogs::start(files.clone()).context("request logs could not be started")?;
    logging::for_quickstart(log, layer)?;

    let listener = listen(args.listen, "--listen").await?;
    let api = listener
        .local_addr()
        .context("the address listened on is unknown")?;
    let registry = start_registry(&args, &root).await?;
    let host: RegistryHost = registry
        .addr()
        .to_string()
        .parse()
        .context("the registry's address is no host")?;
    terminal::complain(&format!("registry   http://{host}"));
    terminal::complain(&format!("REST API   http://{api}/api/v1"));

    let registry_args = RegistryArgs::default();
    let config = config(&host);
    let service = Service::start(
        &config,
        &registry_args,
        &data,
        files,
        Some(logs),
        listener,
        None,
    )
    .await?;
    let (client, _) = registries::client(&registry_args)?;
    let builder = service.builder().clone();

    let work = Box::pin(async {
        let inputs = push_samples(&client, &host)
            .await
            .context("the samples could not be pushed")?;
        terminal::complain(&format!(
            "samples    {} bundles and a binary image for {} architectures pushed",
            inputs.bundles.len(),
            samples::ARCHES.len()
        ));
        registry.log().clear();
        let finished = follow::add(api, &inputs).await?;
        let traffic = registry.log().entries();
        let summary =
            summary::verify_and_describe(&builder, &inputs, &finished, &traffic, api).await?;
        terminal::print(&summary);
        anyhow::Ok(())
    });
    let ended = service
        .run_until(async {
            let mut asked_to_end = pin!(asked_to_end);
            tokio::select! {
                done = work => done?,
                () = &mut asked_to_end => bail!("interrupted before the index image was made"),
            }
            if !args.once {
                terminal::complain("serving on; Ctrl-C ends");
                asked_to_end.await;
            }
            Ok(())
        })
        .await;
    registry
        .shutdown()
        .await
        .context("the registry did not end cleanly")?;
    ended
}

/// What the add is made of.
struct Inputs {
    bundles: Vec<PullSpec>,
    binary_image: PullSpec,
}

async fn push_samples(client: &Client, host: &RegistryHost) -> anyhow::Result<Inputs> {
    let mut bundles = Vec::new();
    for bundle in samples::bundles() {
        let repository = format!("{host}/samples/{}", bundle.package).parse()?;
        bundles.push(samples::push_bundle(client, &repository, &bundle).await?);
    }
    let repository = format!("{host}/samples/binary-image").parse()?;
    let binary_image = samples::push_binary_image(client, &repository, &samples::ARCHES, 0).await?;
    Ok(Inputs {
        bundles,
        binary_image,
    })
}

/// The directory to work in, and the guard that removes it if it is a temporary one.
fn directory(chosen: Option<&Path>) -> anyhow::Result<(std::path::PathBuf, Option<TempDir>)> {
    if let Some(path) = chosen {
        return Ok((path.to_owned(), None));
    }
    let temporary = tempfile::Builder::new().prefix("iib-quickstart-").tempdir();
    let temporary =
        temporary.context("a temporary directory could not be made; name one with `--data-dir`")?;
    Ok((temporary.path().to_owned(), Some(temporary)))
}

async fn start_registry(args: &QuickstartArgs, root: &Path) -> anyhow::Result<Running> {
    let address = args.registry_listen;
    Server::start(RegistryConfig::new(address, root.join("registry"))).await.with_context(|| {
        format!(
            "the embedded registry cannot listen on {address}; choose another address with `--registry-listen ADDRESS`, \
             or a free port with `--registry-listen {}:0`",
            address.ip()
        )
    })
}

fn config(host: &RegistryHost) -> Config {
    let mut config = Config::default();
    config.server.login_disabled = true;
    config.build.registry = Some(RegistryHostText(host.clone()));
    config.worker.poll_seconds = std::num::NonZeroU64::MIN;
    // Nobody who interrupts a quickstart waits for its sample.
    config.worker.drain_seconds = 1;
    config
}
