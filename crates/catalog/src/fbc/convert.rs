//! From blobs to the model: what must fit together (file-based catalog specification, 2.2).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::model::{Graph, Member, Model, PackageModel, Version};
use super::problems::Problem;
use super::{BUNDLE, Bundle, CHANNEL, Catalog, Channel, Deprecations, PACKAGE, image, property};
use crate::Profile;

/// Which entries of a package still wait for the blob of their bundle.
///
/// The reference tool forgets those of a channel when it reads the next one; the rules of bundles catch them later.
type Waiting<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// The channels that have an entry, by its package and name: a catalog may have as many channels as bundles.
type Places<'a> = HashMap<(&'a str, &'a str), Vec<&'a str>>;

impl<'a> Model<'a> {
    /// Makes the model of a catalog, to be judged as the default profile does.
    ///
    /// # Errors
    /// Those of [`Model::of_profile`].
    pub fn new(catalog: &'a Catalog) -> Result<Self, Problem> {
        Self::of_profile(catalog, Profile::default())
    }

    /// Makes the model of a catalog.
    ///
    /// # Errors
    /// [`Problem::Blobs`] at the first blob that does not fit the others.
    pub fn of_profile(catalog: &'a Catalog, profile: Profile) -> Result<Self, Problem> {
        let mut model = Self {
            profile,
            ..Self::default()
        };
        model.take_in(catalog).map_err(Problem::Blobs)?;
        Ok(model)
    }

    fn take_in(&mut self, catalog: &'a Catalog) -> Result<(), String> {
        for package in &catalog.packages {
            check_package_name(&package.name)?;
            let known = self
                .packages
                .insert(&package.name, PackageModel::new(package));
            if known.is_some() {
                return Err(format!("duplicate package `{}`", package.name));
            }
        }
        let (mut waiting, mut places) = (Waiting::new(), Places::new());
        for channel in &catalog.channels {
            self.channel(channel, &mut waiting, &mut places)?;
        }
        for package in self.packages.values_mut() {
            package.add_default_channel();
        }
        let mut seen = BTreeSet::new();
        for bundle in &catalog.bundles {
            self.bundle(bundle, &places, &mut seen, &mut waiting)?;
        }
        if let Some((package, names)) = waiting.iter().find(|(_, names)| !names.is_empty()) {
            let names: Vec<&str> = names.iter().copied().collect();
            return Err(format!(
                "no {BUNDLE} blobs found in package `{package}` for {CHANNEL} entries `{}`",
                names.join("`, `")
            ));
        }
        let mut deprecated = BTreeSet::new();
        for (index, deprecations) in catalog.deprecations.iter().enumerate() {
            if !deprecated.insert(deprecations.package.as_str()) {
                return Err(format!(
                    "expected a maximum of one deprecation per package: `{}` has more",
                    deprecations.package
                ));
            }
            self.deprecate(deprecations, index, &places)?;
        }
        Ok(())
    }

    fn channel(
        &mut self,
        channel: &'a Channel,
        waiting: &mut Waiting<'a>,
        places: &mut Places<'a>,
    ) -> Result<(), String> {
        let (package_name, name) = (&channel.package, &channel.name);
        let package = self
            .packages
            .get_mut(package_name.as_str())
            .ok_or_else(|| format!("unknown package `{package_name}` for channel `{name}`"))?;
        if name.is_empty() {
            return Err(format!(
                "package `{package_name}` contains channel with no name"
            ));
        }
        let mut graph = Graph::new(channel);
        for entry in channel.entries.iter().flatten() {
            let member = Member {
                entry,
                bundle: None,
                version: None,
                deprecation: None,
            };
            if graph.members.insert(&entry.name, member).is_some() {
                return Err(format!(
                    "invalid package `{package_name}`, channel `{name}`: duplicate entry `{}`",
                    entry.name
                ));
            }
            let place = places
                .entry((package_name.as_str(), entry.name.as_str()))
                .or_default();
            place.push(name);
        }
        waiting.insert(package_name, graph.members.keys().copied().collect());
        if package.channels.insert(name, graph).is_some() {
            return Err(format!(
                "package `{package_name}` has duplicate channel `{name}`"
            ));
        }
        Ok(())
    }

