//! Writing catalogs (file-based catalog specification, 1.6).

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rayon::prelude::*;

use super::{
    BUNDLE, Bundle, CHANNEL, Catalog, Channel, DEPRECATIONS, Deprecations, Other, PACKAGE, Package,
    Property,
};
use crate::json::{self, Numbers, quote_plain};
use crate::yaml;

/// How catalogs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Indented JSON objects one after the other.
    Json,
    /// YAML documents, each below a separator.
    Yaml,
}

impl Output {
    /// The ending of files in this form, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
        }
    }
}

/// How many blobs are turned into text at once: enough for the threads, little enough for the memory.
const AT_ONCE: usize = 64;

#[derive(Clone, Copy)]
enum Item<'a> {
    Package(&'a Package),
    Channel(&'a Channel),
    Bundle(&'a Bundle),
    Deprecations(&'a Deprecations),
    Other(&'a Other),
}

/// The blobs of one package.
#[derive(Default)]
struct Group<'a> {
    packages: Vec<&'a Package>,
    channels: Vec<&'a Channel>,
    bundles: Vec<&'a Bundle>,
    others: Vec<&'a Other>,
    deprecations: Vec<&'a Deprecations>,
}

impl<'a> Group<'a> {
    /// The graph of the package alone.
    fn graph(mut self) -> Vec<Item<'a>> {
        self.channels.sort_by(|a, b| a.name.cmp(&b.name));
        self.bundles.sort_by(|a, b| a.name.cmp(&b.name));
        let mut items: Vec<Item<'a>> = self.packages.into_iter().map(Item::Package).collect();
        items.extend(self.channels.into_iter().map(Item::Channel));
        items.extend(self.bundles.into_iter().map(Item::Bundle));
        items
    }

    fn all(mut self) -> Vec<Item<'a>> {
        let mut others = std::mem::take(&mut self.others);
        let deprecations = std::mem::take(&mut self.deprecations);
        others.sort_by(|a, b| a.schema.cmp(&b.schema));
        let mut items = self.graph();
        items.extend(others.into_iter().map(Item::Other));
        items.extend(deprecations.into_iter().map(Item::Deprecations));
        items
    }
}

impl Catalog {
    /// Writes all blobs in the order and form of the reference tool's `render`.
    ///
    /// Channels, bundles and deprecations without package are left out, as there. Blobs are turned into text on the
    /// threads of the pool that this runs on, a bounded number at a time.
    ///
    /// # Errors
    /// What the writer returns.
    pub fn write(&self, output: Output, to: &mut impl io::Write) -> io::Result<()> {
        let mut items: Vec<Item<'_>> = self.groups().into_values().flat_map(Group::all).collect();
        let global = self.others.iter().filter(|other| other.package.is_empty());
        items.extend(global.map(Item::Other));
        write_items(&items, output, to)
    }

    /// What `migrate` writes into a file for each package, sorted by name (specification, 3.4, profile A): packages with an
    /// `olm.package` blob only, and of each the package, its channels and its bundles.
    pub fn by_package(&self) -> impl Iterator<Item = PackageBlobs<'_>> {
        self.groups()
            .into_iter()
            .filter(|(_, group)| !group.packages.is_empty())
            .map(|(name, group)| PackageBlobs {
                name,
                items: group.graph(),
            })
    }

    fn groups(&self) -> BTreeMap<&str, Group<'_>> {
        let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
        for package in &self.packages {
            groups
                .entry(&package.name)
                .or_default()
                .packages
                .push(package);
        }
        for channel in &self.channels {
            groups
                .entry(&channel.package)
                .or_default()
                .channels
                .push(channel);
        }
        for bundle in &self.bundles {
            groups
                .entry(&bundle.package)
                .or_default()
                .bundles
                .push(bundle);
        }
        for other in &self.others {
            groups.entry(&other.package).or_default().others.push(other);
        }
        for deprecations in &self.deprecations {
            groups
                .entry(&deprecations.package)
                .or_default()
                .deprecations
                .push(deprecations);
        }
        groups.remove("");
        groups
    }

    /// The names of all packages that any blob names, sorted.
    pub fn package_names(&self) -> BTreeSet<&str> {
        self.groups().into_keys().collect()
    }
}

/// The package, channels and bundles of one package, in the order they are written in.
pub struct PackageBlobs<'a> {
    name: &'a str,
    items: Vec<Item<'a>>,
}

impl<'a> PackageBlobs<'a> {
    /// The name of the package, as the catalog says it: it may be unfit for the name of a file.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Writes the blobs as [`Catalog::write`] does.
    ///
    /// # Errors
    /// What the writer returns.
    pub fn write(&self, output: Output, to: &mut impl io::Write) -> io::Result<()> {
        write_items(&self.items, output, to)
    }
}

