//! What the cache of a catalog holds, in the order of its digest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::fnv::Fnv;
use super::protobuf::Message;
use super::record::{Place, Record, Shared};
use super::{CacheError, Format, facts, index};
use crate::Profile;
use crate::fbc::{
    Bundle, CSV_METADATA, Catalog, Model, Other, Package, PackageModel, Property, Shelf,
};
use crate::json::{self, Numbers, Value};

/// The key of the package index, and the name of its file.
pub(super) const PACKAGES: &str = "packages.json";
/// Where the bundles are in a database.
const BUNDLES: &str = "bundles";
/// Where blobs of other schemas are.
const METAS: &str = "metas";

/// A piece of work: what is encoded at once.
///
/// Tasks come in groups. The keys of one group stand together in the order of the digest, and groups follow each other in
/// that order; within a group, tasks are in the order of bundles, so that each bundle is encoded once.
#[derive(Debug)]
pub(super) struct Task<'a> {
    what: What<'a>,
    ends_group: bool,
}

#[derive(Debug)]
enum What<'a> {
    Bundle {
        bundle: &'a Bundle,
        /// Holds what was taken of the bundle, if anything was.
        shelf: Option<&'a Shelf>,
        version: &'a str,
        package: &'a Package,
        /// Keys, with the channels that they stand for.
        records: Vec<(String, Place<'a>)>,
    },
    /// All blobs of a schema and package, for a database.
    Blobs {
        key: String,
        blobs: Vec<&'a Other>,
    },
    /// One blob, for a file.
    Blob {
        name: String,
        blob: &'a Other,
    },
    Index(Index<'a>),
}

/// The index of the packages.
#[derive(Debug)]
pub(super) enum Index<'a> {
    /// That of a whole catalog, which is made when its turn comes.
    Of {
        catalog: &'a Catalog,
        model: &'a Model<'a>,
        profile: Profile,
    },
    /// One that was made already.
    Made(String),
}

/// A task that was done: records, ready to be put one by one.
#[derive(Debug)]
pub(super) struct Done<'t> {
    records: Records<'t>,
    /// Whether this was the last task of its group.
    pub(super) ends_group: bool,
}

#[derive(Debug)]
enum Records<'t> {
    Bundle(&'t [(String, Place<'t>)], Shared),
    One(&'t str, Vec<u8>),
}

/// All tasks of a valid catalog.
///
/// # Errors
/// [`CacheError`] if two records need the same key, or a name cannot be part of a key.
pub(super) fn tasks<'a>(
    catalog: &'a Catalog,
    model: &'a Model<'a>,
    format: Format,
    profile: Profile,
) -> Result<Vec<Task<'a>>, CacheError> {
    let index = Index::Of {
        catalog,
        model,
        profile,
    };
    tasks_of(&[(catalog, model)], index, format, profile)
}

/// All tasks of the given parts of a valid catalog, which have no package in common, and of its index.
///
/// # Errors
/// Those of [`tasks`].
pub(super) fn tasks_of<'a>(
    parts: &[(&'a Catalog, &'a Model<'a>)],
    index: Index<'a>,
    format: Format,
    profile: Profile,
) -> Result<Vec<Task<'a>>, CacheError> {
    // By what the keys of a group begin with. The separator counts: `a-b/` sorts before `a/`.
    let mut groups: BTreeMap<String, Vec<What<'a>>> = BTreeMap::new();
    for (name, package) in parts.iter().flat_map(|(_, model)| &model.packages) {
        groups.insert(prefix(name, format), bundles(name, package, format)?);
    }
    groups.insert(PACKAGES.to_owned(), vec![What::Index(index)]);
    if profile.caches_other_blobs {
        let others = parts.iter().flat_map(|(catalog, _)| &catalog.others);
        groups.insert(METAS.to_owned(), blobs(others, format)?);
    }
    let mut tasks = Vec::new();
    for group in groups.into_values() {
        let last = group.len();
        tasks.extend(group.into_iter().zip(1..).map(|(what, count)| Task {
            what,
            ends_group: count == last,
        }));
    }
    Ok(tasks)
}

