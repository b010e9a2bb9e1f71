//! Finding what changed.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::effect::Effect;
use super::patch::PackagePatch;
use super::report::{
    BlobDiff, BundleDiff, Change, ChannelDiff, DeprecationDiff, EntryDiff, Heads, Image, Lists,
    PackageDiff, PropertyValue, Values,
};
use super::updates::{self, Bundles};
use crate::fbc::{
    BUNDLE, BUNDLE_OBJECT, Bundle, CHANNEL, CSV_METADATA, Catalog, Channel, Deprecation,
    Deprecations, Entry, Graph, Group, Other, PACKAGE, Package, Property,
};

/// What there is under one key, before and after; blobs that share a key in the order of their catalog.
struct Pair<'a, T> {
    before: Vec<&'a T>,
    after: Vec<&'a T>,
}

impl<'a, T> Pair<'a, T> {
    /// The first ones, which are compared in detail: valid catalogs have no others.
    fn first(&self) -> (Option<&'a T>, Option<&'a T>) {
        (self.before.first().copied(), self.after.first().copied())
    }

    /// Says so if there are several.
    fn several<'e>(&self, what: &str) -> Option<Effect<'e>> {
        let most = self.before.len().max(self.after.len());
        (most > 1).then(|| Effect::NotJudged {
            reason: format!("there are {most} {what} of this name, of which the first is compared"),
        })
    }
}

/// What is under each key, where it differs.
fn differing<'a, T: PartialEq, K: Ord>(
    before: &[&'a T],
    after: &[&'a T],
    key: impl Fn(&'a T) -> K,
) -> BTreeMap<K, Pair<'a, T>> {
    let mut pairs: BTreeMap<K, Pair<'a, T>> = BTreeMap::new();
    let empty = || Pair {
        before: Vec::new(),
        after: Vec::new(),
    };
    for one in before.iter().copied() {
        pairs.entry(key(one)).or_insert_with(empty).before.push(one);
    }
    for one in after.iter().copied() {
        pairs.entry(key(one)).or_insert_with(empty).after.push(one);
    }
    pairs.retain(|_, pair| pair.before != pair.after);
    pairs
}

/// The packages that differ, by name.
pub(super) fn packages<'a>(old: &'a Catalog, new: &'a Catalog) -> Vec<PackageDiff<'a>> {
    let (old, new) = (old.groups(), new.groups());
    let names: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    let names: Vec<&str> = names.into_iter().collect();
    let compare = |name: &'a str| match (old.get(name), new.get(name)) {
        (Some(before), Some(after)) if before == after => None,
        (before, after) => {
            let nothing = Group::default();
            let change = Change::of(before, after);
            package(
                name,
                change,
                before.unwrap_or(&nothing),
                after.unwrap_or(&nothing),
            )
        }
    };
    names.into_par_iter().filter_map(compare).collect()
}

/// The blobs of no package that differ, and all of them if they differ in anything.
pub(super) fn loose<'a>(
    old: &'a Catalog,
    new: &'a Catalog,
) -> (Vec<BlobDiff<'a>>, Option<Vec<&'a Other>>) {
    let of = |catalog: &'a Catalog| -> Vec<&'a Other> {
        let others = catalog.others.iter();
        others.filter(|other| other.package.is_empty()).collect()
    };
    let (before, after) = (of(old), of(new));
    if before == after {
        return (Vec::new(), None);
    }
    (blobs(&before, &after), Some(after))
}

