//! The images that a request published, down to single files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, bail};
use indexdb::IndexDb;
use oci::{Descriptor, PullSpec, RawManifest};
use serde_json::{Map, Value};

use super::super::image::{PlatformImage, entries, read, trees};
use super::super::inputs::{Stage, spec};
use super::super::scenario::{Entry, EntryImage, Image, Scenario, TagImage};
use super::super::tree::FileTree;
use super::super::watch::Seen;
use super::tags::Tags;
use super::{Differences, bundle, catalog, files};

/// Compares what the tags of the result point to.
pub(super) async fn compare(
    scenario: &Scenario,
    stage: &Stage,
    tags: &Tags,
    seen: &Seen,
    added: &[PullSpec],
) -> anyhow::Result<Differences> {
    let mut differences = Differences::new();
    for (name, recorded) in &scenario.result.images {
        // Which tags there are is compared elsewhere.
        let Some(raw) = tags.get(name) else { continue };
        let found = match recorded {
            TagImage::List {
                media_type,
                manifests,
            } => {
                let list = List {
                    scenario,
                    stage,
                    spec: spec(name)?,
                    binary_image: binary_image(stage, seen).await?,
                    added,
                };
                let mut found = list.compare(raw, manifests).await?;
                found.extend(unequal("type", raw.media_type.as_str(), media_type));
                found
            }
            TagImage::Child {
                media_type,
                child_of,
                architecture,
            } => {
                let mut found = Differences::new();
                found.extend(unequal("type", raw.media_type.as_str(), media_type));
                let list = tags.get(child_of).map(entries).transpose()?;
                let is_child =
                    |entry: &Descriptor| entry.digest == raw.digest && arch(entry) == architecture;
                if !list.is_some_and(|entries| entries.iter().any(is_child)) {
                    found.push(format!(
                        "it is not the image for {architecture} of `{child_of}`"
                    ));
                }
                found
            }
            TagImage::Same { same_as } if tags.digest(same_as) == Some(&raw.digest) => Vec::new(),
            TagImage::Same { same_as } => vec![format!("it is not the same as `{same_as}`")],
            TagImage::Other(_) => bail!("nobody wrote down how to compare `{name}`"),
        };
        let named = found
            .into_iter()
            .map(|difference| format!("`{name}`: {difference}"));
        differences.extend(named);
    }
    Ok(differences)
}

/// The files of the binary image that the request was built on.
async fn binary_image(stage: &Stage, seen: &Seen) -> anyhow::Result<BTreeMap<String, FileTree>> {
    // A bundle is recorded with all its files.
    if let Some(bundle) = seen.fields.get("bundle_image") {
        let spec = bundle.as_str().context("no name of a bundle")?.parse()?;
        let arches = trees(&stage.client, &spec).await?;
        return Ok(arches
            .into_keys()
            .map(|arch| (arch, FileTree::new()))
            .collect());
    }
    let resolved = seen
        .fields
        .get("binary_image_resolved")
        .and_then(Value::as_str)
        .context("nothing says which binary image was built on")?;
    if resolved == "scratch" {
        return Ok(BTreeMap::from([("amd64".to_owned(), FileTree::new())]));
    }
    trees(&stage.client, &resolved.parse()?).await
}

/// A published manifest list under comparison.
struct List<'a> {
    scenario: &'a Scenario,
    stage: &'a Stage,
    spec: PullSpec,
    binary_image: BTreeMap<String, FileTree>,
    added: &'a [PullSpec],
}

impl List<'_> {
    async fn compare(&self, raw: &RawManifest, recorded: &[Entry]) -> anyhow::Result<Differences> {
        let ours = entries(raw)?;
        let order: Vec<&str> = ours.iter().map(arch).collect();
        let theirs: Vec<&str> = recorded
            .iter()
            .map(|entry| entry.architecture.as_str())
            .collect();
        if order != theirs {
            return Ok(vec![format!("it is for {order:?}, recorded is {theirs:?}")]);
        }
        let mut differences = Differences::new();
        for (ours, theirs) in ours.iter().zip(recorded) {
            let mut found = compare_entry(ours, theirs)?;
            let whole = whole(recorded, theirs)?;
            let image = read(&self.stage.client, &self.spec, &ours.digest).await?;
            found.extend(self.compare_image(&image, whole, &theirs.architecture)?);
            let arch = &theirs.architecture;
            differences.extend(found.into_iter().map(|found| format!("{arch}: {found}")));
        }
        Ok(differences)
    }

    fn compare_image(
        &self,
        ours: &PlatformImage,
        recorded: &Image,
        arch: &str,
    ) -> anyhow::Result<Differences> {
        let text = |name: &str| {
            ours.config
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let config_type = ours.manifest.config.media_type.to_string();
        let mut differences: Differences = [
            unequal("type", &ours.media_type, &recorded.media_type),
            unequal("config's type", &config_type, &recorded.config_media_type),
            unequal("architecture", text("architecture"), arch),
            unequal("operating system", text("os"), &recorded.os),
        ]
        .into_iter()
        .flatten()
        .collect();
        let layer_types: BTreeSet<String> = ours
            .manifest
            .layers
            .iter()
            .map(|layer| layer.media_type.to_string())
            .collect();
        if layer_types != recorded.layer_media_types {
            differences.push(format!("the layers are of the types {layer_types:?}"));
        }
        differences.extend(compare_config(&ours.config, &recorded.config));

        let (is_loose, found) = self.compare_database(&ours.files, recorded)?;
        differences.extend(found);
        let Some(base) = self.binary_image.get(arch) else {
            bail!("the binary image is not for {arch}");
        };
        if let Some(bundle) = &recorded.bundle {
            let found = bundle::compare(self.scenario, bundle, &ours.files)?;
            differences.extend(found);
        } else {
            differences.extend(files::compare(&ours.files, base, recorded, is_loose));
        }
        if let Some(recorded) = &recorded.fbc {
            let found = catalog::compare_catalog(self.scenario, recorded, &ours.files, is_loose)?;
            differences.extend(found);
        }
        if let Some(recorded) = &recorded.cache_digest {
            let found = catalog::compare_cache(recorded, &ours.files, is_loose)?;
            differences.extend(found);
        }
        Ok(differences)
    }

    /// Compares the database, and says whether the request added bundles whose skips are in random order in the recording.
    fn compare_database(
        &self,
        files: &FileTree,
        recorded: &Image,
    ) -> anyhow::Result<(bool, Differences)> {
        let Some(recorded) = &recorded.database else {
            return Ok((false, Differences::new()));
        };
        let Some(node) = files.get(Path::new(&recorded.path)) else {
            return Ok((false, vec![format!("it lacks `{}`", recorded.path)]));
        };
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), &node.content)?;
        let index = IndexDb::open_unchanged(file.path(), 0)?;
        let added: BTreeSet<String> = self.added.iter().map(ToString::to_string).collect();
        let random = &self.scenario.result.bundles_with_several_skips;
        // In this mode the order of all skips is random.
        let mode = self.scenario.args.get("graph_update_mode");
        let is_loose = mode.is_some_and(|mode| mode == "semver-skippatch")
            || index
                .bundles()?
                .iter()
                .any(|bundle| added.contains(&bundle.path) && random.contains(&bundle.csv_name));
        let found = catalog::compare_database(self.scenario, recorded, &index, is_loose)?;
        Ok((is_loose, found))
    }
}

