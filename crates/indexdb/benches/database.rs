//! An index database becoming a catalog, and changing: time and allocations, for databases of growing size.
//!
//! Adding and removing should cost what changes, not what is there.

use std::path::Path;

use bundle::{Bundle, BundleFiles};
use divan::{AllocProfiler, Bencher, black_box};
use indexdb::{AddOptions, IndexDb};
use tempfile::TempDir;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const BUNDLES: [usize; 2] = [20, 200];
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

/// Bundle number so-and-so: each package is a chain of [`BUNDLES_OF_A_PACKAGE`], each with a CSV of 10 kB.
fn bundle(number: usize) -> Bundle {
    let (package, version) = (number / BUNDLES_OF_A_PACKAGE, number % BUNDLES_OF_A_PACKAGE);
    let package = format!("package-{package}");
    let replaces = version.checked_sub(1).map_or_else(String::new, |before| {
        format!("  replaces: {package}.v1.{before}.0\n")
    });
    let description = "What users read of an operator. ".repeat(300);
    let csv = format!(
        "kind: ClusterServiceVersion\nmetadata:\n  name: {package}.v1.{version}.0\nspec:\n  version: 1.{version}.0\n{replaces}  description: '{description}'\n"
    );
    let key = "operators.operatorframework.io.bundle";
    let annotations = format!(
        "annotations:\n  {key}.package.v1: {package}\n  {key}.channels.v1: stable\n  {key}.channel.default.v1: stable\n"
    );
    let folder = |name: &str, text: String| Some([(name.to_owned(), text.into_bytes())].into());
    let files = BundleFiles {
        manifests: folder("csv.yaml", csv),
        metadata: folder("annotations.yaml", annotations),
    };
    Bundle::read(
        &files,
        &format!("registry.example.com/{package}:1.{version}.0"),
    )
    .expect("the bundle is sound")
}

/// A database with so many bundles.
fn database(folder: &Path, bundles: usize) -> IndexDb {
    let mut index = IndexDb::create(&folder.join("index.db"), 0)
        .and_then(IndexDb::without_sync)
        .expect("there is space for a database");
    let all: Vec<Bundle> = (0..bundles).map(bundle).collect();
    index
        .add(&all, &AddOptions::default())
        .expect("the bundles fit together");
    index
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("there is space for a folder")
}

/// Changes a fresh copy each time.
fn changing(
    bencher: Bencher<'_, '_>,
    bundles: usize,
    change: impl Fn(&mut IndexDb) -> Result<(), indexdb::Error> + Sync,
) {
    let original = folder();
    database(original.path(), bundles)
        .finish()
        .expect("the database can be closed");
    bencher
        .with_inputs(|| {
            let folder = folder();
            let path = folder.path().join("index.db");
            std::fs::copy(original.path().join("index.db"), &path)
                .expect("there is space for a copy");
            let index = IndexDb::open(&path, 0).and_then(IndexDb::without_sync);
            (index.expect("the copy is a database"), folder)
        })
        .bench_local_values(|(mut index, folder)| {
            change(&mut index).expect("the change is allowed");
            (index, folder)
        });
}

#[divan::bench(args = BUNDLES, max_time = 1)]
fn catalog(bencher: Bencher<'_, '_>, bundles: usize) {
    let folder = folder();
    let index = database(folder.path(), bundles);
    bencher.bench_local(|| black_box(&index).catalog().expect("it makes a catalog"));
}

#[divan::bench(args = BUNDLES, max_time = 1)]
fn add_one(bencher: Bencher<'_, '_>, bundles: usize) {
    let next = bundle(bundles);
    changing(bencher, bundles, |index| {
        index
            .add(std::slice::from_ref(&next), &AddOptions::default())
            .map(drop)
    });
}

#[divan::bench(args = BUNDLES, max_time = 1)]
fn remove_one_package(bencher: Bencher<'_, '_>, bundles: usize) {
    changing(bencher, bundles, |index| {
        index.remove(&["package-1".to_owned()], false).map(drop)
    });
}
