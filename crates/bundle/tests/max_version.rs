//! Which bundles need the highest OpenShift version declared for them: the tables of the workflow specification, 3.6, row by row,
//! and what the recorded requests did.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bundle::{Bundle, BundleFiles};
use golden::{Corpus, PLACEHOLDER};
use serde_json::Value;

const ANNOTATIONS: &str = "annotations: {operators.operatorframework.io.bundle.package.v1: demo}";

/// An object of an API that is no longer there.
const LEASE: &str = "apiVersion: coordination.k8s.io/v1beta1\nkind: Lease\nmetadata: {name: a}\n";

fn files(folder: &[(&str, String)]) -> BTreeMap<String, Vec<u8>> {
    let files = folder
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.clone().into_bytes()));
    files.collect()
}

/// Whether a bundle needs it that has these manifests beside its CSV with this annotation.
fn needs(manifests: &[&str], annotation: Option<&str>) -> bool {
    let annotations = annotation.map_or_else(String::new, |text| {
        format!("{{olm.properties: {}}}", Value::from(text))
    });
    let csv = format!(
        "kind: ClusterServiceVersion\nmetadata:\n  name: demo.v1.0.0\n  annotations: {annotations}\nspec: {{version: 1.0.0}}\n"
    );
    let names = ["m0.yaml", "m1.yaml", "m2.yaml"];
    let mut manifests: Vec<(&str, String)> = names
        .into_iter()
        .zip(manifests.iter().map(|text| (*text).to_owned()))
        .collect();
    manifests.push(("csv.yaml", csv));
    let files = BundleFiles {
        manifests: Some(files(&manifests)),
        metadata: Some(files(&[("annotations.yaml", ANNOTATIONS.to_owned())])),
    };
    let bundle = Bundle::read(&files, "registry.example/demo:1").unwrap();
    bundle.needs_max_openshift_version()
}

fn object(api: &str, kind: &str) -> String {
    format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: demos.example.com}}\n")
}

#[test]
fn every_removed_api_counts_and_no_other() {
    let removed = [
        (
            "apiextensions.k8s.io/v1beta1",
            &["CustomResourceDefinition"][..],
        ),
        ("scheduling.k8s.io/v1beta1", &["PriorityClass"]),
        (
            "rbac.authorization.k8s.io/v1beta1",
            &["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"],
        ),
        ("apiregistration.k8s.io/v1beta1", &["APIService"]),
        ("authentication.k8s.io/v1beta1", &["TokenReview"]),
        (
            "authorization.k8s.io/v1beta1",
            &[
                "LocalSubjectAccessReview",
                "SelfSubjectAccessReview",
                "SubjectAccessReview",
            ],
        ),
        (
            "admissionregistration.k8s.io/v1beta1",
            &[
                "MutatingWebhookConfiguration",
                "ValidatingWebhookConfiguration",
            ],
        ),
        ("coordination.k8s.io/v1beta1", &["Lease"]),
        ("extensions/v1beta1", &["Ingress"]),
        ("networking.k8s.io/v1beta1", &["Ingress", "IngressClass"]),
        (
            "storage.k8s.io/v1beta1",
            &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
        ),
        (
            "certificates.k8s.io/v1beta1",
            &["CertificateSigningRequest"],
        ),
    ];
    let kinds: BTreeSet<&str> = removed
        .iter()
        .flat_map(|(_, kinds)| kinds.iter().copied())
        .collect();
    assert_eq!(
        kinds.len(),
        21,
        "an ingress is in two groups; all others in one"
    );
    for (api, of_api) in removed {
        for kind in &kinds {
            // A CRD of another group is no bundle at all.
            if *kind == "CustomResourceDefinition" && api != "apiextensions.k8s.io/v1beta1" {
                continue;
            }
            let needed = needs(&[&object(api, kind)], None);
            assert_eq!(needed, of_api.contains(kind), "{api} {kind}");
            if of_api.contains(kind) {
                let current = api.replace("v1beta1", "v1");
                assert!(!needs(&[&object(&current, kind)], None), "{current} {kind}");
            }
        }
    }
    let others = [object("v1", "Service"), object("apps/v1", "Deployment")];
    assert!(!needs(&[&others[0], &others[1]], None));
    assert!(needs(&[&others[0], &others[1], LEASE], None));
}

