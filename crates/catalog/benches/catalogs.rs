//! Reading, judging and writing catalogs of growing size: time, bytes a second and allocations.
//!
//! The cost of each should follow the size; `cargo xtask bench catalog` measures real ones.

use catalog::fbc::{Bundle, Catalog, Channel, Entry, Output, Package, Property, canonical, read};
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
