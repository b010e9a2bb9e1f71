//! The service's configuration: one TOML file; flags and their environment variables win over it.

mod auth;
mod build;
mod bundles;
mod files;
mod gating;
mod limits;
mod mistakes;
mod places;
mod problems;
mod queues;
mod read;
mod registries;
mod server;
mod store;
mod takeover;
mod telemetry;
mod tls;
mod words;
mod worker;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use self::auth::AuthSection;
pub(crate) use self::build::BuildSection;
pub(crate) use self::bundles::BundlesSection;
pub(crate) use self::files::FilesSection;
pub(crate) use self::gating::GatingSection;
pub(crate) use self::mistakes::{Mistake, Mistakes};
pub(crate) use self::queues::{OnUnreachable, QueuesSection};
pub(crate) use self::registries::RegistriesSection;
pub(crate) use self::server::ServerSection;
pub(crate) use self::store::StoreSection;
pub(crate) use self::telemetry::TelemetrySection;
pub(crate) use self::tls::TlsSection;
pub(crate) use self::words::{HIDDEN, RegistryHostText, without_password};
pub(crate) use self::worker::WorkerSection;

/// Everything that can be configured. Unknown keys are errors.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where state, logs, keys and work files are kept. Default: `iib-data` in the working directory.
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) server: ServerSection,
    pub(crate) auth: AuthSection,
    pub(crate) build: BuildSection,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gating: Option<GatingSection>,
    pub(crate) bundles: BundlesSection,
    pub(crate) queues: QueuesSection,
    pub(crate) store: StoreSection,
    pub(crate) files: FilesSection,
    pub(crate) worker: WorkerSection,
    pub(crate) registries: RegistriesSection,
    pub(crate) telemetry: TelemetrySection,
}

impl Config {
    /// The configuration with what is decided where it is used.
    pub(crate) fn with_defaults(mut self) -> Self {
        self.data_dir = Some(self.data_dir());
        self
    }

    /// Where state, logs, keys and work files are kept.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data_dir
            .clone()
            .unwrap_or_else(|| PathBuf::from("iib-data"))
    }
}

#[cfg(test)]
mod tests {
    use oci::LossPolicy;

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