    fn bundle(
        &mut self,
        bundle: &'a Bundle,
        places: &Places<'a>,
        seen: &mut BTreeSet<(&'a str, &'a str)>,
        waiting: &mut Waiting<'a>,
    ) -> Result<(), String> {
        let (package_name, name) = (bundle.package.as_str(), bundle.name.as_str());
        if package_name.is_empty() {
            return Err(format!("package name must be set for bundle `{name}`"));
        }
        let package = self
            .packages
            .get_mut(package_name)
            .ok_or_else(|| format!("unknown package `{package_name}` for bundle `{name}`"))?;
        if !seen.insert((package_name, name)) {
            return Err(format!(
                "package `{package_name}` has duplicate bundle `{name}`"
            ));
        }
        let version = check_bundle(bundle, self.profile)?;
        let found = change_members(package, name, places, |member| {
            member.bundle = Some(bundle);
            member.version = Some(version.clone());
        });
        if !found {
            return Err(format!(
                "package `{package_name}`, bundle `{name}` not found in any channel entries; list it in a channel or remove it"
            ));
        }
        if let Some(names) = waiting.get_mut(package_name) {
            names.remove(name);
        }
        Ok(())
    }

    fn deprecate(
        &mut self,
        deprecations: &'a Deprecations,
        index: usize,
        places: &Places<'a>,
    ) -> Result<(), String> {
        let name = deprecations.package.as_str();
        if name.is_empty() {
            return Err(format!(
                "package name must be set for deprecation item {index}"
            ));
        }
        let package = self
            .packages
            .get_mut(name)
            .ok_or_else(|| format!("cannot apply deprecations to an unknown package `{name}`"))?;
        let mut references = BTreeSet::new();
        for (index, entry) in deprecations.entries.iter().flatten().enumerate() {
            if entry.schema.is_empty() {
                return Err(format!(
                    "schema must be set for deprecation entry {index} (`{}`) for package `{name}`",
                    entry.name
                ));
            }
            if !references.insert((&entry.schema, &entry.name)) {
                return Err(format!(
                    "duplicate deprecation entry for {} `{}` of package `{name}`",
                    entry.schema, entry.name
                ));
            }
            let message = Some(entry.message.as_str());
            match entry.schema.as_str() {
                BUNDLE => {
                    let found = change_members(package, &entry.name, places, |member| {
                        member.deprecation = message;
                    });
                    if !found {
                        return Err(format!(
                            "cannot deprecate bundle `{}` for package `{name}`: bundle not found",
                            entry.name
                        ));
                    }
                }
                CHANNEL => match package.channels.get_mut(entry.name.as_str()) {
                    Some(channel) => channel.deprecation = message,
                    None => {
                        return Err(format!(
                            "cannot deprecate channel `{}` for package `{name}`: channel not found",
                            entry.name
                        ));
                    }
                },
                PACKAGE if entry.name.is_empty() => package.deprecation = message,
                PACKAGE => {
                    return Err(format!(
                        "package name must be empty for deprecated package `{name}` (specified `{}`)",
                        entry.name
                    ));
                }
                schema => {
                    return Err(format!(
                        "cannot deprecate object `{}` of schema `{schema}` referenced by entry {index} for package `{name}`: object schema unknown",
                        entry.name
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Changes the entries of a bundle in all channels of its package; says whether there are any.
fn change_members<'a>(
    package: &mut PackageModel<'a>,
    name: &'a str,
    places: &Places<'a>,
    mut change: impl FnMut(&mut Member<'a>),
) -> bool {
    let key = (package.package.name.as_str(), name);
    let channels = places.get(&key).map_or(&[][..], Vec::as_slice);
    for channel in channels {
        let graph = package.channels.get_mut(channel);
        if let Some(member) = graph.and_then(|graph| graph.members.get_mut(name)) {
            change(member);
        }
    }
    !channels.is_empty()
}

/// An RFC 1123 label: what Kubernetes allows in a name.
fn check_package_name(name: &str) -> Result<(), String> {
    const LONGEST: usize = 63;
    if name.is_empty() {
        return Err("config contains package with no name".to_owned());
    }
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    if bytes.len() > LONGEST {
        return Err(format!(
            "invalid package name `{name}`: must be no more than {LONGEST} characters"
        ));
    }
    if ends.into_iter().flatten().all(|byte| alphanumeric(*byte))
        && bytes
            .iter()
            .all(|byte| alphanumeric(*byte) || *byte == b'-')
    {
        return Ok(());
    }
    Err(format!(
        "invalid package name `{name}`: a lowercase RFC 1123 label must consist of lower case letters, digits and `-`, and start and end with a letter or digit"
    ))
}

/// What a bundle must be whatever channels it is in; gives its version.
fn check_bundle(bundle: &Bundle, profile: Profile) -> Result<Version, String> {
    let (package, name) = (&bundle.package, &bundle.name);
    for (index, property) in bundle.properties.iter().enumerate() {
        property::check(&property.type_, property.value.as_deref()).map_err(|reason| {
            format!(
                "parse properties for bundle `{name}` of package `{package}`: property[{index}] of type `{}`: {reason}",
                property.type_
            )
        })?;
    }
    let mut identities = bundle
        .properties
        .iter()
        .filter(|property| property.type_ == PACKAGE);
    let identity = match (identities.next(), identities.count()) {
        (Some(identity), 0) => identity.value.as_deref().unwrap_or("null"),
        (first, more) => {
            return Err(format!(
                "package `{package}` bundle `{name}` must have exactly 1 `{PACKAGE}` property, found {}",
                usize::from(first.is_some()) + more
            ));
        }
    };
    let identified = property::text(identity, "packageName");
    if identified != *package {
        return Err(format!(
            "package `{package}` does not match `{PACKAGE}` property `{identified}` of bundle `{name}`"
        ));
    }
    let refuse_image = |what: &str, image: &str, reason| {
        format!(
            "package `{package}` bundle `{name}` {what}: invalid image pull spec `{image}`: {reason}"
        )
    };
    image::check(&bundle.image).map_err(|reason| refuse_image("image", &bundle.image, reason))?;
    for (index, related) in bundle.related_images.iter().enumerate() {
        image::check(&related.image).map_err(|reason| {
            refuse_image(
                &format!("relatedImages[{index}].image"),
                &related.image,
                reason,
            )
        })?;
    }
    let version = Version::said_by(identity);
    if let Err(error) = version.version.parse::<crate::Version>() {
        return Err(format!(
            "error parsing bundle `{name}` version `{}` of package `{package}`: {error}",
            version.version
        ));
    }
    check_release(&version.release, profile).map_err(|reason| {
        format!(
            "error parsing bundle `{name}` release version `{}` of package `{package}`: {reason}",
            version.release
        )
    })?;
    Ok(version)
}

/// Pre-release identifiers of a semantic version; an empty release is none.
fn check_release(release: &str, profile: Profile) -> Result<(), String> {
    if release.is_empty() {
        return Ok(());
    }
    if let Some(longest) = profile.longest_release
        && release.len() > longest
    {
        return Err(format!("it must be no more than {longest} bytes"));
    }
    // A version would take build metadata too.
    let version = format!("0.0.0-{release}").parse::<crate::Version>();
    if version.is_err() || release.contains('+') {
        return Err("it must consist of letters, digits and `-` in parts separated by dots, numbers without leading zeros".to_owned());
    }
    Ok(())
}
