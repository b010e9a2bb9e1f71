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

/// About how many bytes of text are made at once: enough for the threads, little enough for the memory.
const AT_ONCE: usize = 1 << 18;
/// How much room for text is kept for what comes next; more is given back.
const KEPT: usize = 4 * AT_ONCE;

#[derive(Clone, Copy)]
pub(super) enum Item<'a> {
    Package(&'a Package),
    Channel(&'a Channel),
    Bundle(&'a Bundle),
    Deprecations(&'a Deprecations),
    Other(&'a Other),
}

/// The blobs of one package, each kind in the order of the catalog.
#[derive(Default, PartialEq)]
pub(crate) struct Group<'a> {
    pub(crate) packages: Vec<&'a Package>,
    pub(crate) channels: Vec<&'a Channel>,
    pub(crate) bundles: Vec<&'a Bundle>,
    pub(crate) others: Vec<&'a Other>,
    pub(crate) deprecations: Vec<&'a Deprecations>,
}

impl<'a> Group<'a> {
    /// The graph of the package alone.
    pub(super) fn graph(mut self) -> Vec<Item<'a>> {
        self.channels.sort_by(|a, b| a.name.cmp(&b.name));
        self.bundles.sort_by(|a, b| a.name.cmp(&b.name));
        let mut items: Vec<Item<'a>> = self.packages.into_iter().map(Item::Package).collect();
        items.extend(self.channels.into_iter().map(Item::Channel));
        items.extend(self.bundles.into_iter().map(Item::Bundle));
        items
    }

    pub(super) fn all(mut self) -> Vec<Item<'a>> {
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
        items.extend(self.global());
        write_items(&items, output, to)
    }

    /// The blobs of other schemas that belong to no package.
    pub(super) fn global(&self) -> impl Iterator<Item = Item<'_>> {
        let global = self.others.iter().filter(|other| other.package.is_empty());
        global.map(Item::Other)
    }

    /// The blobs of each package by its name; those without a package are left out.
    pub(crate) fn groups(&self) -> BTreeMap<&str, Group<'_>> {
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

pub(super) fn write_items(
    items: &[Item<'_>],
    output: Output,
    to: &mut impl io::Write,
) -> io::Result<()> {
    // Kept from one round to the next: memory that is given back has to be asked for again, page by page.
    let mut texts: Vec<String> = Vec::new();
    let mut rest = items;
    while !rest.is_empty() {
        let mut size = 0;
        let fit = rest.iter().take_while(|item| {
            let fits = size < AT_ONCE;
            size += item.size();
            fits
        });
        let (some, others) = rest.split_at(fit.count());
        if texts.iter().map(String::capacity).sum::<usize>() > KEPT {
            texts.clear();
        }
        if texts.len() < some.len() {
            texts.resize_with(some.len(), String::new);
        }
        let texts = &mut texts[..some.len()];
        let each = texts.par_iter_mut().zip(some);
        each.for_each(|(text, item)| item.text(output, text));
        for text in texts {
            to.write_all(text.as_bytes())?;
        }
        rest = others;
    }
    Ok(())
}

impl Item<'_> {
    /// Puts the text in the place of what is there.
    fn text(self, output: Output, text: &mut String) {
        text.clear();
        match output {
            Output::Json => {
                text.reserve(self.size() + self.size() / 4);
                self.write(text, Form::Indented { depth: 0 });
                text.push('\n');
            }
            Output::Yaml => {
                let mut compact = String::with_capacity(self.size());
                self.write(&mut compact, Form::Compact);
                text.reserve(compact.len() + compact.len() / 4);
                text.push_str("---\n");
                // Property values come from files and databases that were read as JSON before.
                if let Ok(Some((value, _))) = json::next(compact.as_bytes(), Numbers::Wide) {
                    yaml::write(text, &value);
                }
            }
        }
    }

    /// About how many bytes the compact text has.
    fn size(self) -> usize {
        /// What one property, entry or blob has besides a long value.
        const FRAME: usize = 256;
        let properties = |properties: &[Property]| {
            let sizes = properties
                .iter()
                .map(|property| FRAME + property.value.as_ref().map_or(0, String::len));
            sizes.sum::<usize>()
        };
        let inner = match self {
            Self::Package(package) => {
                let icon = package
                    .icon
                    .as_ref()
                    .and_then(|icon| icon.base64data.as_ref());
                properties(&package.properties)
                    + package.description.len()
                    + icon.map_or(0, String::len)
            }
            Self::Channel(channel) => {
                properties(&channel.properties)
                    + FRAME * channel.entries.as_ref().map_or(0, Vec::len)
            }
            Self::Bundle(bundle) => {
                properties(&bundle.properties) + FRAME * bundle.related_images.len()
            }
            Self::Deprecations(deprecations) => {
                FRAME * deprecations.entries.as_ref().map_or(0, Vec::len)
            }
            Self::Other(other) => other.blob.len(),
        };
        FRAME + inner
    }

    fn write(self, text: &mut String, form: Form) {
        match self {
            Self::Package(package) => Object::write(text, form, |blob| blob.package(package)),
            Self::Channel(channel) => Object::write(text, form, |blob| blob.channel(channel)),
            Self::Bundle(bundle) => Object::write(text, form, |blob| blob.bundle(bundle)),
            Self::Deprecations(deprecations) => {
                Object::write(text, form, |blob| blob.deprecations(deprecations));
            }
            Self::Other(other) => form.raw(text, &other.blob),
        }
    }
}

/// How JSON is spread over lines.
#[derive(Clone, Copy)]
enum Form {
    Compact,
    /// The values within begin lines that are indented by so many levels, and one more.
    Indented {
        depth: usize,
    },
}

impl Form {
    /// The form of values within.
    fn inner(self) -> Self {
        match self {
            Self::Compact => Self::Compact,
            Self::Indented { depth } => Self::Indented { depth: depth + 1 },
        }
    }

    fn line(self, text: &mut String) {
        if let Self::Indented { depth } = self {
            json::line(text, depth);
        }
    }

    fn raw(self, text: &mut String, value: &str) {
        match self {
            Self::Compact => text.push_str(value),
            Self::Indented { depth } => json::indent(text, value, depth),
        }
    }
}

/// An object that is being written; it must not stay empty.
struct Object<'a> {
    text: &'a mut String,
    form: Form,
    is_empty: bool,
}

