//! Hostile bundles: each is refused with the bundle and the reason named, at a bounded cost.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bundle::{Bundle, BundleFiles};
use catalog::Profile;

const PATH: &str = "registry.example/demo@sha256:1";

const CSV: &str =
    "kind: ClusterServiceVersion\nmetadata: {name: demo.v1.0.0}\nspec: {version: 1.0.0}\n";

/// Much more than any of these needs, and nothing to what an unbounded one would.
const PATIENCE: Duration = Duration::from_mins(1);

fn annotations(channels: &str) -> String {
    format!(
        "annotations:\n  operators.operatorframework.io.bundle.package.v1: demo\n  \
         operators.operatorframework.io.bundle.channels.v1: {channels}\n"
    )
}

fn read(manifests: Vec<(String, Vec<u8>)>, annotations: &str) -> Result<Bundle, String> {
    let metadata = (
        "annotations.yaml".to_owned(),
        annotations.as_bytes().to_vec(),
    );
    let files = BundleFiles {
        manifests: Some(manifests.into_iter().collect()),
        metadata: Some([metadata].into()),
    };
    let start = Instant::now();
    let read = Bundle::read(&files, PATH);
    assert!(start.elapsed() < PATIENCE);
    read.map_err(|error| error.to_string())
}

/// Fails unless a bundle with this file in place of its CSV is refused, and the error names it and says all of `parts`.
#[track_caller]
fn assert_refused(csv: &[u8], parts: &[&str]) {
    let error = read(
        vec![("csv.yaml".to_owned(), csv.to_vec())],
        &annotations("a"),
    )
    .unwrap_err();
    assert_says(&error, parts);
}

