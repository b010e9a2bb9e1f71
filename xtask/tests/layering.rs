//! The drawing in ARCHITECTURE.md, as a check: an arrow that is not in it fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Which of our crates each may use. A new arrow changes ARCHITECTURE.md in the same commit.
const ALLOWED: &[(&str, &[&str])] = &[
    ("api", &[]),
    ("builder", &["bundle", "catalog", "indexdb", "oci"]),
    ("bundle", &["catalog"]),
    ("catalog", &[]),
    ("client", &["api"]),
    ("crash", &[]),
    (
        "iib",
        &[
            "api",
            "builder",
            "bundle",
            "catalog",
            "client",
            "crash",
            "files",
            "indexdb",
            "oci",
            "queue",
            "registry",
            "samples",
            "server",
            "store",
            "telemetry",
            "worker",
        ],
    ),
    ("files", &[]),
    ("golden", &["bundle", "catalog", "indexdb"]),
    ("indexdb", &["bundle", "catalog"]),
    ("oci", &["crash"]),
    ("queue", &["store"]),
    ("registry", &[]),
    ("samples", &["oci"]),
    ("server", &["api", "files", "queue", "store", "telemetry"]),
    ("store", &["api", "crash"]),
    ("telemetry", &[]),
    (
        "worker",
        &[
            "api",
            "builder",
            "files",
            "oci",
            "queue",
            "store",
            "telemetry",
        ],
    ),
    (
        "xtask",
        &[
            "builder", "bundle", "catalog", "golden", "indexdb", "oci", "registry", "samples",
        ],
    ),
];

#[expect(
    clippy::disallowed_methods,
    reason = "cargo is asked for the workspace's own shape"
)]
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// The edges of every member, dev-dependencies left out: tests may use what they test against.
fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let names: BTreeSet<&str> = packages
        .iter()
        .filter_map(|package| package["name"].as_str())
        .collect();
    packages
        .iter()
        .map(|package| {
            let uses = package["dependencies"].as_array().expect("dependencies");
            let uses = uses
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .filter_map(|dependency| dependency["name"].as_str())
                .filter(|name| names.contains(name))
                .map(str::to_owned)
                .collect();
            (package["name"].as_str().expect("a name").to_owned(), uses)
        })
        .collect()
}

#[test]
fn crates_use_only_what_the_drawing_allows() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = ALLOWED
        .iter()
        .map(|(name, uses)| (*name, uses.iter().copied().collect()))
        .collect();
    let edges = edges();
    let members: BTreeSet<&str> = edges.keys().map(String::as_str).collect();
    assert_eq!(
        members,
        allowed.keys().copied().collect(),
        "a crate is missing from the drawing, or gone"
    );
    for (name, uses) in &edges {
        for used in uses {
            assert!(
                allowed[name.as_str()].contains(used.as_str()),
                "`{name}` uses `{used}`, which the drawing in ARCHITECTURE.md does not allow"
            );
        }
    }
}

#[test]
fn every_allowed_arrow_is_used() {
    let edges = edges();
    for (name, uses) in ALLOWED {
        for used in *uses {
            assert!(
                edges[*name].contains(*used),
                "`{name}` does not use `{used}` any more: take the arrow out of the drawing"
            );
        }
    }
}
