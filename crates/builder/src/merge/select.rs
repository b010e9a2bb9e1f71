//! Which bundles a merge adds, and which it deprecates.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Version;
use indexdb::BundleEntry;
use oci::{Digest, ImageName};

use super::listing::Member;
use crate::error::{ContentError, Error};

/// The bundles of the target that the source has neither by digest nor by the name of the CSV, in the target's order.
pub(super) fn missing<'members>(
    source: &[Member],
    target: &'members [Member],
) -> Vec<&'members Member> {
    let digests: BTreeSet<Option<&Digest>> =
        source.iter().map(|member| member.image.digest()).collect();
    let names: BTreeSet<&str> = source.iter().map(|member| member.name.as_str()).collect();
    target
        .iter()
        .filter(|member| {
            !digests.contains(&member.image.digest()) && !names.contains(member.name.as_str())
        })
        .collect()
}

/// The images to deprecate in a database that has `there`: those asked for and those that are not for the index's OCP
/// version, of each package only the newest, sorted. What lies below these goes with them (spec workflows 3.4 and 5.3).
///
/// # Errors
/// [`ContentError::DeprecatesOptedIn`] if one is asked for that the database does not have, [`ContentError::NoVersion`].
pub(super) fn to_deprecate<'members>(
    index: &ImageName,
    asked: impl Iterator<Item = &'members Member>,
    invalid: &[&Member],
    there: &[BundleEntry],
) -> Result<Vec<String>, Error> {
    let entries: BTreeMap<&str, &BundleEntry> = there
        .iter()
        .map(|entry| (entry.path.as_str(), entry))
        .collect();
    let packages: BTreeSet<&str> = there.iter().map(|entry| entry.package.as_str()).collect();
    let (mut images, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for member in asked {
        let image = member.image.to_string();
        if entries.contains_key(image.as_str()) {
            images.insert(image);
        } else {
            unknown.insert(member.image.clone());
        }
    }
    if !unknown.is_empty() {
        return Err(Error::from(ContentError::DeprecatesOptedIn {
            index: Box::new(index.clone()),
            bundles: unknown.into_iter().collect(),
        }));
    }
    // Packages that the database does not know are out of the result anyway.
    let known = invalid
        .iter()
        .filter(|member| packages.contains(member.package.as_str()));
    images.extend(
        known
            .map(|member| member.image.to_string())
            .filter(|image| entries.contains_key(image.as_str())),
    );
    let mut newest: BTreeMap<&str, (Version, String)> = BTreeMap::new();
    for entry in there.iter().filter(|entry| images.contains(&entry.path)) {
        let version: Version = entry.version.parse().map_err(|_| ContentError::NoVersion {
            bundle: entry.path.clone(),
            version: entry.version.clone(),
        })?;
        match newest.get(entry.package.as_str()) {
            Some((highest, _)) if *highest > version => {}
            _ => {
                newest.insert(&entry.package, (version, entry.path.clone()));
            }
        }
    }
    let mut images: Vec<String> = newest.into_values().map(|(_, image)| image).collect();
    images.sort_unstable();
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(repository: &str, number: u8) -> String {
        format!("registry.test/{repository}@{}", Digest::of([number]))
    }

    fn member(repository: &str, number: u8, name: &str) -> Member {
        Member {
            image: image(repository, number).parse().unwrap(),
            name: name.to_owned(),
            package: name.split('.').next().unwrap().to_owned(),
        }
    }

    fn entry(number: u8, name: &str, version: &str) -> BundleEntry {
        BundleEntry {
            path: image("bundles", number),
            csv_name: name.to_owned(),
            package: name.split('.').next().unwrap().to_owned(),
            version: version.to_owned(),
            channels: vec!["stable".to_owned()],
        }
    }

    #[test]
    fn a_bundle_is_missing_if_neither_digest_nor_name_is_there() {
        let source = [member("bundles", 1, "a.v1"), member("bundles", 2, "b.v1")];
        let target = [
            member("elsewhere", 1, "a.v9"),
            member("bundles", 3, "b.v1"),
            member("bundles", 4, "a.v2"),
        ];
        let found = missing(&source, &target);
        assert_eq!(found, [&target[2]]);
    }

    #[test]
    fn of_each_package_the_newest_is_deprecated() {
        let index = "registry.test/index:v4.14".parse().unwrap();
        let there = [
            entry(1, "a.v1", "1.0.0"),
            entry(2, "a.v10", "10.0.0"),
            entry(3, "a.v9", "9.0.0"),
            entry(4, "b.v1", "1.0.0"),
        ];
        let asked = [member("bundles", 1, "a.v1"), member("bundles", 3, "a.v9")];
        let invalid = [
            member("bundles", 4, "b.v1"),
            member("bundles", 7, "gone.v1"),
        ];
        let invalid: Vec<&Member> = invalid.iter().collect();
        let chosen = to_deprecate(&index, asked.iter(), &invalid, &there).unwrap();
        let mut expected = vec![image("bundles", 3), image("bundles", 4)];
        expected.sort();
        assert_eq!(chosen, expected);
    }

    #[test]
    fn what_the_database_does_not_have_and_what_has_no_version_is_refused() {
        let index = "registry.test/index:v4.14".parse().unwrap();
        let asked = ["c", "a", "b"].map(|repository| member(repository, 9, "native.v1"));
        let refused = to_deprecate(&index, asked.iter(), &[], &[]).unwrap_err();
        let sorted = ["a", "b", "c"].map(|repository| format!("`{}`", image(repository, 9)));
        assert!(
            refused.to_string().contains(&sorted.join(", ")),
            "{refused}"
        );
        let asked = [member("bundles", 1, "a.v1")];
        let there = [entry(1, "a.v1", "one")];
        let refused = to_deprecate(&index, asked.iter(), &[], &there).unwrap_err();
        assert!(refused.to_string().contains("`one`"), "{refused}");
    }
}