/// Compares what two catalogs have of a package; `None` if only the order of what has a name differs.
fn package<'a>(
    name: &'a str,
    change: Change,
    old: &Group<'a>,
    new: &Group<'a>,
) -> Option<PackageDiff<'a>> {
    let blob = differing(&old.packages, &new.packages, |_| ());
    let channels = differing(&old.channels, &new.channels, |one| one.name.as_str());
    let bundles = differing(&old.bundles, &new.bundles, |one| one.name.as_str());
    let deprecated = differing(&old.deprecations, &new.deprecations, |_| ());
    let others = differing(&old.others, &new.others, |one| one.schema.as_str());

    let all_bundles = Bundles::new(&old.bundles, &new.bundles);
    let members = Members::of(new);
    let mut diff = PackageDiff {
        name,
        change,
        default_channel: None,
        description: None,
        icon: None,
        properties: Lists::default(),
        effects: Vec::new(),
        channels: (channels.iter())
            .map(|(name, pair)| channel(name, pair, &all_bundles))
            .collect(),
        bundles: (bundles.iter())
            .map(|(name, pair)| bundle(name, pair, &members))
            .collect(),
        deprecations: deprecations(&old.deprecations, &new.deprecations),
        blobs: blobs(&old.others, &new.others),
        patch: PackagePatch::default(),
    };
    if let Some(pair) = blob.get(&()) {
        let (before, after) = pair.first();
        describe(&mut diff, before, after);
        diff.effects.extend(pair.several("`olm.package` blobs"));
    }
    diff.effects.extend(package_effects(&diff, new));
    if change == Change::Removed {
        // What goes with its package is told once.
        let channels = diff.channels.iter_mut().map(|channel| &mut channel.effects);
        let bundles = diff.bundles.iter_mut().map(|bundle| &mut bundle.effects);
        channels.chain(bundles).for_each(Vec::clear);
    }
    diff.patch = PackagePatch {
        packages: blob.into_values().next().map(|pair| pair.after),
        channels: after(channels),
        bundles: after(bundles),
        deprecations: deprecated.into_values().next().map(|pair| pair.after),
        others: after(others),
    };
    if diff.patch.is_empty() {
        return None;
    }
    let tells = diff.default_channel.is_some()
        || !diff.effects.is_empty()
        || !diff.properties.is_empty()
        || !diff.channels.is_empty()
        || !diff.bundles.is_empty()
        || !diff.deprecations.is_empty()
        || !diff.blobs.is_empty();
    if !tells {
        diff.effects.push(Effect::FormOnly);
    }
    Some(diff)
}

fn after<K: Ord, T>(pairs: BTreeMap<K, Pair<'_, T>>) -> BTreeMap<K, Vec<&T>> {
    let after = pairs.into_iter().map(|(key, pair)| (key, pair.after));
    after.collect()
}

/// The channels that each bundle of a package is in.
struct Members<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Members<'a> {
    fn of(group: &Group<'a>) -> Self {
        let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for channel in group.channels.iter().copied() {
            for entry in channel.entries.iter().flatten() {
                let channels = members.entry(&entry.name).or_default();
                channels.insert(&channel.name);
            }
        }
        Self(members)
    }

    /// Whether a bundle can be installed, and from where.
    fn effect(&self, bundle: &str) -> Effect<'a> {
        match self.0.get(bundle) {
            Some(channels) => Effect::Installable {
                channels: channels.iter().copied().collect(),
            },
            None => Effect::InNoChannel,
        }
    }
}

/// What differs between two `olm.package` blobs.
fn describe<'a>(
    diff: &mut PackageDiff<'a>,
    before: Option<&'a Package>,
    after: Option<&'a Package>,
) {
    let text = |field: fn(&Package) -> &str| Values::of_texts(before.map(field), after.map(field));
    diff.default_channel = text(|package| &package.default_channel);
    diff.description = text(|package| &package.description);
    let [old_icon, new_icon] = [before, after].map(|package| package?.icon.as_ref());
    diff.icon = (old_icon != new_icon).then(|| Values {
        before: old_icon.map(|icon| icon.mediatype.as_str()),
        after: new_icon.map(|icon| icon.mediatype.as_str()),
    });
    diff.properties = properties(
        before.map_or(&[], |package| &package.properties),
        after.map_or(&[], |package| &package.properties),
    );
}

/// What the changes of a package mean as a whole.
fn package_effects<'a>(diff: &PackageDiff<'a>, new: &Group<'a>) -> Vec<Effect<'a>> {
    if diff.change == Change::Removed {
        return vec![Effect::PackageRemoved];
    }
    let mut effects = Vec::new();
    let default_channel = (new.packages.first()).map_or("", |package| &package.default_channel);
    let channel = new.channels.iter().find(|one| one.name == default_channel);
    let channel_changed = (diff.channels.iter())
        .any(|one| one.name == default_channel && one.change == Change::Removed);
    match channel.copied() {
        None if diff.default_channel.is_some()
            || channel_changed
            || diff.change == Change::Added =>
        {
            effects.push(Effect::DefaultChannelMissing {
                channel: default_channel,
            });
        }
        None => {}
        Some(channel) => {
            let head = updates::head(&updates::graph(channel)).ok();
            if diff.change == Change::Added {
                effects.push(Effect::PackageAdded {
                    default_channel,
                    head,
                });
            } else if let Some(values) = &diff.default_channel {
                effects.push(Effect::DefaultChannel {
                    before: values.before.unwrap_or_default(),
                    after: default_channel,
                    head,
                });
            }
        }
    }
    if diff.change == Change::Changed && (diff.description.is_some() || diff.icon.is_some()) {
        effects.push(Effect::Presentation);
    }
    effects
}