/// What the keys of a package's records begin with.
fn prefix(package: &str, format: Format) -> String {
    match format {
        Format::Pogreb => format!("{BUNDLES}/{package}/"),
        Format::Json => format!("{package}_"),
    }
}

/// The package whose record a key of a database stands for; `None` for the package index.
pub(super) fn package_of(key: &[u8]) -> Option<&str> {
    let (folder, rest) = std::str::from_utf8(key).ok()?.split_once('/')?;
    let (first, last) = rest.split_once('/')?;
    match folder {
        BUNDLES => Some(first),
        METAS => Some(last),
        _ => None,
    }
}

/// The bundles of a package, each with its records.
fn bundles<'a>(
    name: &'a str,
    model: &'a PackageModel<'a>,
    format: Format,
) -> Result<Vec<What<'a>>, CacheError> {
    let prefix = prefix(name, format);
    let mut bundles = BTreeMap::new();
    let mut keys = Vec::new();
    for (channel, graph) in &model.channels {
        for (bundle_name, member) in &graph.members {
            let (Some(bundle), Some(version)) = (member.bundle, &member.version) else {
                continue;
            };
            let key = match format {
                Format::Pogreb => format!("{prefix}{channel}/{bundle_name}"),
                Format::Json => file_name(format!("{prefix}{channel}_{bundle_name}.json"))?,
            };
            let place = Place {
                name: bundle_name,
                package: name,
                channel,
                skip_range: &member.entry.skip_range,
                replaces: &member.entry.replaces,
                skips: &member.entry.skips,
                deprecation: member.deprecation,
            };
            keys.push(key.clone());
            let (_, _, records) = bundles.entry(*bundle_name).or_insert_with(|| {
                let version = version.version.as_str();
                (bundle, version, Vec::new())
            });
            records.push((key, place));
        }
    }
    keys.sort_unstable();
    if let Some(pair) = keys.array_windows().find(|[one, two]| one == two) {
        let key = pair[0].clone();
        return Err(CacheError::Twice { key });
    }
    let task = |(bundle, version, records)| What::Bundle {
        bundle,
        shelf: None,
        version,
        package: model.package,
        records,
    };
    Ok(bundles.into_values().map(task).collect())
}

fn file_name(name: String) -> Result<String, CacheError> {
    if name.contains(['/', '\0']) {
        return Err(CacheError::FileName { name });
    }
    Ok(name)
}

/// The blobs of other schemas: by schema and package for a database, else each on its own, equal ones once.
fn blobs<'a>(
    others: impl Iterator<Item = &'a Other>,
    format: Format,
) -> Result<Vec<What<'a>>, CacheError> {
    let mut tasks: BTreeMap<String, What<'a>> = BTreeMap::new();
    for blob in others {
        let (schema, package) = (&blob.schema, &blob.package);
        check_name("schema", schema)?;
        if !package.is_empty() {
            check_name("package", package)?;
        }
        match format {
            Format::Pogreb => {
                let key = format!("{METAS}/{schema}/{package}");
                let task = tasks.entry(key.clone()).or_insert_with(|| What::Blobs {
                    key,
                    blobs: Vec::new(),
                });
                if let What::Blobs { blobs, .. } = task {
                    blobs.push(blob);
                }
            }
            Format::Json => {
                let mut fnv = Fnv::new();
                fnv.write(blob.blob.as_bytes());
                fnv.write(b"\n");
                let folder = match package.as_str() {
                    "" => format!("{METAS}/{schema}"),
                    package => format!("{METAS}/{schema}/{package}"),
                };
                let name = format!("{folder}/{:x}.json", fnv.value());
                tasks.insert(name.clone(), What::Blob { name, blob });
            }
        }
    }
    Ok(tasks.into_values().collect())
}

