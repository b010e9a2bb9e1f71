//! How much a bundle may name: an index has a row for every channel and skip, each with the bundle's name in it, so lists and
//! names that are long multiply.

use crate::{Bundle, Problem};

/// The longest name, in bytes; Kubernetes stops at 253.
const NAME_BYTES: usize = 1024;

/// The longest list. Real bundles stay below a few hundred.
const LISTED: usize = 10_000;

/// How many places in upgrade graphs a bundle and what it skips may take.
const PLACES: usize = 100_000;

impl Bundle {
    /// Refuses what multiplies beyond reason.
    pub(crate) fn check_bounds(&self) -> Result<(), Problem> {
        for (what, text) in [
            ("`metadata.name` of the CSV", self.name()),
            ("the annotated package", self.package()),
            ("`spec.version` of the CSV", self.version()),
            ("`spec.replaces` of the CSV", self.replaces()),
            ("the annotation `olm.skipRange`", self.skip_range()),
            (
                "the annotation `olm.substitutesFor`",
                self.substitutes_for(),
            ),
            (
                "the annotated default channel",
                self.default_channel().unwrap_or_default(),
            ),
        ] {
            name(what, text)?;
        }
        for (what, texts) in [
            ("the annotated channels", self.channels()),
            ("`spec.skips` of the CSV", self.skips()),
        ] {
            list(what, texts.len())?;
            texts.iter().try_for_each(|text| name(what, text))?;
        }
        bounded(
            "channels times skips",
            self.channels().len() * (self.skips().len() + 1),
            PLACES,
        )?;
        let apis = [&self.provided_apis, &self.required_apis];
        list("the APIs", apis.iter().map(|apis| apis.len()).sum())?;
        for api in apis.into_iter().flatten() {
            for text in [&api.group, &api.version, &api.kind, &api.plural] {
                name("a part of an API's name", text)?;
            }
        }
        Ok(())
    }
}

/// Refuses a name of absurd length.
pub(crate) fn name(what: &str, text: &str) -> Result<(), Problem> {
    bounded(&format!("{what} (in bytes)"), text.len(), NAME_BYTES)
}

/// Refuses a list of absurd length.
pub(crate) fn list(what: &str, count: usize) -> Result<(), Problem> {
    bounded(what, count, LISTED)
}

fn bounded(what: &str, size: usize, limit: usize) -> Result<(), Problem> {
    if size <= limit {
        return Ok(());
    }
    Err(Problem::TooMuch {
        what: what.to_owned(),
        size,
        limit,
    })
}
