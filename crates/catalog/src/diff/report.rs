//! What a diff is made of.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::effect::{self, Effect};
use super::patch::PackagePatch;

/// What happened to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another one under the same name.
    Changed,
}

/// A value that changed; `None` where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Values<T> {
    /// What it was.
    pub before: Option<T>,
    /// What it is.
    pub after: Option<T>,
}

/// What a list lost and gained; the order of its elements plays no part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lists<T> {
    /// The elements that came, sorted.
    pub added: Vec<T>,
    /// The elements that went, sorted.
    pub removed: Vec<T>,
}

/// A package that differs.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct PackageDiff<'a> {
    /// The package's name.
    pub name: &'a str,
    /// What happened to it.
    pub change: Change,
    /// The default channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_channel: Option<Values<&'a str>>,
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Values<&'a str>>,
    /// The media type of the icon; the same one twice where only the picture is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<Values<&'a str>>,
    /// The properties of the package blob.
    #[serde(skip_serializing_if = "Lists::is_empty")]
    pub properties: Lists<PropertyValue<'a>>,
    /// What this means beside what the parts below mean.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "effect::all")]
    pub effects: Vec<Effect<'a>>,
    /// The channels that differ, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelDiff<'a>>,
    /// The bundles that differ, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bundles: Vec<BundleDiff<'a>>,
    /// The deprecations that differ: the package, channels, bundles, each by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deprecations: Vec<DeprecationDiff<'a>>,
    /// The blobs of other schemas that differ, by schema and name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<BlobDiff<'a>>,
    /// How the blobs of the package become the new ones.
    #[serde(skip)]
    pub patch: PackagePatch<'a>,
}

/// A channel that differs.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct ChannelDiff<'a> {
    /// The channel's name.
    pub name: &'a str,
    /// What happened to it.
    pub change: Change,
    /// The heads before and after, changed or not; one of each in a valid channel.
    pub heads: Heads<'a>,
    /// The properties of the channel.
    #[serde(skip_serializing_if = "Lists::is_empty")]
    pub properties: Lists<PropertyValue<'a>>,
    /// The entries that differ, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<EntryDiff<'a>>,
    /// What this means for clusters that follow the channel.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "effect::all")]
    pub effects: Vec<Effect<'a>>,
}

/// The heads of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heads<'a> {
    /// What they were, by name.
    pub before: Vec<&'a str>,
    /// What they are, by name.
    pub after: Vec<&'a str>,
}

/// An entry of a channel that differs.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct EntryDiff<'a> {
    /// The bundle's name.
    pub name: &'a str,
    /// What happened to it.
    pub change: Change,
    /// What it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Values<&'a str>>,
    /// What it skips.
    #[serde(skip_serializing_if = "Lists::is_empty")]
    pub skips: Lists<&'a str>,
    /// The range of versions it skips.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_range: Option<Values<&'a str>>,
}

/// A bundle that differs.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct BundleDiff<'a> {
    /// The bundle's name.
    pub name: &'a str,
    /// What happened to it.
    pub change: Change,
    /// The version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Values<String>>,
    /// The pull spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Values<&'a str>>,
    /// The properties; only of a bundle that was there before and still is.
    #[serde(skip_serializing_if = "Lists::is_empty")]
    pub properties: Lists<PropertyValue<'a>>,
    /// The images it names; only of a bundle that was there before and still is.
    #[serde(skip_serializing_if = "Lists::is_empty")]
    pub related_images: Lists<Image<'a>>,
    /// What this means for clusters.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "effect::all")]
    pub effects: Vec<Effect<'a>>,
}

/// A deprecation that differs.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct DeprecationDiff<'a> {
    /// The schema of what is deprecated, such as `olm.bundle`.
    pub schema: &'a str,
    /// The name of what is deprecated; empty for the package itself.
    pub name: &'a str,
    /// What happened to it.
    pub change: Change,
    /// What users are told.
    pub message: Values<&'a str>,
    /// What this means for clusters.
    #[serde(serialize_with = "effect::all")]
    pub effects: Vec<Effect<'a>>,
}

/// A blob of another schema that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BlobDiff<'a> {
    /// Its schema.
    pub schema: &'a str,
    /// Its name; empty if it has none.
    pub name: &'a str,
    /// What happened to it.
    pub change: Change,
}

/// A property: its type and its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PropertyValue<'a> {
    /// The type.
    #[serde(rename = "type")]
    pub type_: &'a str,
    /// The value as JSON text; `null` where there is none. In JSON it is the value itself.
    #[serde(serialize_with = "raw")]
    pub value: &'a str,
}

/// An image that a bundle names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Image<'a> {
    /// What the bundle calls it; may be empty.
    pub name: &'a str,
    /// Its pull spec; may be empty.
    pub image: &'a str,
}

