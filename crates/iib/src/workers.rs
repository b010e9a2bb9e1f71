//! The workers of a service: as many as are to work at once, behind one gate.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use builder::LiveBuilder;
use files::Files;
use queue::Broker;
use store::{Store, WorkerId};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use worker::{Gate, RequestLogs, RetryPolicy, Worker, WorkerConfig};

use crate::broker;
use crate::config::{Config, RegistryHostText};
use crate::service::push_template;

/// How often to look whether the process is paused.
const LOOK: Duration = Duration::from_secs(1);

/// How each of the workers works.
pub(crate) fn configured(config: &Config) -> anyhow::Result<WorkerConfig> {
    let Some(RegistryHostText(registry)) = &config.build.registry else {
        bail!("the configuration names no registry to push to; set `build.registry`");
    };
    let (seconds, section) = (Duration::from_secs, &config.worker);
    Ok(WorkerConfig {
        lease: seconds(section.lease_seconds.get()),
        poll: seconds(section.poll_seconds.get()),
        drain: seconds(section.drain_seconds),
        max_attempts: section.max_attempts,
        retry: RetryPolicy {
            retries: section.retries,
            first: seconds(section.retry_seconds.get()),
            longest: seconds(section.retry_longest_seconds.get()),
        },
        choice: broker::choice(config)?,
        ..WorkerConfig::new(
            WorkerId::random(),
            push_template(&config.build.image_push_template, registry)?,
        )
    })
}

/// Starts them, and what tells them of jobs; they end with `shutdown`.
#[expect(
    clippy::too_many_arguments,
    reason = "everything that a service is made of meets here"
)]
pub(crate) fn start(
    worker_config: &WorkerConfig,
    config: &Config,
    broker: Option<&Broker>,
    store: &Store,
    builder: &LiveBuilder,
    logs: Option<RequestLogs>,
    files: &Files,
    tasks: &mut JoinSet<anyhow::Result<()>>,
    shutdown: &CancellationToken,
) {
    let section = &config.worker;
    let memory = section.memory_mib.saturating_mul(1024 * 1024);
    let gate = Gate::watched((memory > 0).then_some(memory));
    if section.jobs > 0 {
        let (gate, store, stop) = (gate.clone(), store.clone(), shutdown.clone());
        let name = name(config);
        tasks.spawn(async move {
            gate.watch(store, name, LOOK, stop).await;
            Ok(())
        });
    }
    let inbox =
        broker.and_then(|broker| broker::start(broker, config, store, &gate, tasks, shutdown));
    let logs = logs.map(Arc::new);
    for _ in 0..section.jobs {
        let own = WorkerConfig {
            id: WorkerId::random(),
            ..worker_config.clone()
        };
        let worker = Worker::new(own, store.clone(), builder.clone(), logs.clone());
        let worker = worker.behind(gate.clone()).leaving(files.clone());
        let worker = match &inbox {
            Some(inbox) => worker.hearing(inbox.clone()),
            None => worker,
        };
        let stop = shutdown.clone();
        tasks.spawn(async move {
            Box::pin(worker.run(stop)).await;
            Ok(())
        });
    }
}

/// What the process is called where workers are paused.
pub(crate) fn name(config: &Config) -> String {
    let host = || {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        match name.trim() {
            "" => "localhost".to_owned(),
            name => name.to_owned(),
        }
    };
    config.worker.name.clone().unwrap_or_else(host)
}
