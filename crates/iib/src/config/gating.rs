//! `[gating]`: the service that decides whether bundles may be added.

use std::collections::BTreeMap;

use anyhow::Context as _;
use builder::{Gating, GatingPolicy};
use serde::{Deserialize, Serialize};

use super::QueuesSection;

/// `[gating]`: Greenwave, and what it is asked about the bundles of additions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GatingSection {
    /// The address of the service's API, to which `/decision` is added.
    pub(crate) url: String,
    /// What it is asked, by the queue of the request; `default` is the queue of those that no queue is configured for. Requests of other queues are not gated.
    pub(crate) queues: BTreeMap<String, GatingPolicy>,
}

impl GatingSection {
    /// The client of the service.
    pub(crate) fn gating(&self, queues: &QueuesSection) -> anyhow::Result<Gating> {
        let known = queues.queues();
        let unknown = self
            .queues
            .keys()
            .find(|name| name.as_str() != queue::DEFAULT_QUEUE && !known.has(name.as_str()));
        if let Some(unknown) = unknown {
            anyhow::bail!(
                "`gating.queues` names `{unknown}`, which is nobody's queue; the names are `{}` and those in `queues.users`",
                queue::DEFAULT_QUEUE
            );
        }
        Gating::new(&self.url, self.queues.clone()).context("`gating` is wrong")
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn gating(text: &str) -> Result<(), String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        let section = config.gating.as_ref().ok_or("no section")?;
        section
            .gating(&config.queues)
            .map(drop)
            .map_err(|error| crate::terminal::chain(&error))
    }

    const POLICY: &str =
        "decision_context = 'a', product_version = 'b', subject_type = 'koji_build'";

    #[test]
    fn policies_belong_to_queues_that_there_are() {
        let of = |queue: &str| {
            gating(&format!(
                "[gating]\nurl = 'https://greenwave.test/api/v1.0'\nqueues.{queue} = {{{POLICY}}}\n[queues]\nusers.alice = 'releases'"
            ))
        };
        of("default").unwrap();
        of("releases").unwrap();
        let error = of("bob").unwrap_err();
        assert!(
            error.contains("`bob`") && error.contains("queues.users"),
            "{error}"
        );
    }

    #[test]
    fn a_service_without_address_or_with_half_a_policy_is_refused() {
        let error = gating("[gating]\nqueues = {}").unwrap_err();
        assert!(error.contains("`url`"), "{error}");
        let error = gating("[gating]\nurl = 'ftp://greenwave.test'\nqueues = {}").unwrap_err();
        assert!(error.contains("`ftp://greenwave.test`"), "{error}");
        let error = gating(
            "[gating]\nurl = 'http://greenwave.test'\nqueues.default = {decision_context = 'a'}",
        )
        .unwrap_err();
        assert!(error.contains("product_version"), "{error}");
    }
}
