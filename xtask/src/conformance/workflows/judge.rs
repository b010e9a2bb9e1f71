//! What came of a request, against what was recorded.

mod bundle;
mod catalog;
mod files;
mod image;
mod meaning;
mod tags;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use serde_json::{Map, Value};

use super::inputs::{Inputs, Stage};
use super::request::Made;
use super::scenario::{Part, Scenario, State};
use super::watch::{Seen, fields};
use tags::Tags;

/// Differences, one a line or more.
pub(super) type Differences = Vec<String>;

/// Compares everything that was recorded of a scenario.
pub(super) async fn judge(
    scenario: &Scenario,
    inputs: &Inputs,
    stage: &Stage,
    done: Result<Made, String>,
    mut seen: Seen,
) -> anyhow::Result<()> {
    let mut differences = Differences::new();
    let expected = scenario.state();
    let added = match (expected, done) {
        (State::Complete, Ok(made)) => {
            seen.fields.extend(fields(&made.facts));
            differences.extend(compare_files(scenario, &made.files));
            made.added
        }
        (State::Failed, Err(ours)) => {
            if scenario.compares(Part::Error)
                && let Some(raised) = &scenario.result.error
            {
                let meant = meaning::compare(raised, &ours, inputs);
                differences.extend(meant.err());
            }
            Vec::new()
        }
        (State::Complete, Err(ours)) => anyhow::bail!("ours fails: {ours}"),
        (State::Failed, Ok(_)) => {
            let text = scenario.result.error.as_ref().map(|raised| &raised.text);
            anyhow::bail!(
                "ours succeeds; recorded is `{}`",
                text.map_or("", |text| text)
            )
        }
    };
    let tags = Tags::read(stage, inputs).await?;
    if scenario.compares(Part::Updates) {
        differences.extend(compare_updates(scenario, &tags, &seen));
    }
    if scenario.compares(Part::Tags) {
        differences.extend(tags.compare(scenario, expected));
    }
    if scenario.compares(Part::Images) {
        let compared = image::compare(scenario, stage, &tags, &seen, &added).await?;
        differences.extend(compared);
    }
    ensure!(differences.is_empty(), "\n  {}", differences.join("\n  "));
    Ok(())
}

/// Compares the lists that a request left; their order within a level is free.
fn compare_files(scenario: &Scenario, ours: &BTreeMap<String, Value>) -> Differences {
    let sorted = |list: Vec<String>| -> BTreeSet<String> { list.into_iter().collect() };
    let mut differences = Differences::new();
    let names: BTreeSet<&String> = scenario.result.files.keys().chain(ours.keys()).collect();
    for name in names {
        let theirs = scenario.result.files.get(name).cloned();
        let ours: Option<Vec<String>> = ours
            .get(name)
            .and_then(|list| serde_json::from_value(list.clone()).ok());
        let last = |list: &Option<Vec<String>>| list.as_ref().and_then(|list| list.last().cloned());
        // The parent comes last; of related bundles, any.
        let ends_differ = name.contains("recursive") && last(&theirs) != last(&ours);
        if ends_differ || theirs.clone().map(sorted) != ours.clone().map(sorted) {
            differences.push(format!("`{name}` is {ours:?}, recorded is {theirs:?}"));
        }
    }
    differences
}

/// Compares the fields of the updates: all of them, and when those of the build's begin are known.
///
/// A field may be known earlier than recorded, not later. So a request that failed may have told more than was recorded.
fn compare_updates(scenario: &Scenario, tags: &Tags, seen: &Seen) -> Differences {
    let mut recorded = Map::new();
    let mut differences = Differences::new();
    for update in &scenario.result.updates {
        let mut update = tags.named(update);
        let reason = update.remove("state_reason");
        update.remove("state");
        recorded.extend(update);
        let begins = reason
            .as_ref()
            .and_then(Value::as_str)
            .is_some_and(|reason| reason.starts_with("Building the index image"));
        if begins {
            let known = seen.at_building.as_ref().unwrap_or(&seen.fields);
            for name in recorded.keys().filter(|name| !known.contains_key(*name)) {
                differences.push(format!("`{name}` is not known when the build begins"));
            }
        }
    }
    let mut names: BTreeSet<&String> = recorded.keys().collect();
    if scenario.state() == State::Complete {
        names.extend(seen.fields.keys());
    }
    for name in names {
        let (theirs, ours) = (recorded.get(name), seen.fields.get(name));
        if theirs != ours {
            let [theirs, ours] =
                [theirs, ours].map(|value| value.map_or("nothing".to_owned(), Value::to_string));
            differences.push(format!("`{name}` is {ours}, recorded is {theirs}"));
        }
    }
    differences
}
