//! A file-based catalog's packages and bundles, a few packages in memory at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use catalog::fbc::{self, Catalog, Channel, Graph, Member};
use rayon::prelude::*;

use super::{BundleEntry, CatalogSummary, ChannelEntry, PackageEntry};
use crate::Builder;
use crate::blocking::blocking;
use crate::error::{ContentError, Error};
use crate::index_image::facts::{AT_ONCE, CatalogFile, UnitFiles, read_unit};
use crate::index_image::source::open_view;
use crate::stages::prepare::FoundIndex;

impl Builder {
    /// Reads the catalog at `path` of a file-based index.
    pub(super) async fn read_files(
        &self,
        index: &FoundIndex,
        path: &str,
        directory: &Path,
    ) -> Result<CatalogSummary, Error> {
        let origin = format!("the index image `{}`", index.image.name);
        let blobs = self.blobs().await?;
        if let Some((_, view)) = open_view(blobs, index, path, directory).await? {
            return blocking(move || {
                let parts: Vec<UnitFiles> =
                    view.units().map(|(unit, _)| view.files(unit)).collect();
                summarise(&origin, &parts)
            })
            .await;
        }
        let configs = directory.join("configs");
        let image = &index.image;
        image
            .extract_catalog(&image.repository, &index.platform, path, &configs)
            .await?;
        blocking(move || summarise(&origin, &parts_of(&origin, &configs)?)).await
    }
}

/// Each file of the catalog in the directory `configs` by itself. Blocking.
fn parts_of(origin: &str, configs: &Path) -> Result<Vec<UnitFiles>, Error> {
    let files = fbc::files(configs).map_err(|error| ContentError::Unreadable {
        origin: origin.to_owned(),
        source: Box::new(error.into()),
    })?;
    Ok(files
        .into_iter()
        .map(|file| {
            let path = file.strip_prefix(configs).unwrap_or(&file);
            let path = path.to_string_lossy().into_owned();
            UnitFiles::from([(path, CatalogFile::Here(file))])
        })
        .collect())
}

/// Reads the parts of a catalog, and keeps what a summary needs. Blocking.
fn summarise(origin: &str, parts: &[UnitFiles]) -> Result<CatalogSummary, Error> {
    let mut gathered = Gathered::default();
    for some in parts.chunks(AT_ONCE) {
        let read: Vec<Result<Gathered, Error>> = some
            .par_iter()
            .map(|files| Ok(Gathered::from(read_unit(origin, files)?.0)))
            .collect();
        for part in read {
            gathered.append(part?);
        }
    }
    Ok(gathered.summary())
}

/// What a summary needs of a catalog.
#[derive(Default)]
struct Gathered {
    /// The default channels by package.
    packages: BTreeMap<String, String>,
    channels: Vec<Channel>,
    bundles: Vec<BundleEntry>,
}

impl From<Catalog> for Gathered {
    fn from(catalog: Catalog) -> Self {
        let packages = catalog.packages.into_iter();
        let bundles = catalog.bundles.into_iter().map(|bundle| BundleEntry {
            version: bundle
                .version()
                .map(|said| said.version)
                .unwrap_or_default(),
            path: bundle.image,
            csv_name: bundle.name,
            package: bundle.package,
            channels: Vec::new(),
        });
        Self {
            packages: packages
                .map(|package| (package.name, package.default_channel))
                .collect(),
            channels: catalog.channels,
            bundles: bundles.collect(),
        }
    }
}

impl Gathered {
    fn append(&mut self, mut other: Self) {
        self.packages.append(&mut other.packages);
        self.channels.append(&mut other.channels);
        self.bundles.append(&mut other.bundles);
    }

    fn summary(mut self) -> CatalogSummary {
        let mut channels: BTreeMap<&str, Vec<ChannelEntry>> = BTreeMap::new();
        let mut places: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
        for channel in &self.channels {
            channels
                .entry(&channel.package)
                .or_default()
                .push(ChannelEntry {
                    name: channel.name.clone(),
                    head: head(channel),
                });
            for entry in channel.entries.iter().flatten() {
                places
                    .entry((&channel.package, &entry.name))
                    .or_default()
                    .insert(&channel.name);
            }
        }
        for bundle in &mut self.bundles {
            let place = places.get(&(bundle.package.as_str(), bundle.csv_name.as_str()));
            bundle.channels = place
                .into_iter()
                .flatten()
                .map(|name| (*name).to_owned())
                .collect();
        }
        self.bundles.sort_by(|one, other| {
            (&one.package, &one.csv_name).cmp(&(&other.package, &other.csv_name))
        });
        let packages = self
            .packages
            .into_iter()
            .map(|(name, default)| {
                let mut channels = channels.remove(name.as_str()).unwrap_or_default();
                channels.sort_by(|one, other| one.name.cmp(&other.name));
                PackageEntry {
                    name,
                    default_channel: (!default.is_empty()).then_some(default),
                    channels,
                }
            })
            .collect();
        CatalogSummary {
            database_bytes: None,
            packages,
            bundles: self.bundles,
        }
    }
}

/// The head of a channel, if it has exactly one.
fn head(channel: &Channel) -> Option<String> {
    let mut graph = Graph {
        channel: Some(channel),
        ..Graph::default()
    };
    for entry in channel.entries.iter().flatten() {
        let member = Member {
            entry,
            bundle: None,
            version: None,
            deprecation: None,
        };
        graph.members.insert(&entry.name, member);
    }
    match graph.heads()[..] {
        [head] => Some(head.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_may_be_spread_over_parts() {
        let part = |text: &str| Gathered::from(fbc::read(text.as_bytes()).unwrap());
        let mut gathered = part(
            r#"{"schema":"olm.channel","package":"p","name":"b","entries":[{"name":"p.v1"},{"name":"p.v2"}]}
               {"schema":"olm.channel","package":"p","name":"a","entries":[{"name":"p.v1"},{"name":"p.v2","replaces":"p.v1"}]}
               {"schema":"olm.channel","package":"nobody","name":"a","entries":[]}"#,
        );
        gathered.append(part(
            r#"{"schema":"olm.bundle","package":"p","name":"p.v2","image":"r.test/p:2","properties":[{"type":"olm.package","value":{"packageName":"p","version":"2.0.0"}}]}
               {"schema":"olm.bundle","package":"p","name":"loose","image":""}
               {"schema":"olm.package","name":"p","defaultChannel":"a"}"#,
        ));
        let channel = |name: &str, head: Option<&str>| ChannelEntry {
            name: name.to_owned(),
            head: head.map(str::to_owned),
        };
        let bundle = |name: &str, path: &str, version: &str, channels: &[&str]| BundleEntry {
            path: path.to_owned(),
            csv_name: name.to_owned(),
            package: "p".to_owned(),
            version: version.to_owned(),
            channels: channels.iter().map(|name| (*name).to_owned()).collect(),
        };
        let expected = CatalogSummary {
            database_bytes: None,
            packages: vec![PackageEntry {
                name: "p".to_owned(),
                default_channel: Some("a".to_owned()),
                channels: vec![channel("a", Some("p.v2")), channel("b", None)],
            }],
            bundles: vec![
                bundle("loose", "", "", &[]),
                bundle("p.v2", "r.test/p:2", "2.0.0", &["a", "b"]),
            ],
        };
        assert_eq!(gathered.summary(), expected);
    }
}
