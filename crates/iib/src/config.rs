//! The service's configuration: one TOML file; flags and their environment variables win over it.

mod queues;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use oci::{LossPolicy, RegistryHost};
use secrecy::SecretString;
use serde::Deserialize;

use crate::cli::RegistryArgs;
use crate::config::queues::QueuesSection;

/// Everything that can be configured. Unknown keys are errors.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where state, logs, keys and work files are kept. Default: `iib-data` in the working directory.
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) server: ServerSection,
    pub(crate) build: BuildSection,
    pub(crate) queues: QueuesSection,
    pub(crate) store: StoreSection,
    pub(crate) worker: WorkerSection,
    pub(crate) registries: RegistriesSection,
}

/// `[server]`: the REST API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerSection {
    /// The address to listen on.
    pub(crate) listen: SocketAddr,
    /// Accept requests without a user. Off: every POST needs a user from a trusted proxy.
    pub(crate) login_disabled: bool,
    /// Addresses of proxies whose user header is believed.
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// The header in which they name the user.
    pub(crate) user_header: String,
    /// Users that are workers.
    pub(crate) worker_usernames: BTreeSet<String>,
    /// The largest page of a list.
    pub(crate) max_per_page: u64,
    /// Days until logs and other files of a finished request expire.
    pub(crate) request_data_days_to_live: u32,
    /// The graph update modes that may be asked for.
    pub(crate) graph_mode_options: Vec<String>,
    /// The indexes they may be asked for on: in full, or without tag.
    pub(crate) graph_mode_index_allow_list: Vec<String>,
    /// Seconds to let running answers end at shutdown.
    pub(crate) drain_seconds: u64,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8320)),
            login_disabled: false,
            trusted_proxies: Vec::new(),
            user_header: "X-Remote-User".to_owned(),
            worker_usernames: BTreeSet::new(),
            max_per_page: 20,
            request_data_days_to_live: 3,
            graph_mode_options: ["replaces", "semver", "semver-skippatch"]
                .map(str::to_owned)
                .to_vec(),
            graph_mode_index_allow_list: Vec::new(),
            drain_seconds: 10,
        }
    }
}

/// `[build]`: what is built and where it goes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BuildSection {
    /// The registry results are pushed to. Needed.
    pub(crate) registry: Option<RegistryHostText>,
    /// The pull spec results get: `{registry}` is the registry above, `{request_id}` the request's id or a build tag.
    pub(crate) image_push_template: String,
    /// A registry to show in results in place of the one pushed to.
    pub(crate) index_image_output_registry: Option<RegistryHostText>,
    /// Binary images by scope and OCP version, for requests that name none.
    pub(crate) binary_images: BTreeMap<String, BTreeMap<String, String>>,
    /// Labels every bundle must carry.
    pub(crate) required_labels: BTreeMap<String, String>,
    /// What happens when a tag that people use has architectures that a result lacks.
    pub(crate) on_lost_arch: LossPolicyText,
    /// How many images are read, or blobs moved, at once.
    pub(crate) concurrency: NonZeroUsize,
    /// How much of the disk what is kept of images may take, in bytes.
    pub(crate) cache_bytes: u64,
}

impl Default for BuildSection {
    fn default() -> Self {
        let defaults = builder::BuilderConfig::new("");
        Self {
            registry: None,
            image_push_template: "{registry}/iib-build:{request_id}".to_owned(),
            index_image_output_registry: None,
            binary_images: BTreeMap::new(),
            required_labels: BTreeMap::new(),
            on_lost_arch: LossPolicyText::default(),
            concurrency: defaults.concurrency,
            cache_bytes: defaults.blob_cache.limit_bytes,
        }
    }
}

/// `[store]`: where the state of requests is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreSection {
    /// The database: `sqlite:PATH` or `postgres://…`. Default: a file in the data directory. It may hold a password.
    pub(crate) database: Option<SecretString>,
}

/// `[worker]`: how jobs are held.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorkerSection {
    /// How many requests this process works on at the same time; 0 makes it a server of the API alone.
    pub(crate) jobs: usize,
    /// Seconds a job stays a worker's without a sign of life. After a crash a job waits this long at most.
    pub(crate) lease_seconds: u64,
    /// Seconds between looks for work that nobody announced.
    pub(crate) poll_seconds: u64,
    /// Seconds a running job may go on once shutdown began.
    pub(crate) drain_seconds: u64,
    /// After how many interrupted attempts a request fails.
    pub(crate) max_attempts: u32,
}

impl Default for WorkerSection {
    fn default() -> Self {
        Self {
            jobs: 1,
            lease_seconds: 30,
            poll_seconds: 2,
            drain_seconds: 20,
            max_attempts: 5,
        }
    }
}

/// `[registries]`: how registries are reached; the flags of the same names add to it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RegistriesSection {
    /// A docker config file with credentials.
    pub(crate) authfile: Option<PathBuf>,
    /// Certificate authorities to trust beside the system's (PEM files).
    pub(crate) ca: Vec<PathBuf>,
    /// Registries to speak plain HTTP to.
    pub(crate) insecure: Vec<RegistryHostText>,
    /// Addresses to speak to where a pull spec names the key.
    pub(crate) aliases: BTreeMap<RegistryHostText, RegistryHostText>,
}

/// A registry host in the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct RegistryHostText(pub(crate) RegistryHost);

impl TryFrom<String> for RegistryHostText {
    type Error = oci::ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// A loss policy in the file: `refuse`, `keep-missing` or `replace`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct LossPolicyText(pub(crate) LossPolicy);

impl TryFrom<String> for LossPolicyText {
    type Error = oci::ParseLossPolicyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl RegistriesSection {
    /// The section with `args`, which win where only one value is possible.
    pub(crate) fn with(&self, args: RegistryArgs) -> RegistryArgs {
        let host = |text: &RegistryHostText| text.0.clone();
        RegistryArgs {
            authfile: args.authfile.or_else(|| self.authfile.clone()),
            ca: self.ca.iter().cloned().chain(args.ca).collect(),
            insecure: self
                .insecure
                .iter()
                .map(host)
                .chain(args.insecure)
                .collect(),
            aliases: self
                .aliases
                .iter()
                .map(|(name, address)| (host(name), host(address)))
                .chain(args.aliases)
                .collect(),
        }
    }
}

impl Config {
    /// Reads `path`, or the defaults when there is none.
    pub(crate) fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the configuration `{}` could not be read", path.display()))?;
        toml::from_str(&text)
            .with_context(|| format!("the configuration `{}` has a mistake", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_understood_whole() {
        let text = include_str!("../../../docs/iib.example.toml");
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!(
            config.build.registry.unwrap().0.as_str(),
            "registry.example.com"
        );
        assert_eq!(
            config.build.binary_images["prod"]["v4.19"],
            "registry.example.com/opm:v4.19"
        );
    }

    #[test]
    fn a_policy_is_one_of_three() {
        let read =
            |text: &str| toml::from_str::<Config>(&format!("[build]\non_lost_arch = '{text}'"));
        let kept = read("keep-missing").unwrap().build.on_lost_arch;
        assert_eq!(kept.0, LossPolicy::KeepMissing);
        let error = read("keep").unwrap_err().to_string();
        assert!(
            error.contains("`keep`") && error.contains("`replace`"),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = toml::from_str::<Config>("[server]\nlissten = 1")
            .unwrap_err()
            .to_string();
        assert!(error.contains("lissten"), "{error}");
    }
}