#[track_caller]
fn assert_says(error: &str, parts: &[&str]) {
    assert!(error.len() < 10_000, "{} bytes of error", error.len());
    for part in [PATH].iter().chain(parts) {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

/// A few hundred bytes that expand to ten to the power of `levels` values.
fn laughs(levels: usize) -> String {
    let mut text = format!("{CSV}a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..levels {
        let alias = format!("*a{}", level - 1);
        let aliases = [alias.as_str(); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    text
}

#[test]
fn aliases_do_not_expand_without_bound() {
    assert_refused(laughs(12).as_bytes(), &["`manifests/csv.yaml`", "aliases"]);
    let itself = format!("{CSV}a: &a [*a]\n");
    assert_refused(itself.as_bytes(), &["`manifests/csv.yaml`", "aliases"]);
}

#[test]
fn aliases_are_bounded_over_all_files() {
    let modest = laughs(5);
    let many = |count: usize| {
        let mut manifests = vec![("0.yaml".to_owned(), CSV.as_bytes().to_vec())];
        let more = modest.replace("ClusterServiceVersion", "Secret");
        manifests.extend((0..count).map(|file| (format!("{file}.s.yaml"), more.clone().into())));
        manifests
    };
    assert_eq!(read(many(1), &annotations("a")).unwrap().warnings(), []);
    // Undecodable files are left out, as everywhere.
    let bundle = read(many(40), &annotations("a")).unwrap();
    assert!(bundle.warnings().len() > 30, "{}", bundle.warnings().len());
    assert!(bundle.warnings()[0].reason.contains("aliases"));
    assert!(bundle.objects_json().len() < 10_000_000);
}

#[test]
fn nesting_is_bounded_in_every_file() {
    let deep = 200_000;
    for text in [
        format!(
            "{{\"kind\":\"ClusterServiceVersion\",\"spec\":{}",
            "[".repeat(deep)
        ),
        format!(
            "{{\"kind\":\"ClusterServiceVersion\",\"spec\":{}",
            "{\"a\":".repeat(deep)
        ),
        format!("kind: ClusterServiceVersion\nspec: {}", "[".repeat(deep)),
        format!("kind: ClusterServiceVersion\nspec: {}", "{a: ".repeat(deep)),
        format!("kind: ClusterServiceVersion\nspec:\n{}", "- ".repeat(deep)),
    ] {
        assert_refused(text.as_bytes(), &["`manifests/csv.yaml`"]);
    }
    // In a CRD the CSV owns, the file that is to blame is named.
    let csv = CSV.replace(
        "{version: 1.0.0}",
        "{version: 1.0.0, customresourcedefinitions: {owned: [{name: ks.g, version: v1, kind: K}]}}",
    );
    let crd = format!("kind: CustomResourceDefinition\nspec: {}", "[".repeat(deep));
    let manifests = vec![
        ("csv.yaml".to_owned(), csv.into_bytes()),
        ("crd.yaml".to_owned(), crd.into_bytes()),
    ];
    let error = read(manifests, &annotations("a")).unwrap_err();
    assert_says(&error, &["`manifests/crd.yaml`", "g/v1/K"]);
    // In the annotation that holds properties as JSON.
    let csv = CSV.replace(
        "{name: demo.v1.0.0}",
        &format!(
            "{{name: demo.v1.0.0, annotations: {{olm.properties: '{}'}}}}",
            "[".repeat(deep)
        ),
    );
    let bundle = read(
        vec![("csv.yaml".to_owned(), csv.into_bytes())],
        &annotations("a"),
    )
    .unwrap();
    let error = bundle.properties(Profile::default()).unwrap_err();
    assert_says(&error.to_string(), &["olm.properties"]);
}

#[test]
fn what_is_no_text_is_refused() {
    assert_refused(
        &[CSV.as_bytes(), b"x: \xff\xfe\n"].concat(),
        &["`manifests/csv.yaml`", "line 4", "UTF-8"],
    );
    assert_refused(
        &[CSV.as_bytes(), b"x: \0\n"].concat(),
        &["`manifests/csv.yaml`", "line 4"],
    );
    assert_refused(&[0; 4096], &["`manifests/csv.yaml`", "line 1"]);
    let error = read(
        vec![("csv.yaml".to_owned(), CSV.as_bytes().to_vec())],
        "annotations: {a: \u{0}}",
    )
    .unwrap_err();
    assert_says(&error, &["annotations.yaml"]);
}

#[test]
fn thousands_of_bad_files_make_no_endless_error() {
    let manifests = (0..20_000).map(|file| (format!("{file}.yaml"), b"kind: [".to_vec()));
    let error = read(manifests.collect(), &annotations("a")).unwrap_err();
    assert_says(
        &error,
        &[
            "no file in `/manifests`",
            "`manifests/0.yaml`",
            "19990 more",
        ],
    );
}

#[test]
fn names_and_lists_are_bounded() {
    let long = "x".repeat(2 << 20);
    let csv = |spec: &str| CSV.replace("{version: 1.0.0}", spec);
    for (text, what) in [
        (CSV.replace("demo.v1.0.0", &long), "name"),
        (
            csv(&format!("{{version: 1.0.0, replaces: {long}}}")),
            "replaces",
        ),
        (
            csv(&format!("{{version: 1.0.0, skips: [{long}]}}")),
            "skips",
        ),
        (
            csv(&format!(
                "{{version: 1.0.0, skips: [{}]}}",
                "a,".repeat(200_000)
            )),
            "skips",
        ),
        (csv(&format!("{{version: {long}}}")), "version"),
    ] {
        assert_refused(text.as_bytes(), &[what]);
    }
    let good = || vec![("csv.yaml".to_owned(), CSV.as_bytes().to_vec())];
    for channels in [long.clone(), "a,".repeat(200_000)] {
        let error = read(good(), &annotations(&channels)).unwrap_err();
        assert_says(&error, &["channel"]);
    }
    let error = read(good(), &annotations("a").replace("demo", &long)).unwrap_err();
    assert_says(&error, &["package"]);
}

#[test]
fn names_and_lists_are_not_multiplied() {
    let csv = CSV.replace(
        "{version: 1.0.0}",
        &format!("{{version: 1.0.0, skips: [{}]}}", "a,".repeat(5_000)),
    );
    let manifests = vec![("csv.yaml".to_owned(), csv.into_bytes())];
    let error = read(manifests, &annotations(&"a,".repeat(5_000))).unwrap_err();
    assert_says(&error, &["channel", "skips"]);

    let crd = |group: &str, versions: usize| {
        format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec:\n  group: {group}\n  \
             names: {{kind: K, plural: ks}}\n  versions:\n{}",
            "  - name: v1\n".repeat(versions)
        )
    };
    for crd in [crd(&"g".repeat(1 << 20), 2), crd("g", 200_000)] {
        let manifests = vec![
            ("csv.yaml".to_owned(), CSV.as_bytes().to_vec()),
            ("crd.yaml".to_owned(), crd.into_bytes()),
        ];
        let error = read(manifests, &annotations("a")).unwrap_err();
        assert_says(&error, &["CRD"]);
    }
}

#[test]
fn a_large_annotation_is_only_an_annotation() {
    let csv = CSV.replace(
        "{name: demo.v1.0.0}",
        &format!(
            "{{name: demo.v1.0.0, annotations: {{a: '{}'}}}}",
            "x".repeat(16 << 20)
        ),
    );
    let bundle = read(
        vec![("csv.yaml".to_owned(), csv.into_bytes())],
        &annotations("a"),
    )
    .unwrap();
    assert_eq!(bundle.name(), "demo.v1.0.0");
}
