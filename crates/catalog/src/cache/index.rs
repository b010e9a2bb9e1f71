//! `packages.json`: the packages, channels and upgrade graphs of a cache.

use std::collections::BTreeMap;

use super::object::{Object, write_list};
use crate::Profile;
use crate::fbc::{Catalog, Graph, Model, PackageModel};
use crate::json::{self, quote};

/// What profile A writes for a package of which it has seen a blob, but no `olm.package`. Blobs of no package at all count
/// as one without name.
const NO_PACKAGE: &str =
    r#"{"name":"","description":"","icon":null,"defaultChannel":"","Channels":null}"#;

/// The text of `packages.json`: compact, HTML-escaped, names sorted (file-based catalog specification, 4.3).
pub(super) fn packages(catalog: &Catalog, model: &Model<'_>, profile: Profile) -> String {
    let mut object = Object::new();
    for name in names(catalog, model, profile) {
        object.raw(name, &member(name, model));
    }
    object.into_text()
}

/// The text with some packages as they are now: each with its member, or without one if it is gone. The other members stay
/// as they are written.
///
/// # Errors
/// What is wrong with a text that is not written like this.
pub(super) fn spliced(
    stored: &str,
    changes: &BTreeMap<&str, Option<String>>,
) -> Result<String, &'static str> {
    let mut object = Object::new();
    let mut changes = changes.iter().peekable();
    let (mut before, mut is_sorted) = (None::<String>, true);
    let members = json::raw::each_member(stored.as_bytes(), |name, text| {
        is_sorted &= before.as_deref().is_none_or(|before| before < name);
        before = Some(name.to_owned());
        let mut is_changed = false;
        while let Some((change, member)) = changes.next_if(|(change, _)| **change <= name) {
            is_changed |= *change == name;
            if let Some(member) = member {
                object.raw(change, member);
            }
        }
        if !is_changed {
            object.raw(name, &json::lossy(text));
        }
    });
    let length = members.map_err(|_| "the package index is not readable")?;
    if !is_sorted || length != stored.len() {
        return Err("the package index is not in order");
    }
    for (change, member) in changes {
        if let Some(member) = member {
            object.raw(change, member);
        }
    }
    Ok(object.into_text())
}

/// The member of a package that the index lists; `None` for others.
pub(super) fn listed(
    name: &str,
    catalog: &Catalog,
    model: &Model<'_>,
    profile: Profile,
) -> Option<String> {
    let names = names(catalog, model, profile);
    names.contains(&name).then(|| member(name, model))
}

/// The packages that the index lists, sorted.
fn names<'a>(catalog: &'a Catalog, model: &Model<'a>, profile: Profile) -> Vec<&'a str> {
    let unknown = catalog
        .others
        .iter()
        .map(|other| other.package.as_str())
        .filter(|name| profile.lists_mentioned_packages && !model.packages.contains_key(name));
    let mut names: Vec<&str> = model.packages.keys().copied().chain(unknown).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn member(name: &str, model: &Model<'_>) -> String {
    match model.packages.get(name) {
        Some(model) => package(name, model),
        None => NO_PACKAGE.to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_do_not_change_stay_as_they_are_written() {
        let stored = r#"{"":{"a": 1},"b":{"x":"\u003c"},"d":[1.50],"f":{}}"#;
        let change = |changes: &[(&'static str, Option<&str>)]| {
            let changes = changes
                .iter()
                .map(|(name, text)| (*name, text.map(str::to_owned)));
            spliced(stored, &changes.collect()).unwrap()
        };
        assert_eq!(change(&[]), stored);
        assert_eq!(
            change(&[
                ("", None),
                ("a", Some("1")),
                ("c", None),
                ("d", Some("2")),
                ("g", Some("3"))
            ]),
            r#"{"a":1,"b":{"x":"\u003c"},"d":2,"f":{},"g":3}"#
        );
        assert_eq!(
            change(&[("", None), ("b", None), ("d", None), ("f", None)]),
            "{}"
        );
    }

    #[test]
    fn an_index_that_nobody_writes_is_refused() {
        for (text, part) in [
            ("", "not readable"),
            ("[]", "not readable"),
            (r#"{"a":"#, "not readable"),
            (r#"{"b":1,"a":2}"#, "not in order"),
            (r#"{"a":1,"a":2}"#, "not in order"),
            (r#"{"a":1}{"#, "not in order"),
        ] {
            let error = spliced(text, &BTreeMap::new()).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