/// How much changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Packages.
    pub packages: Counts,
    /// Channels, those of new and removed packages too.
    pub channels: Counts,
    /// Bundles, those of new and removed packages too.
    pub bundles: Counts,
    /// Deprecated packages, channels and bundles.
    pub deprecations: Counts,
    /// Blobs of other schemas.
    pub blobs: Counts,
    /// The channels that are there before and after and have other heads.
    pub heads: usize,
    /// The effects that somebody should look at ([`Effect::needs_attention`]).
    pub attention: usize,
}

/// How many things of a kind changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// How many are new.
    pub added: usize,
    /// How many are gone.
    pub removed: usize,
    /// How many are others under the same name.
    pub changed: usize,
}

impl Change {
    /// What happened to something of which there may be one before and one after.
    pub(super) fn of<T>(before: Option<&T>, after: Option<&T>) -> Self {
        match (before, after) {
            (None, _) => Self::Added,
            (_, None) => Self::Removed,
            (Some(_), Some(_)) => Self::Changed,
        }
    }
}

impl<T: PartialEq> Values<T> {
    /// Both values, if they differ.
    pub(super) fn of(before: Option<T>, after: Option<T>) -> Option<Self> {
        (before != after).then_some(Self { before, after })
    }
}

impl<'a> Values<&'a str> {
    /// Both texts, if they differ; an empty text is none.
    pub(super) fn of_texts(before: Option<&'a str>, after: Option<&'a str>) -> Option<Self> {
        let some = |text: &&str| !text.is_empty();
        Self::of(before.filter(some), after.filter(some))
    }
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self {
            added: Vec::new(),
            removed: Vec::new(),
        }
    }
}

impl<T> Lists<T> {
    /// Whether the lists hold the same elements.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl<T: Ord + Clone> Lists<T> {
    /// What the second list has beyond the first, and the other way round; an element may be in a list several times.
    pub(super) fn of(before: impl Iterator<Item = T>, after: impl Iterator<Item = T>) -> Self {
        let mut counts: BTreeMap<T, (usize, usize)> = BTreeMap::new();
        for element in before {
            counts.entry(element).or_default().0 += 1;
        }
        for element in after {
            counts.entry(element).or_default().1 += 1;
        }
        let mut lists = Self::default();
        for (element, (before, after)) in counts {
            let (list, count) = if after > before {
                (&mut lists.added, after - before)
            } else {
                (&mut lists.removed, before - after)
            };
            list.extend(std::iter::repeat_n(element, count));
        }
        lists
    }
}

impl Counts {
    fn of(changes: impl Iterator<Item = Change>) -> Self {
        let mut counts = Self::default();
        for change in changes {
            match change {
                Change::Added => counts.added += 1,
                Change::Removed => counts.removed += 1,
                Change::Changed => counts.changed += 1,
            }
        }
        counts
    }
}

impl Summary {
    pub(super) fn of(packages: &[PackageDiff<'_>], blobs: &[BlobDiff<'_>]) -> Self {
        let channels = || packages.iter().flat_map(|package| &package.channels);
        let bundles = || packages.iter().flat_map(|package| &package.bundles);
        let deprecations = packages.iter().flat_map(|package| &package.deprecations);
        let blobs = (packages.iter().flat_map(|package| &package.blobs)).chain(blobs);
        let other_head = |channel: &&ChannelDiff<'_>| {
            channel.change == Change::Changed && channel.heads.before != channel.heads.after
        };
        let attention = packages.iter().flat_map(PackageDiff::all_effects);
        Self {
            packages: Counts::of(packages.iter().map(|package| package.change)),
            channels: Counts::of(channels().map(|channel| channel.change)),
            bundles: Counts::of(bundles().map(|bundle| bundle.change)),
            deprecations: Counts::of(deprecations.map(|deprecation| deprecation.change)),
            blobs: Counts::of(blobs.map(|blob| blob.change)),
            heads: channels().filter(other_head).count(),
            attention: attention.filter(|effect| effect.needs_attention()).count(),
        }
    }
}

impl Summary {
    /// The counts with what they count.
    pub(super) fn rows(&self) -> [(&'static str, Counts); 5] {
        [
            ("packages", self.packages),
            ("channels", self.channels),
            ("bundles", self.bundles),
            ("deprecations", self.deprecations),
            ("other blobs", self.blobs),
        ]
    }
}

impl<'a> PackageDiff<'a> {
    /// The effects of the package and of all its parts.
    pub fn all_effects(&self) -> impl Iterator<Item = &Effect<'a>> {
        let channels = self.channels.iter().flat_map(|channel| &channel.effects);
        let bundles = self.bundles.iter().flat_map(|bundle| &bundle.effects);
        let deprecations = self.deprecations.iter().flat_map(|diff| &diff.effects);
        let package = self.effects.iter();
        package.chain(channels).chain(bundles).chain(deprecations)
    }
}

/// Writes the value of a property as the JSON it is.
fn raw<S: Serializer>(value: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_str::<&RawValue>(value) {
        Ok(raw) => raw.serialize(serializer),
        // Databases may hold what is no JSON.
        Err(_) => serializer.serialize_str(value),
    }
}