/// Names of schemas and packages become parts of keys and paths.
fn check_name(what: &'static str, name: &str) -> Result<(), CacheError> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let bytes = name.as_bytes();
    if bytes.first().is_some_and(u8::is_ascii_alphanumeric) && bytes.iter().copied().all(inner) {
        return Ok(());
    }
    Err(CacheError::OtherName {
        what,
        name: name.to_owned(),
    })
}

impl<'a> Task<'a> {
    /// The task on a bundle of which a part is on a shelf.
    pub(super) fn with_shelf(mut self, from: &'a Shelf) -> Self {
        if let What::Bundle { shelf, .. } = &mut self.what {
            *shelf = Some(from);
        }
        self
    }

    /// Roughly how many bytes [`Task::run`] makes.
    pub(super) fn weight(&self) -> usize {
        match &self.what {
            What::Bundle {
                bundle,
                shelf,
                package,
                ..
            } => {
                let taken = shelf.map(|shelf| shelf.lengths(bundle)).unwrap_or_default();
                let properties = bundle.properties.iter().enumerate();
                let weight = |(index, property): (usize, &Property)| {
                    let held = property.value.as_ref().map_or(0, String::len);
                    let value = taken.get(&index).copied().unwrap_or(held);
                    if property.type_ == CSV_METADATA {
                        // A generated CSV has what all bundles of the package share, and is stored twice.
                        let icon = package
                            .icon
                            .as_ref()
                            .and_then(|icon| icon.base64data.as_ref());
                        2 * (value + icon.map_or(0, String::len) + package.description.len())
                    } else {
                        value
                    }
                };
                properties.map(weight).sum()
            }
            What::Blobs { blobs, .. } => blobs.iter().map(|blob| blob.blob.len()).sum(),
            What::Blob { blob, .. } => blob.blob.len(),
            What::Index(_) => 0,
        }
    }

    /// Does the work.
    ///
    /// # Errors
    /// [`CacheError`] if a bundle does not say which CSV to show, or what was taken of it cannot be read.
    pub(super) fn run(&self, format: Format) -> Result<Done<'_>, CacheError> {
        let records = match &self.what {
            What::Bundle {
                bundle,
                shelf,
                version,
                package,
                records,
            } => {
                let bundle = match shelf {
                    Some(from) => from.whole(bundle).map_err(CacheError::Shelf)?,
                    None => Cow::Borrowed(*bundle),
                };
                Records::Bundle(records, facts::encode(&bundle, version, package, format)?)
            }
            What::Blobs { key, blobs } => {
                let mut value = Vec::new();
                for blob in blobs {
                    let message = structure(blob).into_bytes();
                    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
                    value.extend_from_slice(&length.to_be_bytes());
                    value.extend_from_slice(&message);
                }
                Records::One(key, value)
            }
            What::Blob { name, blob } => {
                Records::One(name, format!("{}\n", blob.blob).into_bytes())
            }
            What::Index(Index::Made(text)) => Records::One(PACKAGES, text.as_bytes().to_vec()),
            What::Index(Index::Of {
                catalog,
                model,
                profile,
            }) => {
                let index = index::packages(catalog, model, *profile);
                Records::One(PACKAGES, index.into_bytes())
            }
        };
        Ok(Done {
            records,
            ends_group: self.ends_group,
        })
    }
}

fn structure(blob: &Other) -> Message {
    let value = json::next(blob.blob.as_bytes(), Numbers::Doubles);
    Message::of_object(&value.ok().flatten().map_or(Value::Null, |(value, _)| value))
}

impl Done<'_> {
    /// Hands over every record: its key and the parts of its value.
    ///
    /// # Errors
    /// Those of `put`.
    pub(super) fn each(
        &self,
        mut put: impl FnMut(&str, &[&[u8]]) -> Result<(), CacheError>,
    ) -> Result<(), CacheError> {
        match &self.records {
            Records::Bundle(records, shared) => records
                .iter()
                .try_for_each(|(key, place)| put(key, &Record::new(place, shared).parts())),
            Records::One(key, value) => put(key, &[value]),
        }
    }
}
