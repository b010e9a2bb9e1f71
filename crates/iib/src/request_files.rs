//! The files of requests: where they are, as configuration and environment say, and who tidies them up.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use files::{Bucket, BucketConfig, Directories, Files};
use jiff::SignedDuration;
use server::LiveConfig;
use store::Store;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::config::FilesSection;
use crate::service::DataDir;

/// How often it is tried to upload what could not be uploaded when its request ended.
const LEFTOVERS_EVERY: Duration = Duration::from_mins(10);
/// Requests that ended just now may still be in the hands of a worker.
const LEFTOVERS_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// The files of a service with its data in `data`.
pub(crate) fn open(section: &FilesSection, data: &DataDir) -> anyhow::Result<Files> {
    let place = |chosen: &Option<PathBuf>, usual: PathBuf| chosen.clone().unwrap_or(usual);
    let directories = Directories {
        log: section.logs.then(|| place(&section.logs_dir, data.logs())),
        related_bundles: section
            .related_bundles
            .then(|| place(&section.related_bundles_dir, data.related_bundles())),
        nested_bundles: Some(place(&section.nested_bundles_dir, data.nested_bundles())),
        reports: Some(place(&section.reports_dir, data.reports())),
    };
    for directory in [
        &section.logs_dir,
        &section.related_bundles_dir,
        &section.nested_bundles_dir,
        &section.reports_dir,
    ]
    .into_iter()
    .flatten()
    {
        std::fs::create_dir_all(directory).with_context(|| {
            format!("the directory `{}` could not be made", directory.display())
        })?;
    }
    Ok(match bucket(section)? {
        None => Files::in_directories(directories),
        Some(bucket) => Files::in_bucket(directories, bucket),
    })
}

/// The configured bucket, if there is one. Nobody is asked whether it exists.
pub(crate) fn bucket(section: &FilesSection) -> anyhow::Result<Option<Bucket>> {
    let Some(name) = &section.bucket else {
        if section.endpoint.is_some() || section.region.is_some() || !section.ca.is_empty() {
            bail!(
                "`files.endpoint`, `files.region` and `files.ca` are about a bucket, which `files.bucket` does not name"
            );
        }
        return Ok(None);
    };
    let config = bucket_config(name, section, &environment)?;
    Ok(Some(Bucket::new(&config)?))
}

fn bucket_config(
    name: &str,
    section: &FilesSection,
    environment: &dyn Fn(&'static str) -> Option<String>,
) -> anyhow::Result<BucketConfig> {
    let mut missing = Vec::new();
    let mut required = |variable| {
        environment(variable).unwrap_or_else(|| {
            missing.push(variable);
            String::new()
        })
    };
    let access_key_id = required("AWS_ACCESS_KEY_ID");
    let secret_access_key = required("AWS_SECRET_ACCESS_KEY").into();
    let configured = section.region.clone();
    let region = configured.unwrap_or_else(|| required("AWS_DEFAULT_REGION"));
    if !missing.is_empty() {
        bail!(
            "the bucket `{name}` needs {} in the environment",
            missing.join(", ")
        );
    }
    let read = |path: &std::path::PathBuf| {
        std::fs::read(path).with_context(|| {
            let path = path.display();
            format!("the certificate authority `{path}` of `files.ca` could not be read")
        })
    };
    Ok(BucketConfig {
        name: name.to_owned(),
        endpoint: section.endpoint.clone(),
        region,
        access_key_id,
        secret_access_key,
        session_token: environment("AWS_SESSION_TOKEN").map(Into::into),
        extra_ca_pem: section.ca.iter().map(read).collect::<Result<_, _>>()?,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the configuration that reads the environment"
)]
fn environment(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Deletes expired files every `sweep` (none: never), and uploads what is left on this host, until `shutdown`.
pub(crate) async fn tidy_up(
    files: Files,
    store: Store,
    sweep: Option<Duration>,
    config: LiveConfig,
    shutdown: CancellationToken,
) {
    // The first tick comes at once.
    let mut leftovers = interval(LEFTOVERS_EVERY);
    leftovers.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_sweep = sweep.map(|_| Instant::now());
    loop {
        let due = async {
            match next_sweep {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        // Everything below may be dropped at any await: what is not done is done the next time.
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = due => {
                let days_to_live = config.snapshot().request_data_days_to_live;
                until(&shutdown, delete_expired(&files, &store, days_to_live)).await;
                next_sweep = sweep.map(|period| Instant::now() + period);
            }
            _ = leftovers.tick() => until(&shutdown, deliver_left(&files, &store)).await,
        }
    }
}

async fn until(shutdown: &CancellationToken, work: impl Future<Output = anyhow::Result<()>>) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        ended = work => {
            if let Err(error) = ended {
                tracing::error!(
                    error = crate::terminal::chain(&error),
                    "files could not be tidied up; trying again later"
                );
            }
        }
    }
}

/// Deletes the files of requests whose time is over. Those of unfinished requests stay, whatever their age.
async fn delete_expired(files: &Files, store: &Store, days_to_live: u32) -> anyhow::Result<()> {
    let life = SignedDuration::from_hours(24 * i64::from(days_to_live));
    let oldest = store.now().checked_sub(life)?;
    let expired =
        |ids: Vec<i64>| async move { anyhow::Ok(store.ended_before(&ids, oldest).await?) };
    let swept = files.sweep(expired).await?;
    if swept.deleted + swept.kept > 0 {
        tracing::info!(
            "deleted {} expired file(s); {} could not be deleted",
            swept.deleted,
            swept.kept
        );
    }
    Ok(())
}

async fn deliver_left(files: &Files, store: &Store) -> anyhow::Result<()> {
    let latest = store.now().checked_sub(LEFTOVERS_AFTER)?;
    let ended = |ids: Vec<i64>| async move { anyhow::Ok(store.ended_before(&ids, latest).await?) };
    let delivered = files.deliver_left(ended).await?;
    if delivered > 0 {
        tracing::info!("uploaded {delivered} file(s) that were left on this host");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_names_every_variable_it_lacks() {
        let section = FilesSection::default();
        let error = bucket_config("b", &section, &|_| None)
            .unwrap_err()
            .to_string();
        for name in [
            "`b`",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_DEFAULT_REGION",
        ] {
            assert!(error.contains(name), "{error}");
        }
        assert!(!error.contains("SESSION"), "{error}");
    }

    #[test]
    fn a_region_in_the_file_wins_over_the_environment() {
        let section = FilesSection {
            region: Some("eu-north-1".into()),
            ..FilesSection::default()
        };
        let config = bucket_config("b", &section, &|name| Some(format!("the {name}"))).unwrap();
        assert_eq!(config.region, "eu-north-1");
        assert_eq!(config.access_key_id, "the AWS_ACCESS_KEY_ID");
        let config = bucket_config("b", &FilesSection::default(), &|_| Some("x".into())).unwrap();
        assert_eq!(config.region, "x");
    }

    #[test]
    fn a_certificate_authority_that_is_missing_is_named() {
        let section = FilesSection {
            ca: vec!["/nowhere/ca.pem".into()],
            ..FilesSection::default()
        };
        let error = bucket_config("b", &section, &|_| Some("x".into())).unwrap_err();
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
    }
}
