//! Which files a migration makes of a catalog, and what it leaves out (file-based catalog specification, 3.4).

use std::collections::BTreeSet;
use std::fmt;
use std::io;

use super::write::{Item, write_items};
use super::{BUNDLE, CHANNEL, Catalog, DEPRECATIONS, Output, PACKAGE};
use crate::Profile;

/// The blobs of one file, in the order they are written in.
pub struct FileBlobs<'a> {
    package: &'a str,
    items: Vec<Item<'a>>,
}

impl<'a> FileBlobs<'a> {
    /// The name of the package, which names the file's directory: as the catalog says it, so it may be unfit for that. Empty
    /// for the file with what belongs to no package, which lies beside those directories.
    pub fn package(&self) -> &'a str {
        self.package
    }

    /// Writes the blobs as [`Catalog::write`] does.
    ///
    /// # Errors
    /// What the writer returns.
    pub fn write(&self, output: Output, to: &mut impl io::Write) -> io::Result<()> {
        write_items(&self.items, output, to)
    }
}

/// How many blobs of each kind are not written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Packages: those without name.
    pub packages: usize,
    /// Channels.
    pub channels: usize,
    /// Bundles.
    pub bundles: usize,
    /// Deprecations.
    pub deprecations: usize,
    /// Blobs of other schemas.
    pub others: usize,
}

impl LeftOut {
    /// Whether everything is written.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.packages, PACKAGE),
            (self.channels, CHANNEL),
            (self.bundles, BUNDLE),
            (self.deprecations, DEPRECATIONS),
            (self.others, "other schemas"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        for (index, (count, schema)) in counts.enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(formatter, "{separator}{count} of {schema}")?;
        }
        Ok(())
    }
}

impl Catalog {
    /// The files that migrating the catalog makes, by package, the one of no package last.
    ///
    /// Where the profile does not migrate everything, there is a file for each package with a package blob only, with the
    /// package, its channels and its bundles; [`Catalog::left_out`] counts the rest.
    pub fn migrated(&self, profile: Profile) -> Vec<FileBlobs<'_>> {
        let groups = self.groups().into_iter();
        let file = |package, items| FileBlobs { package, items };
        if !profile.migrates_everything {
            return groups
                .filter(|(_, group)| !group.packages.is_empty())
                .map(|(name, group)| file(name, group.graph()))
                .collect();
        }
        let mut files: Vec<FileBlobs<'_>> = groups
            .map(|(name, group)| file(name, group.all()))
            .collect();
        let global: Vec<Item<'_>> = self.global().collect();
        if !global.is_empty() {
            files.push(file("", global));
        }
        files
    }

    /// What [`Catalog::migrated`] leaves out.
    pub fn left_out(&self, profile: Profile) -> LeftOut {
        if profile.migrates_everything {
            return self.unwritten();
        }
        let packages: BTreeSet<&str> = self
            .packages
            .iter()
            .map(|package| package.name.as_str())
            .filter(|name| !name.is_empty())
            .collect();
        LeftOut {
            deprecations: self.deprecations.len(),
            others: self.others.len(),
            ..self.count(|package| !packages.contains(package))
        }
    }

    /// What [`Catalog::write`] leaves out: whatever needs a package and names none.
    pub fn unwritten(&self) -> LeftOut {
        LeftOut {
            others: 0,
            ..self.count(str::is_empty)
        }
    }

    /// The blobs of packages that are left out.
    fn count(&self, is_left_out: impl Fn(&str) -> bool) -> LeftOut {
        fn count<T>(blobs: &[T], is_left_out: impl Fn(&T) -> bool) -> usize {
            blobs.iter().filter(|blob| is_left_out(blob)).count()
        }
        LeftOut {
            packages: count(&self.packages, |blob| is_left_out(&blob.name)),
            channels: count(&self.channels, |blob| is_left_out(&blob.package)),
            bundles: count(&self.bundles, |blob| is_left_out(&blob.package)),
            deprecations: count(&self.deprecations, |blob| is_left_out(&blob.package)),
            others: count(&self.others, |blob| is_left_out(&blob.package)),
        }
    }
}
