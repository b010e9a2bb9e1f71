//! `packages.json`: the packages, channels and upgrade graphs of a cache.

use super::object::{Object, write_list};
use crate::Profile;
use crate::fbc::{Catalog, Graph, Model, PackageModel};
use crate::json::quote;

/// What profile A writes for a package of which it has seen a blob, but no `olm.package`. Blobs of no package at all count
/// as one without name.
const NO_PACKAGE: &str =
    r#"{"name":"","description":"","icon":null,"defaultChannel":"","Channels":null}"#;

/// The text of `packages.json`: compact, HTML-escaped, names sorted (file-based catalog specification, 4.3).
pub(super) fn packages(catalog: &Catalog, model: &Model<'_>, profile: Profile) -> String {
    let unknown = catalog
        .others
        .iter()
        .map(|other| other.package.as_str())
        .filter(|name| profile.lists_mentioned_packages && !model.packages.contains_key(name));
    let mut names: Vec<&str> = model.packages.keys().copied().chain(unknown).collect();
    names.sort_unstable();
    names.dedup();
    let mut object = Object::new();
    for name in names {
        match model.packages.get(name) {
            Some(model) => object.raw(name, &package(name, model)),
            None => object.raw(name, NO_PACKAGE),
        }
    }
    object.into_text()
}

fn package(name: &str, model: &PackageModel<'_>) -> String {
    let mut object = Object::new();
    object.always("name", name);
    object.always("description", &model.package.description);
    let icon = match &model.package.icon {
        None => "null".to_owned(),
        Some(icon) => {
            let mut object = Object::new();
            match &icon.base64data {
                Some(data) => object.always("base64data", data),
                None => object.raw("base64data", "null"),
            }
            object.always("mediatype", &icon.mediatype);
            object.into_text()
        }
    };
    object.raw("icon", &icon);
    object.always("defaultChannel", &model.package.default_channel);
    let mut channels = Object::new();
    for (channel_name, graph) in &model.channels {
        channels.raw(channel_name, &channel(name, channel_name, graph));
    }
    object.raw("Channels", &channels.into_text());
    deprecation(&mut object, model.deprecation);
    object.into_text()
}

fn channel(package: &str, name: &str, graph: &Graph<'_>) -> String {
    let mut object = Object::new();
    object.always("Name", name);
    object.always("Head", graph.heads().first().copied().unwrap_or_default());
    let mut bundles = Object::new();
    for (bundle, member) in &graph.members {
        let mut object = Object::new();
        object.always("package", package);
        object.always("channel", name);
        object.always("name", bundle);
        object.always("replaces", &member.entry.replaces);
        let mut skips = String::new();
        if member.entry.skips.is_empty() {
            skips.push_str("null");
        } else {
            write_list(&mut skips, &member.entry.skips, |text, skip| {
                quote(text, skip);
            });
        }
        object.raw("skips", &skips);
        bundles.raw(bundle, &object.into_text());
    }
    object.raw("Bundles", &bundles.into_text());
    deprecation(&mut object, graph.deprecation);
    object.into_text()
}

fn deprecation(object: &mut Object, message: Option<&str>) {
    if let Some(message) = message {
        let mut deprecation = Object::new();
        deprecation.always("message", message);
        object.raw("deprecation", &deprecation.into_text());
    }
}
