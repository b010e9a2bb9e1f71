//! The tags after a request: those of the output repository, and those of the inputs that it moved.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Digest, RawManifest};
use serde_json::{Map, Value};

use super::super::inputs::{Inputs, Stage, spec};
use super::super::request::OUTPUT;
use super::super::scenario::{Scenario, State};
use super::Differences;

/// What tags point to, by `repository:tag`.
pub(super) struct Tags {
    outputs: BTreeMap<String, RawManifest>,
    /// Tags of inputs that point elsewhere now.
    changed: BTreeMap<String, RawManifest>,
    /// Tags of inputs that are no more.
    removed: BTreeSet<String>,
    /// What the tags of inputs pointed to before.
    before: BTreeMap<String, Digest>,
}

impl Tags {
    pub(super) async fn read(stage: &Stage, inputs: &Inputs) -> anyhow::Result<Self> {
        let mut tags = Self {
            outputs: BTreeMap::new(),
            changed: BTreeMap::new(),
            removed: BTreeSet::new(),
            before: inputs.tags.clone(),
        };
        let output = stage
            .client
            .repository(spec(&format!("{OUTPUT}:any"))?.repository());
        let names = match output.tags().await {
            Err(error) if error.is_not_found() => Vec::new(),
            names => names?,
        };
        for tag in names {
            let name = format!("{OUTPUT}:{tag}");
            let manifest = output.manifest(&spec(&name)?.reference()).await?;
            tags.outputs.insert(name, manifest);
        }
        for (name, before) in &inputs.tags {
            let spec = spec(name)?;
            let repository = stage.client.repository(spec.repository());
            match repository.head_manifest(&spec.reference()).await? {
                None => {
                    tags.removed.insert(name.clone());
                }
                Some(now) if now.digest == *before => {}
                Some(_) => {
                    let manifest = repository.manifest(&spec.reference()).await?;
                    tags.changed.insert(name.clone(), manifest);
                }
            }
        }
        Ok(tags)
    }

    /// What a tag of the output repository or a moved one points to.
    pub(super) fn get(&self, name: &str) -> Option<&RawManifest> {
        self.outputs.get(name).or_else(|| self.changed.get(name))
    }

    /// What a tag points to, moved or not.
    pub(super) fn digest(&self, name: &str) -> Option<&Digest> {
        let now = self.get(name).map(|manifest| &manifest.digest);
        now.or_else(|| self.before.get(name))
    }

    /// The same values with the digests of ours for the placeholders of digests.
    pub(super) fn named(&self, values: &Map<String, Value>) -> Map<String, Value> {
        let with_digest = |value: &Value| -> Value {
            let Value::String(text) = value else {
                return value.clone();
            };
            let mut text = text.clone();
            for (name, manifest) in &self.outputs {
                let placeholder = format!("<digest of {name}>");
                text = text.replace(&placeholder, &manifest.digest.to_string());
            }
            Value::String(text)
        };
        values
            .iter()
            .map(|(name, value)| (name.clone(), with_digest(value)))
            .collect()
    }

    /// Compares which tags there are, and which were moved. A request that failed may leave fewer than recorded.
    pub(super) fn compare(&self, scenario: &Scenario, state: State) -> Differences {
        let recorded = &scenario.result;
        let outputs: BTreeSet<String> = self.outputs.keys().cloned().collect();
        let changed: BTreeSet<String> = self.changed.keys().cloned().collect();
        let mut differences = Differences::new();
        let is_fine = match state {
            State::Complete => outputs == recorded.output_tags,
            State::Failed => outputs.is_subset(&recorded.output_tags),
        };
        for (what, ours, theirs, is_fine) in [
            ("output tags", &outputs, &recorded.output_tags, is_fine),
            (
                "changed tags",
                &changed,
                &recorded.changed_tags,
                changed == recorded.changed_tags,
            ),
            (
                "removed tags",
                &self.removed,
                &recorded.removed_tags,
                self.removed == recorded.removed_tags,
            ),
        ] {
            if !is_fine {
                differences.push(format!("the {what} are {ours:?}, recorded are {theirs:?}"));
            }
        }
        differences
    }
}