#[test]
fn the_annotation_decides_as_the_table_says() {
    let entry =
        |value: &str| format!(r#"[{{"type": "olm.maxOpenShiftVersion", "value": {value}}}]"#);
    let check = |annotation: Option<&str>, expected: bool| {
        assert_eq!(needs(&[LEASE], annotation), expected, "{annotation:?}");
        assert!(!needs(&[], annotation), "nothing removed, {annotation:?}");
    };
    // Missing or empty.
    check(None, true);
    check(Some(""), true);
    // Not a list of types and values that are texts.
    for text in [
        " ",
        "no list",
        "{}",
        "[1]",
        "[[]]",
        "\"a\"",
        r#"[{"type": 1, "value": "b"}]"#,
        r#"[{"type": "a", "value": {"b": "c"}}]"#,
        r#"[{"type": "a", "value": "b"}"#,
        r#"[{"type": "a", "value": "b"}] []"#,
    ] {
        check(Some(text), false);
    }
    for text in [
        "olm.maxOpenShiftVersion: 4.8".to_owned(),
        entry("4.8"),
        entry("\"4.8\"") + "]",
        r#"[{"type": "olm.maxOpenShiftVersion", "value": "4.8"}, {"type": "a", "value": {}}]"#
            .to_owned(),
        r#"{"olm.maxOpenShiftVersion": "4.8"}"#.to_owned(),
    ] {
        check(Some(&text), true);
    }
    // No entry of the type.
    for text in [
        "[]",
        "null",
        "[null]",
        "[{}]",
        r#"[{"type": "a", "value": "4.8"}]"#,
        r#"[{"type": "a", "value": null}]"#,
        r#"[{"type": "olm.maxopenshiftversion", "value": "4.8"}]"#,
    ] {
        check(Some(text), true);
    }
    // No version, not even a tolerant one.
    for value in [
        "", "x", "4.x", "4.8-rc1", "4.9+1", "=4.9", "4.9.0.0", "v", "vv4.9",
    ] {
        check(Some(&entry(&format!("\"{value}\""))), false);
    }
    // A patch part, or a pre-release.
    for value in ["4.8.1", "4.9.1", "5.0.1", "4.10.0-rc1"] {
        check(Some(&entry(&format!("\"{value}\""))), false);
    }
    for value in [
        "4.9", "v4.9", " 4.9 ", "4.9.0", "4.9.0+1", "4.10", "5", "4.09", "10.1",
    ] {
        check(Some(&entry(&format!("\"{value}\""))), true);
    }
    for value in ["4.8", "v4.8", "4.8.0", "4.08", "4", "3.11", "0.0.0"] {
        check(Some(&entry(&format!("\"{value}\""))), false);
    }
    // The first entry counts; keys may be in any case.
    let first = |a: &str, b: &str| {
        format!(
            r#"[{{"type": "a", "value": "9"}}, {{"Type": "olm.maxOpenShiftVersion", "VALUE": "{a}"}}, {{"type": "olm.maxOpenShiftVersion", "value": "{b}"}}]"#
        )
    };
    check(Some(&first("4.8", "4.9")), false);
    check(Some(&first("4.9", "4.8")), true);
}

#[test]
fn files_that_are_skipped_play_no_part() {
    assert!(!needs(&["kind: [\n"], None));
    assert!(!needs(&["apiVersion: coordination.k8s.io/v1beta1\n"], None));
    let second = format!("kind: Service\n---\n{LEASE}");
    assert!(!needs(&[&second], None), "only first documents are read");
    assert!(needs(&["kind: [\n", LEASE], None));
}

fn read(path: &Path) -> Result<Bundle, bundle::BundleError> {
    let folder = |name: &str| {
        let folder = path.join(name);
        folder.is_dir().then(|| {
            let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
            let files = entries.filter(|entry| entry.path().is_file());
            let name = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
            files
                .map(|entry| (name(&entry), std::fs::read(entry.path()).unwrap()))
                .collect()
        })
    };
    let files = BundleFiles {
        manifests: folder("manifests"),
        metadata: folder("metadata"),
    };
    Bundle::read(&files, &path.display().to_string())
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array().into_iter().flatten();
    list.map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn recorded_requests_added_it_to_the_same_bundles() {
    let Some(recordings) = golden::recordings() else {
        return;
    };
    let shared = recordings.join("../..");
    let workflows = shared.join("conformance/workflows");
    let images = json(&workflows.join("inputs/images.json"));
    let made_of: BTreeMap<String, &str> = images["images"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|image| {
            let folder = image["bundle"].as_str()?.strip_prefix("corpus/")?;
            Some((format!("{PLACEHOLDER}/{}", image["name"].as_str()?), folder))
        })
        .collect();
    let (mut judged, mut needed) = (0, BTreeSet::new());
    for entry in std::fs::read_dir(&workflows).unwrap() {
        let path = entry.unwrap().path().join("scenario.json");
        if !path.is_file() {
            continue;
        }
        let scenario = json(&path);
        let recorded = texts(&scenario["needs_max_version_property"]);
        for image in texts(&scenario["args"]["bundles"]) {
            let Some(folder) = made_of.get(image) else {
                continue;
            };
            let bundle = read(&shared.join("corpus").join(folder)).unwrap();
            assert_eq!(
                bundle.needs_max_openshift_version(),
                recorded.contains(&image),
                "{image} of {}",
                path.display()
            );
            judged += 1;
            needed.extend(recorded.contains(&image).then_some(*folder));
        }
    }
    println!("{judged} bundles of recorded requests");
    assert!(judged > 20 && !needed.is_empty());

    // No other bundle of the corpus needs it: all that use such APIs say so, or are never added by these requests.
    let corpus = Corpus::read(&recordings.join("images.txt"), &[shared.join("corpus")]).unwrap();
    let all: BTreeSet<&str> = (corpus.folders().iter())
        .filter(|folder| {
            read(&folder.path).is_ok_and(|bundle| bundle.needs_max_openshift_version())
        })
        .filter_map(|folder| folder.path.to_str()?.split_once("corpus/"))
        .map(|(_, below)| below)
        .collect();
    assert_eq!(all, needed);
}
