//! The rules of packages, channels and bundles (file-based catalog specification, 2.3).

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Graph, Member, Model, PackageModel};
use super::problems::{Node, Problem, Problems};
use super::{Catalog, PACKAGE};
use crate::{Profile, VersionRange};

const NO_MESSAGE: &str = "invalid deprecation: message must be set";

impl Catalog {
    /// Judges the catalog as the reference tool's `validate` does in the default profile.
    ///
    /// # Errors
    /// Those of [`Catalog::validate_as`].
    pub fn validate(&self) -> Result<(), Problem> {
        self.validate_as(Profile::default())
    }

    /// Judges the catalog as the reference tool's `validate` does.
    ///
    /// # Errors
    /// [`Problem`]: the first blob that does not fit the others, or else every broken rule.
    pub fn validate_as(&self, profile: Profile) -> Result<(), Problem> {
        Model::of_profile(self, profile)?.check()
    }
}

impl Model<'_> {
    /// Checks every rule of packages, channels, graphs and bundles.
    ///
    /// # Errors
    /// [`Problem::Rules`] with all that are broken.
    pub fn check(&self) -> Result<(), Problem> {
        let packages: Vec<Node> = self
            .packages
            .iter()
            .filter_map(|(name, package)| {
                Node::inner("package", name, check_package(package, self.profile))
            })
            .collect();
        if packages.is_empty() {
            Ok(())
        } else {
            Err(Problem::Rules(Problems { packages }))
        }
    }
}

fn check_package(package: &PackageModel<'_>, profile: Profile) -> Vec<Node> {
    let mut found = Vec::new();
    if package.package.name.is_empty() {
        found.push(Node::leaf("package name must not be empty"));
    }
    if package.package.default_channel.is_empty() {
        found.push(Node::leaf("default channel must be set"));
    }
    if package.channels.is_empty() {
        found.push(Node::leaf("package must contain at least one channel"));
    }
    for (name, channel) in &package.channels {
        found.extend(Node::inner(
            "channel",
            name,
            check_channel(&package.package.name, channel, profile),
        ));
    }
    found.extend(duplicate_versions(package).map(Node::leaf));
    if package.deprecation == Some("") {
        found.push(Node::leaf(NO_MESSAGE));
    }
    found
}

fn duplicate_versions(package: &PackageModel<'_>) -> Option<String> {
    let mut versions: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (name, member) in package
        .channels
        .values()
        .flat_map(|channel| &channel.members)
    {
        let Some(version) = &member.version else {
            continue;
        };
        let mut text = version.version.clone();
        if !version.release.is_empty() {
            text.extend(["-", &version.release]);
        }
        versions.entry(text).or_default().insert(name);
    }
    let duplicates: Vec<String> = versions
        .iter()
        .filter(|(_, names)| names.len() > 1)
        .map(|(version, names)| {
            let names: Vec<&str> = names.iter().copied().collect();
            format!("{{{version}: [{}]}}", names.join(", "))
        })
        .collect();
    (!duplicates.is_empty()).then(|| {
        format!(
            "duplicate versions found in bundles: [{}]",
            duplicates.join(" ")
        )
    })
}

fn check_channel(package: &str, channel: &Graph<'_>, profile: Profile) -> Vec<Node> {
    let mut found = Vec::new();
    if channel.members.is_empty() {
        found.push(Node::leaf("channel must contain at least one bundle"));
    } else if let Some(problem) = check_graph(channel) {
        found.push(Node::leaf(problem));
    }
    for (name, member) in &channel.members {
        found.extend(Node::inner(
            "bundle",
            name,
            check_bundle(package, name, member, profile),
        ));
    }
    if channel.deprecation == Some("") {
        found.push(Node::leaf(NO_MESSAGE));
    }
    found
}

/// One head, from which the chain of `replaces` reaches every entry that is not skipped.
fn check_graph(channel: &Graph<'_>) -> Option<String> {
    let heads = channel.heads();
    let head = match heads[..] {
        [] => return Some("no channel head found in graph".to_owned()),
        [head] => head,
        _ => {
            return Some(format!(
                "multiple channel heads found in graph: {}",
                heads.join(", ")
            ));
        }
    };
    let skipped = channel.skipped();
    let (mut chain, mut on_chain) = (vec![head], BTreeSet::from([head]));
    let mut current = channel.members.get(head);
    while let Some(member) = current {
        let replaces = member.entry.replaces.as_str();
        if skipped.contains(replaces) {
            break;
        }
        chain.push(replaces);
        if !on_chain.insert(replaces) {
            let from = chain.iter().position(|name| *name == replaces).unwrap_or(0);
            return Some(format!(
                "detected cycle in replaces chain of upgrade graph: {}",
                chain[from..].join(" -> ")
            ));
        }
        current = channel.members.get(replaces);
    }
    let stranded: Vec<&str> = channel
        .members
        .keys()
        .copied()
        .filter(|name| !on_chain.contains(name) && !skipped.contains(name))
        .collect();
    (!stranded.is_empty()).then(|| {
        format!(
            "channel contains one or more stranded bundles: {}",
            stranded.join(", ")
        )
    })
}

fn check_bundle(package: &str, name: &str, member: &Member<'_>, profile: Profile) -> Vec<Node> {
    let mut found = Vec::new();
    let mut leaf = |text: String| found.push(Node::leaf(text));
    if name.is_empty() {
        leaf("name must be set".to_owned());
    }
    let identities = member.bundle.map_or(0, |bundle| {
        let identity = bundle
            .properties
            .iter()
            .filter(|property| property.type_ == PACKAGE);
        identity.count()
    });
    if identities != 1 {
        leaf(format!(
            "must be exactly one property with type \"{PACKAGE}\""
        ));
    }
    for (index, _) in member
        .entry
        .skips
        .iter()
        .enumerate()
        .filter(|(_, skip)| skip.is_empty())
    {
        leaf(format!("skip[{index}] is empty"));
    }
    let skip_range = &member.entry.skip_range;
    if profile.checks_skip_ranges
        && !skip_range.is_empty()
        && let Err(error) = skip_range.parse::<VersionRange>()
    {
        leaf(format!("invalid skipRange \"{skip_range}\": {error}"));
    }
    if member
        .bundle
        .is_none_or(|bundle| bundle.image.is_empty() && !bundle.has_objects())
    {
        leaf("bundle image must be set".to_owned());
    }
    if let Some(version) = member
        .version
        .as_ref()
        .filter(|version| !version.release.is_empty())
    {
        let normalized = format!("{package}-v{}-{}", version.version, version.release);
        if name != normalized {
            leaf(format!(
                "name \"{name}\" does not match normalized name \"{normalized}\""
            ));
        }
        if version.version.contains('+') {
            leaf("cannot use build metadata in version with a release version".to_owned());
        }
    }
    if member.deprecation == Some("") {
        leaf(NO_MESSAGE.to_owned());
    }
    found
}
