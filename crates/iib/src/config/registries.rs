//! `[registries]`: how registries are reached.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::words::RegistryHostText;
use crate::cli::RegistryArgs;

/// `[registries]`: how registries are reached; the flags of the same names add to it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