fn channel<'a>(name: &'a str, pair: &Pair<'a, Channel>, bundles: &Bundles<'a>) -> ChannelDiff<'a> {
    let (before, after) = pair.first();
    let (old_graph, new_graph) = (before.map(updates::graph), after.map(updates::graph));
    let heads = |graph: &Option<Graph<'a>>| graph.as_ref().map(Graph::heads).unwrap_or_default();
    let entries = entries(before, after);
    let properties = properties(
        before.map_or(&[], |channel| &channel.properties),
        after.map_or(&[], |channel| &channel.properties),
    );
    let mut effects = match (&old_graph, &new_graph) {
        (Some(_), None) => vec![Effect::ChannelRemoved],
        (None, Some(new)) => vec![Effect::ChannelAdded {
            head: updates::head(new).ok(),
        }],
        (Some(old), Some(new)) if !entries.is_empty() => updates::effects(old, new, bundles),
        _ => Vec::new(),
    };
    effects.extend(pair.several("`olm.channel` blobs"));
    let change = Change::of(before, after);
    let silent = effects.is_empty() && entries.is_empty() && properties.is_empty();
    if silent && change == Change::Changed {
        effects.push(Effect::FormOnly);
    }
    ChannelDiff {
        name,
        change,
        heads: Heads {
            before: heads(&old_graph),
            after: heads(&new_graph),
        },
        properties,
        entries,
        effects,
    }
}

fn entries<'a>(before: Option<&'a Channel>, after: Option<&'a Channel>) -> Vec<EntryDiff<'a>> {
    let of = |channel: Option<&'a Channel>| -> Vec<&'a Entry> {
        channel
            .and_then(|channel| channel.entries.as_ref())
            .into_iter()
            .flatten()
            .collect()
    };
    let pairs = differing(&of(before), &of(after), |entry| entry.name.as_str());
    let entry = |(name, pair): (&'a str, Pair<'a, Entry>)| {
        let (before, after) = pair.first();
        let text =
            |field: fn(&Entry) -> &str| Values::of_texts(before.map(field), after.map(field));
        let skips = |entry: Option<&'a Entry>| {
            entry
                .into_iter()
                .flat_map(|entry| entry.skips.iter().map(String::as_str))
        };
        EntryDiff {
            name,
            change: Change::of(before, after),
            replaces: text(|entry| &entry.replaces),
            skips: Lists::of(skips(before), skips(after)),
            skip_range: text(|entry| &entry.skip_range),
        }
    };
    pairs.into_iter().map(entry).collect()
}

fn bundle<'a>(name: &'a str, pair: &Pair<'a, Bundle>, members: &Members<'a>) -> BundleDiff<'a> {
    let (before, after) = pair.first();
    let version = |bundle: Option<&'a Bundle>| {
        let version = bundle?.version()?.version;
        (!version.is_empty()).then_some(version)
    };
    let mut diff = BundleDiff {
        name,
        change: Change::of(before, after),
        version: Values::of(version(before), version(after)),
        image: Values::of_texts(
            before.map(|bundle| bundle.image.as_str()),
            after.map(|bundle| bundle.image.as_str()),
        ),
        properties: Lists::default(),
        related_images: Lists::default(),
        effects: Vec::new(),
    };
    match (before, after) {
        (Some(before), Some(after)) => {
            diff.properties = properties(&before.properties, &after.properties);
            diff.related_images = Lists::of(images(before), images(after));
            diff.effects = bundle_effects(&diff);
        }
        (None, Some(_)) => diff.effects.push(members.effect(name)),
        (Some(_) | None, None) => diff.effects.push(Effect::BundleRemoved),
    }
    diff.effects.extend(pair.several("`olm.bundle` blobs"));
    diff
}

fn images(bundle: &Bundle) -> impl Iterator<Item = Image<'_>> {
    bundle.related_images.iter().map(|related| Image {
        name: &related.name,
        image: &related.image,
    })
}