impl Object<'_> {
    fn write(text: &mut String, form: Form, members: impl FnOnce(&mut Object<'_>)) {
        text.push('{');
        members(&mut Object {
            text,
            form,
            is_empty: true,
        });
        form.line(text);
        text.push('}');
    }

    fn key(&mut self, name: &str) {
        if !self.is_empty {
            self.text.push(',');
        }
        self.is_empty = false;
        self.form.inner().line(self.text);
        quote_plain(self.text, name);
        self.text.push_str(match self.form {
            Form::Compact => ":",
            Form::Indented { .. } => ": ",
        });
    }

    fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        quote_plain(self.text, text);
    }

    fn some_text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.text(name, text);
        }
    }

    fn raw(&mut self, name: &str, value: &str) {
        self.key(name);
        self.form.inner().raw(self.text, value);
    }

    fn object(&mut self, name: &str, members: impl FnOnce(&mut Object<'_>)) {
        self.key(name);
        Self::write(self.text, self.form.inner(), members);
    }

    /// A list whose elements are written by `each`.
    fn list<T>(&mut self, name: &str, items: &[T], each: impl Fn(&mut String, Form, &T)) {
        self.key(name);
        self.text.push('[');
        let inner = self.form.inner();
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            inner.inner().line(self.text);
            each(self.text, inner.inner(), item);
        }
        if !items.is_empty() {
            inner.line(self.text);
        }
        self.text.push(']');
    }

    fn objects<T>(&mut self, name: &str, items: &[T], each: impl Fn(&mut Object<'_>, &T)) {
        self.list(name, items, |text, form, item| {
            Self::write(text, form, |object| each(object, item));
        });
    }

    fn some_objects<T>(&mut self, name: &str, items: &[T], each: impl Fn(&mut Object<'_>, &T)) {
        if !items.is_empty() {
            self.objects(name, items, each);
        }
    }

    fn properties(&mut self, properties: &[Property]) {
        self.some_objects("properties", properties, |object, property| {
            object.text("type", &property.type_);
            object.raw("value", property.value.as_deref().unwrap_or("null"));
        });
    }

    fn package(&mut self, package: &Package) {
        self.text("schema", PACKAGE);
        self.text("name", &package.name);
        self.text("defaultChannel", &package.default_channel);
        if let Some(icon) = &package.icon {
            self.object("icon", |picture| {
                match &icon.base64data {
                    Some(data) => picture.text("base64data", data),
                    None => picture.raw("base64data", "null"),
                }
                picture.text("mediatype", &icon.mediatype);
            });
        }
        self.some_text("description", &package.description);
        self.properties(&package.properties);
    }

    fn channel(&mut self, channel: &Channel) {
        self.text("schema", CHANNEL);
        self.text("name", &channel.name);
        self.text("package", &channel.package);
        match &channel.entries {
            None => self.raw("entries", "null"),
            Some(entries) => self.objects("entries", entries, |object, entry| {
                object.text("name", &entry.name);
                object.some_text("replaces", &entry.replaces);
                if !entry.skips.is_empty() {
                    object.list("skips", &entry.skips, |text, _, skip| {
                        quote_plain(text, skip);
                    });
                }
                object.some_text("skipRange", &entry.skip_range);
            }),
        }
        self.properties(&channel.properties);
    }

    fn bundle(&mut self, bundle: &Bundle) {
        self.text("schema", BUNDLE);
        self.some_text("name", &bundle.name);
        self.some_text("package", &bundle.package);
        self.text("image", &bundle.image);
        self.properties(&bundle.properties);
        self.some_objects(
            "relatedImages",
            &bundle.related_images,
            |object, related| {
                object.text("name", &related.name);
                object.text("image", &related.image);
            },
        );
    }

    fn deprecations(&mut self, deprecations: &Deprecations) {
        self.text("schema", DEPRECATIONS);
        self.text("package", &deprecations.package);
        match &deprecations.entries {
            None => self.raw("entries", "null"),
            Some(entries) => self.objects("entries", entries, |object, entry| {
                object.object("reference", |reference| {
                    reference.text("schema", &entry.schema);
                    reference.some_text("name", &entry.name);
                });
                object.text("message", &entry.message);
            }),
        }
    }
}
