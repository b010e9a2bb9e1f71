//! Reading, judging and writing catalogs of growing size, and bringing their caches up to date: time, bytes a second and
//! allocations.
//!
//! The cost of each should follow the size; `cargo xtask bench catalog` measures real ones.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use catalog::cache::{self, CacheDelta, Extent, Options, PackageChange, StoredCache};
use catalog::fbc::{Bundle, Catalog, Channel, Entry, Output, Package, Property, canonical, read};
use catalog::{Profile, json};
use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const BUNDLES: [usize; 3] = [10, 100, 1000];
const BUNDLES_OF_A_PACKAGE: usize = 10;

fn main() {
    // One thread does everything, so that every allocation is counted.
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build_global()
        .expect("there is no pool yet");
    divan::main();
}

/// A catalog whose bundles embed a manifest of 24 kB, as they do in databases, beside small properties.
fn catalog(bundles: usize) -> Catalog {
    let mut catalog = Catalog::default();
    let description = "A line of text with \"quotes\", <tags> and a path\\to.\\n".repeat(400);
    let manifest =
        format!(r#"{{"kind":"ClusterServiceVersion","spec":{{"description":"{description}"}}}}"#);
    for number in 0..bundles {
        let (package, version) = (number / BUNDLES_OF_A_PACKAGE, number % BUNDLES_OF_A_PACKAGE);
        let package = format!("package-{package:04}");
        let name = |version: usize| format!("{package}.v1.{version}.0");
        if version == 0 {
            catalog.packages.push(Package {
                name: package.clone(),
                default_channel: "stable".to_owned(),
                ..Package::default()
            });
            catalog.channels.push(Channel {
                name: "stable".to_owned(),
                package: package.clone(),
                entries: Some(Vec::new()),
                ..Channel::default()
            });
        }
        if let Some(entries) = catalog
            .channels
            .last_mut()
            .and_then(|channel| channel.entries.as_mut())
        {
            entries.push(Entry {
                name: name(version),
                replaces: version.checked_sub(1).map_or_else(String::new, name),
                ..Entry::default()
            });
        }
        let mut properties = vec![canonical::package(&package, &format!("1.{version}.0"), "")];
        properties
            .extend((0..8).map(|kind| canonical::gvk("example.com", &format!("Kind{kind}"), "v1")));
        properties.push(Property {
            type_: "olm.maxOpenShiftVersion".to_owned(),
            value: Some("\"4.20\"".to_owned()),
        });
        properties.push(canonical::bundle_object(manifest.as_bytes()));
        catalog.bundles.push(Bundle {
            image: format!("registry.example.com/{package}@sha256:{number:064x}"),
            name: name(version),
            package,
            properties,
            ..Bundle::default()
        });
    }
    catalog
}

fn written(bundles: usize, output: Output) -> Vec<u8> {
    let mut text = Vec::new();
    catalog(bundles)
        .write(output, &mut text)
        .expect("memory can be written to");
    text
}

fn reading(bencher: Bencher<'_, '_>, bundles: usize, output: Output) {
    let text = written(bundles, output);
    bencher
        .counter(BytesCount::of_slice(&text))
        .bench(|| read(black_box(&text)).expect("what was written can be read"));
}

fn writing(bencher: Bencher<'_, '_>, bundles: usize, output: Output) {
    let catalog = catalog(bundles);
    bencher
        .counter(BytesCount::new(written(bundles, output).len()))
        .bench(|| {
            black_box(&catalog)
                .write(output, &mut std::io::sink())
                .expect("nothing is kept, so nothing fails");
        });
}

#[divan::bench(args = BUNDLES, max_time = 1)]
fn read_json(bencher: Bencher<'_, '_>, bundles: usize) {
    reading(bencher, bundles, Output::Json);
}

#[divan::bench(args = BUNDLES, max_time = 1)]
fn read_yaml(bencher: Bencher<'_, '_>, bundles: usize) {
    reading(bencher, bundles, Output::Yaml);
}

#[divan::bench(args = BUNDLES, max_time = 1)]
fn write_json(bencher: Bencher<'_, '_>, bundles: usize) {
    writing(bencher, bundles, Output::Json);
}

#[divan::bench(args = BUNDLES, max_time = 1)]
fn write_yaml(bencher: Bencher<'_, '_>, bundles: usize) {
    writing(bencher, bundles, Output::Yaml);
}

#[divan::bench(args = BUNDLES, max_time = 1)]
fn validate(bencher: Bencher<'_, '_>, bundles: usize) {
    let catalog = catalog(bundles);
    bencher.bench(|| {
        black_box(&catalog)
            .validate()
            .expect("the catalog is valid");
    });
}

#[divan::bench(args = BUNDLES, max_time = 1)]
fn embed_csv_metadata(bencher: Bencher<'_, '_>, bundles: usize) {
    bencher
        .with_inputs(|| catalog(bundles))
        .bench_values(|mut catalog| {
            catalog
                .embed_csv_metadata()
                .expect("the manifests are sound");
            catalog
        });
}

/// A stored cache with the blobs of its catalog, in which the description of one package has changed.
struct Stored {
    cache: StoredCache,
    changes: Catalog,
    blobs: Extent,
    _dir: tempfile::TempDir,
}

const CHANGED: &str = "package-0001";

impl Stored {
    fn new(bundles: usize) -> Self {
        let dir = tempfile::tempdir().expect("there is room");
        let folder = dir.path().join("catalog");
        fs::create_dir(&folder).expect("the folder is new");
        let mut catalog = catalog(bundles);
        let file = folder.join("catalog.json");
        write_normal(&catalog, &file);
        let options = Options::default();
        cache::write(&folder, &dir.path().join("cache"), options).expect("the catalog is valid");
        let database = dir.path().join("cache/pogreb.v1/db");
        let mut cache = StoredCache::default();
        for entry in fs::read_dir(database).expect("it was written") {
            let path = entry.expect("it was written").path();
            let name = path.file_name().expect("it is a file").to_string_lossy();
            let stored = format!("pogreb.v1/db/{name}");
            cache.files.insert(stored, whole(&path));
        }
        for package in &mut catalog.packages {
            if package.name == CHANGED {
                "Changed.".clone_into(&mut package.description);
            }
        }
        write_normal(&catalog, &file);
        catalog.packages.retain(|blob| blob.name == CHANGED);
        catalog.channels.retain(|blob| blob.package == CHANGED);
        catalog.bundles.retain(|blob| blob.package == CHANGED);
        Self {
            cache,
            changes: catalog,
            blobs: whole(&file),
            _dir: dir,
        }
    }

    fn delta(&self) -> CacheDelta {
        let change = PackageChange::Set(&self.changes);
        let changes = BTreeMap::from([(CHANGED.to_owned(), change)]);
        cache::delta(
            &self.cache,
            &changes,
            [self.blobs.clone()],
            Profile::default(),
        )
        .expect("the cache is whole")
    }

    /// What the digest is computed over, but for the keys.
    fn bytes(&self) -> u64 {
        let sizes = self.cache.files.values().map(|file| file.size);
        self.blobs.size + sizes.max().unwrap_or(0)
    }
}

/// Writes a catalog in the form that digests are computed over.
fn write_normal(catalog: &Catalog, file: &Path) {
    let mut written = Vec::new();
    catalog
        .write(Output::Json, &mut written)
        .expect("memory can be written to");
    let mut text = String::new();
    for blob in json::raw::values(&written).expect("it is JSON") {
        text += &json::to_plain_text(&json::parse(blob).expect("it is JSON"));
        text.push('\n');
    }
    fs::write(file, text).expect("there is room");
}

fn whole(path: &Path) -> Extent {
    let file = File::open(path).expect("it was written");
    Extent {
        size: file.metadata().expect("it is open").len(),
        file: Arc::new(file),
        offset: 0,
    }
}

/// What the thread that computes the digest frees again counts as held here.
#[divan::bench(args = [50, 500, 5000], max_time = 2)]
fn cache_delta(bencher: Bencher<'_, '_>, bundles: usize) {
    let stored = Stored::new(bundles);
    bencher
        .counter(BytesCount::new(stored.bytes()))
        .bench(|| black_box(&stored).delta());
}