fn arch(entry: &Descriptor) -> &str {
    let platform = entry.platform.as_ref();
    platform.map_or("", |platform| platform.architecture.as_str())
}

/// The recorded image of an entry, which may be that of another one.
fn whole<'a>(recorded: &'a [Entry], entry: &'a Entry) -> anyhow::Result<&'a Image> {
    match &entry.image {
        EntryImage::Whole(image) => Ok(image),
        EntryImage::Same { same_as } => recorded
            .iter()
            .find_map(|entry| match &entry.image {
                EntryImage::Whole(image) if entry.architecture == *same_as => Some(&**image),
                _ => None,
            })
            .with_context(|| format!("nobody wrote down the image for {same_as}")),
    }
}

fn compare_entry(ours: &Descriptor, recorded: &Entry) -> anyhow::Result<Differences> {
    let mut differences = Differences::new();
    let media_type = ours.media_type.to_string();
    differences.extend(unequal("entry's type", &media_type, &recorded.listed_type));
    let Value::Object(mut platform) = serde_json::to_value(&ours.platform)? else {
        return Ok(vec!["its entry has no platform".to_owned()]);
    };
    let mut theirs = recorded.platform.clone();
    for platform in [&mut platform, &mut theirs] {
        platform.remove("variant");
    }
    if platform != theirs {
        differences.push(format!(
            "its platform is {platform:?}, recorded is {theirs:?}"
        ));
    }
    Ok(differences)
}

/// Compares how a container is run. The recorded tools add a search path where the base image has no environment.
fn compare_config(config: &Map<String, Value>, recorded: &Map<String, Value>) -> Differences {
    let empty = Map::new();
    let ours = config.get("config").and_then(Value::as_object);
    let (ours, theirs) = (plain(ours.unwrap_or(&empty)), plain(recorded));
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    names
        .into_iter()
        .filter(|name| ours.get(*name) != theirs.get(*name))
        .filter(|name| *name != "Env" || ours.contains_key(*name))
        .map(|name| {
            let [ours, theirs] = [&ours, &theirs].map(|config| config.get(name));
            format!("`{name}` of the config is {ours:?}, recorded is {theirs:?}")
        })
        .collect()
}

/// A config without what is empty and what depends on the machine or the tool.
fn plain(config: &Map<String, Value>) -> Map<String, Value> {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    let mut config = config.clone();
    config.remove("Hostname");
    if let Some(labels) = config.get_mut("Labels").and_then(Value::as_object_mut) {
        labels.remove("io.buildah.version");
    }
    config.retain(|_, value| !is_empty(value));
    config
}

fn unequal(what: &str, ours: &str, recorded: &str) -> Option<String> {
    (ours != recorded).then(|| format!("its {what} is `{ours}`, recorded is `{recorded}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn empty_members_of_a_config_do_not_count() {
        let config = |config: Value| config.as_object().cloned().unwrap();
        let recorded = config(json!({"Cmd": ["serve"], "Labels": {"a": "1"}}));
        let same = json!({"Cmd": ["serve"], "Env": [], "Hostname": "x",
            "Labels": {"a": "1", "io.buildah.version": "1"}});
        let ours = config(json!({"config": same}));
        assert!(compare_config(&ours, &recorded).is_empty());
        let ours = config(json!({"config": {"Cmd": ["other"], "User": "1"}}));
        let found = compare_config(&ours, &recorded).join("\n");
        for name in ["`Cmd`", "`Labels`", "`User`"] {
            assert!(found.contains(name), "{found}");
        }
    }
}
