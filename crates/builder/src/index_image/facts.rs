//! What a layer's part of the catalog says, found out once and kept beside the layer.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use bytes::Bytes;
use catalog::fbc::{self, Catalog};
use oci::{LayerEntry, Note, OpenLayer};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{ContentError, Error};

/// The directory below the catalog's with deprecations that were requested, one subdirectory per package.
const DEPRECATIONS_DIR: &str = "_operator-deprecations-content";

/// The name of the file that leaves files out of a catalog.
const IGNORE_FILE: &str = ".indexignore";

/// The part of a catalog that is replaced as a whole: what lies under one name in its directory, such as a package's
/// directory. Ordered as the catalog is walked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct UnitPath(String);

impl UnitPath {
    /// The unit called `name` in the directory of the catalog.
    pub(crate) fn top(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The deprecations of `package`.
    pub(crate) fn deprecations(package: &str) -> Self {
        Self(format!("{DEPRECATIONS_DIR}/{package}"))
    }

    /// The unit that the file `path` of the catalog is in.
    pub(crate) fn of(path: &str) -> Self {
        let depth = match path.split('/').next() {
            Some(DEPRECATIONS_DIR) => 2,
            _ => 1,
        };
        let names: Vec<&str> = path.split('/').take(depth).collect();
        Self(names.join("/"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Ord for UnitPath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.split('/').cmp(other.0.split('/'))
    }
}

impl PartialOrd for UnitPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What a layer holds of a catalog.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LayerFacts {
    /// Its units in the order of the walk.
    pub(crate) units: BTreeMap<UnitPath, UnitFacts>,
    /// Whether files of the catalog are left out of it by others: then no unit stands for itself.
    pub(crate) ignores: bool,
}

/// What a unit holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnitFacts {
    /// The packages that its blobs name; the empty name for blobs that name none.
    pub(crate) packages: BTreeSet<String>,
    /// Where the normal forms of its blobs begin in the layer's texts.
    pub(crate) texts_at: u64,
    /// Their size in bytes.
    pub(crate) texts_size: u64,
    /// Their CRC-32.
    pub(crate) texts_sum: u32,
}

/// The bundles of a layer by the units they are in.
pub(crate) type BundlesByUnit = BTreeMap<UnitPath, Vec<BundleFacts>>;

/// A bundle of a catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BundleFacts {
    pub(crate) package: String,
    pub(crate) name: String,
    /// Its pull spec, as the catalog has it.
    pub(crate) image: String,
    /// Whether it does not say its version, which no bundle in a layer of ours does: all were judged before.
    #[serde(skip)]
    pub(crate) lacks_version: bool,
}

impl From<fbc::Bundle> for BundleFacts {
    fn from(bundle: fbc::Bundle) -> Self {
        Self {
            lacks_version: bundle.version().is_none(),
            package: bundle.package,
            name: bundle.name,
            image: bundle.image,
        }
    }
}

/// A file of a catalog, wherever it is.
#[derive(Clone, Debug)]
pub(crate) enum CatalogFile {
    /// In a layer.
    Stored(OpenLayer, LayerEntry),
    /// On disk.
    Here(PathBuf),
}

impl CatalogFile {
    /// The content. Blocking.
    pub(crate) fn read(&self) -> Result<Bytes, Error> {
        match self {
            Self::Stored(layer, entry) => layer.read(entry).map_err(|source| {
                Error::from(ContentError::StoredLayer {
                    layer: layer.digest().clone(),
                    source: Box::new(source),
                })
            }),
            Self::Here(path) => fs::read(path).map(Bytes::from).map_err(|source| Error::Io {
                path: path.clone(),
                source,
            }),
        }
    }
}

/// The files of one unit by their paths below the directory of the catalog.
pub(crate) type UnitFiles = BTreeMap<String, CatalogFile>;

/// How many units are read at a time: enough for the threads, little enough for the memory.
pub(crate) const AT_ONCE: usize = 16;

/// Reads `units` and writes the normal forms of their blobs to `texts`. `origin` says for people whose catalog it is. Blocking.
pub(crate) fn read(
    origin: &str,
    units: &BTreeMap<UnitPath, UnitFiles>,
    texts: &mut impl Write,
) -> Result<(LayerFacts, BundlesByUnit), Error> {
    let mut facts = LayerFacts {
        units: BTreeMap::new(),
        ignores: units.values().flatten().any(|(path, _)| ignores(path)),
    };
    let mut bundles = BundlesByUnit::new();
    let mut at = 0;
    let units: Vec<_> = units.iter().collect();
    for some in units.chunks(AT_ONCE) {
        let read: Vec<Result<(Catalog, String), Error>> = some
            .par_iter()
            .map(|(_, files)| read_unit(origin, files))
            .collect();
        for ((unit, _), read) in some.iter().zip(read) {
            let (catalog, text) = read?;
            let size = u64::try_from(text.len()).unwrap_or(u64::MAX);
            texts
                .write_all(text.as_bytes())
                .map_err(ContentError::CatalogTexts)?;
            facts.units.insert(
                (*unit).clone(),
                UnitFacts {
                    packages: packages(&catalog),
                    texts_at: at,
                    texts_size: size,
                    texts_sum: libdeflater::crc32(text.as_bytes()),
                },
            );
            at += size;
            let found = catalog.bundles.into_iter().map(BundleFacts::from);
            bundles.insert((*unit).clone(), found.collect());
        }
    }
    texts.flush().map_err(ContentError::CatalogTexts)?;
    Ok((facts, bundles))
}

/// The blobs of one unit, and their normal forms. Blocking.
pub(crate) fn read_unit(origin: &str, files: &UnitFiles) -> Result<(Catalog, String), Error> {
    let mut catalog = Catalog::default();
    let mut texts = String::new();
    let mut files: Vec<_> = files.iter().collect();
    files.sort_by(|(left, _), (right, _)| left.split('/').cmp(right.split('/')));
    for (path, file) in files {
        if ignores(path) {
            continue;
        }
        let (part, text) =
            fbc::read_normal(&file.read()?).map_err(|source| ContentError::CatalogFile {
                origin: origin.to_owned(),
                path: path.clone(),
                source: Box::new(source),
            })?;
        catalog.append(part);
        texts.push_str(&text);
    }
    Ok((catalog, texts))
}

/// Whether `path` names a file that leaves others out.
fn ignores(path: &str) -> bool {
    path.rsplit('/').next() == Some(IGNORE_FILE)
}

fn packages(catalog: &Catalog) -> BTreeSet<String> {
    let packages = catalog.packages.iter().map(|blob| &blob.name);
    packages
        .chain(catalog.channels.iter().map(|blob| &blob.package))
        .chain(catalog.bundles.iter().map(|blob| &blob.package))
        .chain(catalog.deprecations.iter().map(|blob| &blob.package))
        .chain(catalog.others.iter().map(|blob| &blob.package))
        .cloned()
        .collect()
}

/// The blobs of `catalog` that belong to `package`.
pub(crate) fn of_package(catalog: &Catalog, package: &str) -> Catalog {
    fn kept<T: Clone>(blobs: &[T], keep: impl Fn(&T) -> bool) -> Vec<T> {
        blobs.iter().filter(|blob| keep(blob)).cloned().collect()
    }
    Catalog {
        packages: kept(&catalog.packages, |blob| blob.name == package),
        channels: kept(&catalog.channels, |blob| blob.package == package),
        bundles: kept(&catalog.bundles, |blob| blob.package == package),
        deprecations: kept(&catalog.deprecations, |blob| blob.package == package),
        others: kept(&catalog.others, |blob| blob.package == package),
    }
}

/// Facts as they are kept beside a layer, with a checksum before them.
pub(crate) fn to_json(facts: &impl Serialize) -> Bytes {
    let text = serde_json::to_vec(facts).expect("facts are texts and numbers under texts");
    let mut bytes = libdeflater::crc32(&text).to_be_bytes().to_vec();
    bytes.extend(text);
    Bytes::from(bytes)
}

/// What [`to_json`] made; an error where it was somebody else, or where it is damaged.
pub(crate) fn from_json<T: for<'de> Deserialize<'de>>(note: &Note) -> io::Result<T> {
    let size = usize::try_from(note.size_bytes()).map_err(io::Error::other)?;
    let mut bytes = vec![0; size];
    note.file().read_exact_at(&mut bytes, 0)?;
    match bytes.split_first_chunk() {
        Some((sum, text)) if *sum == libdeflater::crc32(text).to_be_bytes() => {
            serde_json::from_slice(text).map_err(io::Error::from)
        }
        Some(_) | None => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_directories_of_packages_and_of_their_deprecations() {
        for (path, unit) in [
            ("alpha/catalog.json", "alpha"),
            ("alpha/deep/er/catalog.yaml", "alpha"),
            ("loose.json", "loose.json"),
            (
                "_operator-deprecations-content/alpha/deprecations.json",
                "_operator-deprecations-content/alpha",
            ),
        ] {
            assert_eq!(UnitPath::of(path).as_str(), unit);
        }
        assert_eq!(
            UnitPath::deprecations("alpha"),
            UnitPath::of("_operator-deprecations-content/alpha/x")
        );
    }

    #[test]
    fn units_are_in_the_order_of_the_walk() {
        let mut units = [
            "b",
            "_operator-deprecations-content-old",
            "a.json",
            "a-b",
            "_operator-deprecations-content/z",
            "a",
        ]
        .map(|path| UnitPath::of(&format!("{path}/x")));
        units.sort();
        assert_eq!(
            units.each_ref().map(UnitPath::as_str),
            [
                "_operator-deprecations-content/z",
                "_operator-deprecations-content-old",
                "a",
                "a-b",
                "a.json",
                "b",
            ]
        );
    }

    #[test]
    fn a_unit_is_read_in_the_order_of_the_walk_with_the_names_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = UnitFiles::new();
        for (path, text) in [
            (
                "p/z.json",
                r#"{"schema":"olm.package","name":"p","defaultChannel":"c"}"#,
            ),
            (
                "p/b/c.yaml",
                "schema: olm.channel\npackage: q\nname: c\nentries: []\n",
            ),
            ("p/b-a.json", r#"{"schema":"x","name":"free"}"#),
        ] {
            let file = folder.path().join(path.replace('/', "_"));
            fs::write(&file, text).unwrap();
            files.insert(path.to_owned(), CatalogFile::Here(file));
        }
        let mut texts = Vec::new();
        let units = BTreeMap::from([(UnitPath::top("p"), files)]);
        let (facts, bundles) = read("test", &units, &mut texts).unwrap();
        let unit = &facts.units[&UnitPath::top("p")];
        assert_eq!(
            unit.packages,
            ["", "p", "q"].map(str::to_owned).into_iter().collect()
        );
        assert!(bundles[&UnitPath::top("p")].is_empty() && !facts.ignores);
        let texts = String::from_utf8(texts).unwrap();
        assert_eq!(unit.texts_size, u64::try_from(texts.len()).unwrap());
        let schemas: Vec<&str> = texts
            .lines()
            .filter_map(|line| line.rsplit_once("\"schema\":")?.1.strip_suffix('}'))
            .collect();
        assert_eq!(
            schemas,
            ["\"olm.channel\"", "\"x\"", "\"olm.package\""],
            "{texts}"
        );
    }

    #[test]
    fn what_is_no_blob_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        fs::write(&file, "[1]").unwrap();
        let units = BTreeMap::from([(
            UnitPath::top("p"),
            UnitFiles::from([("p/x.yaml".to_owned(), CatalogFile::Here(file))]),
        )]);
        let error = read("the fragment `f`", &units, &mut Vec::new()).unwrap_err();
        let text = error.report();
        assert!(
            text.contains("the fragment `f`") && text.contains("p/x.yaml"),
            "{text}"
        );
    }
}