fn properties<'a>(before: &'a [Property], after: &'a [Property]) -> Lists<PropertyValue<'a>> {
    let value = |property: &'a Property| PropertyValue {
        type_: &property.type_,
        value: property.value.as_deref().unwrap_or("null"),
    };
    Lists::of(before.iter().map(value), after.iter().map(value))
}

/// What it means that a bundle is another one under the same name.
fn bundle_effects<'a>(diff: &BundleDiff<'a>) -> Vec<Effect<'a>> {
    let mut effects = Vec::new();
    if diff.version.is_some() {
        effects.push(Effect::VersionChanged);
    }
    if let Some(image) = &diff.image {
        let digest = |image: Option<&'a str>| Some(image?.split_once('@')?.1);
        let digests = (digest(image.before), digest(image.after));
        effects.push(Effect::ImageMoved {
            same_digest: digests.0.is_some() && digests.0 == digests.1,
        });
    }
    if !diff.related_images.is_empty() {
        effects.push(Effect::RelatedImages);
    }
    let changed = |types: &[&str]| {
        let mut properties = (diff.properties.added.iter()).chain(&diff.properties.removed);
        properties.any(|property| types.contains(&property.type_))
    };
    let of_types: [(&[&str], Effect<'a>); 4] = [
        (
            &["olm.package.required", "olm.gvk.required", "olm.constraint"],
            Effect::Dependencies,
        ),
        (&["olm.gvk"], Effect::Apis),
        (&["olm.maxOpenShiftVersion"], Effect::OpenShiftLimit),
        (&[CSV_METADATA, BUNDLE_OBJECT], Effect::Presentation),
    ];
    for (types, effect) in of_types {
        if changed(types) {
            effects.push(effect);
        }
    }
    if effects.is_empty() && diff.properties.is_empty() {
        effects.push(Effect::FormOnly);
    }
    effects
}

/// Deprecations by what they are about; of several of the same thing the last one counts.
fn deprecations<'a>(
    before: &[&'a Deprecations],
    after: &[&'a Deprecations],
) -> Vec<DeprecationDiff<'a>> {
    let rank = |schema: &str| match schema {
        PACKAGE => 0,
        CHANNEL => 1,
        BUNDLE => 2,
        _ => 3,
    };
    let by_thing = |blobs: &[&'a Deprecations]| -> BTreeMap<(u8, &'a str, &'a str), &'a str> {
        let entries = blobs.iter().flat_map(|blob| blob.entries.iter().flatten());
        let thing = |entry: &'a Deprecation| {
            let (schema, name) = (entry.schema.as_str(), entry.name.as_str());
            ((rank(schema), schema, name), entry.message.as_str())
        };
        entries.map(thing).collect()
    };
    let (before, after) = (by_thing(before), by_thing(after));
    let things: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    let mut diffs = Vec::new();
    for thing in things {
        let (_, schema, name) = thing;
        let (old, new) = (before.get(&thing), after.get(&thing));
        let Some(message) = Values::of(old.copied(), new.copied()) else {
            continue;
        };
        let change = Change::of(old, new);
        diffs.push(DeprecationDiff {
            schema,
            name,
            change,
            message,
            effects: vec![match change {
                Change::Added => Effect::DeprecationShown,
                Change::Removed => Effect::DeprecationGone,
                Change::Changed => Effect::DeprecationReworded,
            }],
        });
    }
    diffs
}

/// Blobs of other schemas; as they need no name of their own, those that went are paired with those that came.
fn blobs<'a>(before: &[&'a Other], after: &[&'a Other]) -> Vec<BlobDiff<'a>> {
    let pairs = differing(before, after, |other| {
        (other.schema.as_str(), other.name.as_str())
    });
    let mut diffs = Vec::new();
    for ((schema, name), pair) in pairs {
        let text = |other: &&'a Other| other.blob.as_str();
        let lists = Lists::of(pair.before.iter().map(text), pair.after.iter().map(text));
        let (added, removed) = (lists.added.len(), lists.removed.len());
        let changed = added.min(removed);
        for (change, count) in [
            (Change::Changed, changed),
            (Change::Added, added - changed),
            (Change::Removed, removed - changed),
        ] {
            let diff = BlobDiff {
                schema,
                name,
                change,
            };
            diffs.extend(std::iter::repeat_n(diff, count));
        }
    }
    diffs
}