fn write_items(items: &[Item<'_>], output: Output, to: &mut impl io::Write) -> io::Result<()> {
    for some in items.chunks(AT_ONCE) {
        let texts: Vec<String> = some.par_iter().map(|item| item.text(output)).collect();
        for text in texts {
            to.write_all(text.as_bytes())?;
        }
    }
    Ok(())
}

impl Item<'_> {
    fn text(self, output: Output) -> String {
        let compact = match self {
            Self::Package(package) => package_text(package),
            Self::Channel(channel) => channel_text(channel),
            Self::Bundle(bundle) => bundle_text(bundle),
            Self::Deprecations(deprecations) => deprecations_text(deprecations),
            Self::Other(other) => other.blob.clone(),
        };
        let mut text = String::with_capacity(compact.len() + compact.len() / 4);
        match output {
            Output::Json => {
                json::indent(&mut text, &compact, 0);
                text.push('\n');
            }
            Output::Yaml => {
                text.push_str("---\n");
                // Property values come from files and databases that were read as JSON before.
                if let Ok(Some((value, _))) = json::next(compact.as_bytes(), Numbers::Wide) {
                    yaml::write(&mut text, &value);
                }
            }
        }
        text
    }
}

/// Writes the compact text of an object.
struct Object(String);

impl Object {
    fn new() -> Self {
        Self("{".to_owned())
    }

    fn of_schema(schema: &str) -> Self {
        let mut object = Self::new();
        object.text("schema", schema);
        object
    }

    fn key(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote_plain(&mut self.0, name);
        self.0.push(':');
    }

    fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        quote_plain(&mut self.0, text);
    }

    fn some_text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.text(name, text);
        }
    }

    fn raw(&mut self, name: &str, value: &str) {
        self.key(name);
        self.0.push_str(value);
    }

    fn list<T>(&mut self, name: &str, items: &[T], each: impl Fn(&T) -> String) {
        self.key(name);
        self.0.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            self.0.push_str(&each(item));
        }
        self.0.push(']');
    }

    fn some_list<T>(&mut self, name: &str, items: &[T], each: impl Fn(&T) -> String) {
        if !items.is_empty() {
            self.list(name, items, each);
        }
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

fn property_text(property: &Property) -> String {
    let mut object = Object::new();
    object.text("type", &property.type_);
    object.raw("value", property.value.as_deref().unwrap_or("null"));
    object.finish()
}

fn package_text(package: &Package) -> String {
    let mut object = Object::of_schema(PACKAGE);
    object.text("name", &package.name);
    object.text("defaultChannel", &package.default_channel);
    if let Some(icon) = &package.icon {
        let mut picture = Object::new();
        match &icon.base64data {
            Some(data) => picture.text("base64data", data),
            None => picture.raw("base64data", "null"),
        }
        picture.text("mediatype", &icon.mediatype);
        object.raw("icon", &picture.finish());
    }
    object.some_text("description", &package.description);
    object.some_list("properties", &package.properties, property_text);
    object.finish()
}

fn channel_text(channel: &Channel) -> String {
    let mut object = Object::of_schema(CHANNEL);
    object.text("name", &channel.name);
    object.text("package", &channel.package);
    match &channel.entries {
        None => object.raw("entries", "null"),
        Some(entries) => object.list("entries", entries, |entry| {
            let mut object = Object::new();
            object.text("name", &entry.name);
            object.some_text("replaces", &entry.replaces);
            object.some_list("skips", &entry.skips, |skip| {
                let mut text = String::new();
                quote_plain(&mut text, skip);
                text
            });
            object.some_text("skipRange", &entry.skip_range);
            object.finish()
        }),
    }
    object.some_list("properties", &channel.properties, property_text);
    object.finish()
}

fn bundle_text(bundle: &Bundle) -> String {
    let mut object = Object::of_schema(BUNDLE);
    object.some_text("name", &bundle.name);
    object.some_text("package", &bundle.package);
    object.text("image", &bundle.image);
    object.some_list("properties", &bundle.properties, property_text);
    object.some_list("relatedImages", &bundle.related_images, |related| {
        let mut object = Object::new();
        object.text("name", &related.name);
        object.text("image", &related.image);
        object.finish()
    });
    object.finish()
}

fn deprecations_text(deprecations: &Deprecations) -> String {
    let mut object = Object::of_schema(DEPRECATIONS);
    object.text("package", &deprecations.package);
    match &deprecations.entries {
        None => object.raw("entries", "null"),
        Some(entries) => object.list("entries", entries, |entry| {
            let mut reference = Object::new();
            reference.text("schema", &entry.schema);
            reference.some_text("name", &entry.name);
            let mut object = Object::new();
            object.raw("reference", &reference.finish());
            object.text("message", &entry.message);
            object.finish()
        }),
    }
    object.finish()
}
