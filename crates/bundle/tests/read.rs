//! What bundles say, read through the public interface; the rules are those of the index database specification, section 2.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use bundle::{Bundle, BundleError, BundleFiles, Problem};
use catalog::Profile;

const PATH: &str = "registry.example/demo@sha256:1";

const CSV: &str =
    "kind: ClusterServiceVersion\nmetadata: {name: demo.v1.0.0}\nspec: {version: 1.0.0}\n";

const ANNOTATIONS: &str = "annotations:\n  \
    operators.operatorframework.io.bundle.package.v1: demo\n  \
    operators.operatorframework.io.bundle.channels.v1: stable, beta\n  \
    operators.operatorframework.io.bundle.channel.default.v1: stable\n";

const CRD: &str = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: foos.example.com}\n\
    spec:\n  group: example.com\n  names: {kind: Foo, plural: foos}\n  versions: [{name: v1}, {name: v2, served: false}]\n";

fn files(manifests: &[(&str, &str)], metadata: &[(&str, &str)]) -> BundleFiles {
    let folder = |files: &[(&str, &str)]| {
        Some(
            files
                .iter()
                .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
                .collect(),
        )
    };
    BundleFiles {
        manifests: folder(manifests),
        metadata: folder(metadata),
    }
}

fn read(manifests: &[(&str, &str)], metadata: &[(&str, &str)]) -> Result<Bundle, BundleError> {
    let metadata = [&[("annotations.yaml", ANNOTATIONS)], metadata].concat();
    Bundle::read(&files(manifests, &metadata), PATH)
}

fn csv(spec: &str) -> String {
    format!(
        "kind: ClusterServiceVersion\nmetadata: {{name: demo.v1.0.0}}\nspec:\n  version: 1.0.0\n  {}\n",
        spec.replace('\n', "\n  ")
    )
}

fn check_problem<T>(read: Result<T, BundleError>, expected: &str) {
    let message = read.map(drop).unwrap_err().to_string();
    assert!(
        message.contains(PATH) && message.contains(expected),
        "{message:?} should contain {expected:?}"
    );
}

#[test]
fn a_bundle_says_what_its_files_say() {
    let csv = csv(
        "replaces: demo.v0.9.0\nskips: [demo.v0.9.1, demo.v0.9.2]\ncustomresourcedefinitions:\n  owned:\n  - {name: foos.example.com, version: v1, kind: Foo}\n  required:\n  - {name: bars.example.org, version: v1, kind: Bar}",
    );
    let bundle = read(&[("a.yaml", &csv), ("b.crd.yaml", CRD)], &[]).unwrap();
    assert_eq!(
        (bundle.package(), bundle.default_channel()),
        ("demo", Some("stable"))
    );
    assert_eq!(
        bundle.channels(),
        ["stable", " beta"],
        "channels are not trimmed"
    );
    assert_eq!(
        (bundle.version(), bundle.replaces()),
        ("1.0.0", "demo.v0.9.0")
    );
    assert_eq!(bundle.skips(), ["demo.v0.9.1", "demo.v0.9.2"]);
    let provided: Vec<String> = bundle
        .provided_apis()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        provided,
        ["example.com/v1/Foo (foos)", "example.com/v2/Foo (foos)"],
        "served or not"
    );
    let required: Vec<String> = bundle
        .required_apis()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(required, ["example.org/v1/Bar (bars)"]);
    let properties = bundle.properties(Profile::A).unwrap();
    let properties: Vec<(&str, &str)> = properties
        .iter()
        .map(|property| (property.type_.as_str(), property.value.as_str()))
        .collect();
    assert_eq!(
        properties,
        [
            (
                "olm.gvk",
                r#"{"group":"example.com","kind":"Foo","version":"v1"}"#
            ),
            (
                "olm.gvk",
                r#"{"group":"example.com","kind":"Foo","version":"v2"}"#
            ),
            ("olm.package", r#"{"packageName":"demo","version":"1.0.0"}"#),
        ]
    );
    assert!(bundle.warnings().is_empty());
}

#[test]
fn objects_are_kept_in_the_order_of_their_files_and_undecodable_ones_skipped() {
    let bundle = read(
        &[
            (".hidden.yaml", "kind: Hidden"),
            ("a.json", r#"{"kind":"A","x":"<"} {"kind":"Ignored"}"#),
            ("b.yaml", CSV),
            (
                "c.yaml",
                "kind: ClusterServiceVersion\nmetadata: {name: second}\nspec: {}\n",
            ),
            ("d.yaml", "kind: D\n---\nkind: Second\n"),
            ("e.yaml", "# comment\n---\nkind: E\n"),
            ("f.yaml", "a: [1, 2\nb: }\n"),
            ("g.md", "# Text\n"),
            ("h.yaml", "a: 1\n"),
        ],
        &[],
    )
    .unwrap();
    let csv = r#"{"kind":"ClusterServiceVersion","metadata":{"name":"demo.v1.0.0"},"spec":{"version":"1.0.0"}}"#;
    assert_eq!(bundle.csv_json(), format!("{csv}\n"));
    assert_eq!(
        bundle.objects_json(),
        format!("{{\"kind\":\"A\",\"x\":\"\\u003c\"}}\n{csv}\n{{\"kind\":\"D\"}}\n")
    );
    let skipped: Vec<(&str, usize)> = bundle
        .warnings()
        .iter()
        .map(|warning| (warning.file.as_str(), warning.line))
        .collect();
    let expected =
        ["c.yaml", "e.yaml", "f.yaml", "g.md", "h.yaml"].map(|name| format!("manifests/{name}"));
    assert_eq!(
        skipped.iter().map(|(file, _)| *file).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(skipped[2].1, 2, "the line of the stray bracket");
}

#[test]
fn related_images_come_from_deployments_and_the_list() {
    let csv = csv(
        "install:\n  strategy: deployment\n  spec:\n    deployments:\n    - spec:\n        template:\n          spec:\n            containers: [{image: c1}, {name: none}]\n            initContainers: [{image: i1}]\nrelatedImages: [{name: r, image: r1}]",
    );
    let bundle = read(&[("csv.yaml", &csv)], &[]).unwrap();
    assert_eq!(
        bundle.related_images().iter().collect::<Vec<_>>(),
        ["", "c1", "i1", "r1", PATH]
    );

    let bundle = read(
        &[(
            "csv.yaml",
            &csv.replace("strategy: deployment", "strategy: other"),
        )],
        &[],
    )
    .unwrap();
    assert_eq!(
        bundle.related_images().iter().collect::<Vec<_>>(),
        ["r1", PATH]
    );
}

#[test]
fn dependencies_keep_their_spelling_in_json_only() {
    let yaml = "dependencies:\n- type: olm.package\n  value: {version: '>=1.0.0', packageName: dep}\n- {value: 1}\n- {type: x}\n- {type: x}\n";
    let bundle = read(&[("csv.yaml", CSV)], &[("dependencies.yaml", yaml)]).unwrap();
    let found: Vec<(&str, Option<&str>)> = bundle
        .dependencies()
        .iter()
        .map(|one| (one.type_.as_str(), one.value.as_deref()))
        .collect();
    let package = r#"{"packageName":"dep","version":"\u003e=1.0.0"}"#;
    assert_eq!(
        found,
        [
            ("olm.package", Some(package)),
            ("", Some("1")),
            ("x", None),
            ("x", None)
        ]
    );

    let json = r#"{"dependencies": [{"type": "t", "value": { "b" : 1.50, "a":">" }}, {"type": "n", "value": null}]}"#;
    let bundle = read(&[("csv.yaml", CSV)], &[("any name", json)]).unwrap();
    let found: Vec<Option<&str>> = bundle
        .dependencies()
        .iter()
        .map(|one| one.value.as_deref())
        .collect();
    assert_eq!(found, [Some(r#"{ "b" : 1.50, "a":">" }"#), Some("null")]);
}

#[test]
fn properties_come_from_file_annotation_and_the_bundle_itself() {
    let csv = "kind: ClusterServiceVersion\nmetadata:\n  name: demo.v1.0.0\n  annotations:\n    olm.properties: '[{\"type\": \"x\", \"value\": {\"b\": 1.50, \"a\": \"<\"}}, {\"type\": \"none\"}]'\nspec: {version: 1.0.0, release: 3}\n";
    let file = "properties:\n- type: x\n  value: {b: 1.50, a: '<'}\n- type: x\n  value: {a: '<', b: 1.5}\n";
    let bundle = read(&[("csv.yaml", csv)], &[("properties.yaml", file)]).unwrap();
    let properties = bundle.properties(Profile::A).unwrap();
    let found: Vec<(&str, &str)> = properties
        .iter()
        .map(|property| (property.type_.as_str(), property.value.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("none", "null"),
            (
                "olm.package",
                r#"{"packageName":"demo","version":"1.0.0","release":"3"}"#
            ),
            ("x", r#"{"a":"\u003c","b":1.5}"#),
            ("x", r#"{"b":1.50,"a":"\u003c"}"#),
        ]
    );
}

#[test]
fn a_substitute_has_its_release_in_the_version() {
    let csv = |version: &str| {
        format!(
            "kind: ClusterServiceVersion\nmetadata: {{name: demo.v1, annotations: {{olm.substitutesFor: demo.v0}}}}\nspec: {{version: {version}}}\n"
        )
    };
    let bundle = read(&[("csv.yaml", &csv("1.0.0+2"))], &[]).unwrap();
    assert_eq!(bundle.substitutes_for(), "demo.v0");
    let split = r#"{"packageName":"demo","version":"1.0.0","release":"2"}"#;
    let whole = r#"{"packageName":"demo","version":"1.0.0+2"}"#;
    for (profile, expected) in [(Profile::A, split), (Profile::B, whole)] {
        let stored = bundle.properties(profile).unwrap();
        assert_eq!(stored.first().unwrap().value, expected, "{profile}");
        let rendered = bundle.to_blob(profile).unwrap();
        let identity = rendered.properties.iter();
        let mut identity = identity.filter(|property| property.type_ == "olm.package");
        assert_eq!(identity.next().unwrap().value.as_deref(), Some(expected));
    }
    let unreleased = read(&[("csv.yaml", &csv("1.0.0"))], &[]).unwrap();
    check_problem(unreleased.properties(Profile::A), "carries no release");
    check_problem(unreleased.to_blob(Profile::A), "carries no release");
    unreleased.properties(Profile::B).unwrap();
    unreleased.to_blob(Profile::B).unwrap();
}

#[test]
fn yaml_scalars_become_text_where_annotations_want_text() {
    let annotations = "Annotations:\n  operators.operatorframework.io.bundle.package.v1: on\n  operators.operatorframework.io.bundle.channels.v1: 4.10\n";
    let bundle = Bundle::read(&files(&[("csv.yaml", CSV)], &[("any", annotations)]), PATH).unwrap();
    assert_eq!(
        (bundle.package(), bundle.channels()),
        ("true", &["4.1".to_owned()][..])
    );
    assert_eq!(bundle.default_channel(), None);
}

#[test]
fn what_is_missing_is_named_with_the_remedy() {
    let without = |manifests, metadata| {
        Bundle::read(
            &BundleFiles {
                manifests,
                metadata,
            },
            PATH,
        )
    };
    let some = || files(&[("csv.yaml", CSV)], &[("annotations.yaml", ANNOTATIONS)]);
    check_problem(without(None, some().metadata), "no folder `/manifests`");
    check_problem(without(some().manifests, None), "no folder `/metadata`");
    check_problem(
        read(&[], &[]),
        "no file in `/manifests` holds a Kubernetes object",
    );
    check_problem(
        read(&[("a.yaml", "kind: A")], &[]),
        "holds a `ClusterServiceVersion`",
    );
    check_problem(
        Bundle::read(
            &files(&[("csv.yaml", CSV)], &[("other.yaml", "a: 1")]),
            PATH,
        ),
        "package.v1",
    );
    check_problem(
        read(
            &[("a.yaml", "kind: ClusterServiceVersion\nspec: {}\n")],
            &[],
        ),
        "metadata.name",
    );
    check_problem(
        read(
            &[(
                "a.yaml",
                "kind: ClusterServiceVersion\nmetadata: {name: x}\n",
            )],
            &[],
        ),
        "`spec` of the CSV must be a mapping, but is missing",
    );
}

#[test]
fn the_undecodable_file_is_named_where_it_is_the_cause() {
    let owning = csv(
        "customresourcedefinitions:\n  owned:\n  - {name: foos.example.com, version: v1, kind: Foo}",
    );
    let broken = CRD.replace("versions: [", "versions: [[");
    let error = read(
        &[
            ("csv.yaml", &owning),
            ("crd.yaml", &broken),
            ("other.yaml", "{"),
        ],
        &[],
    )
    .unwrap_err();
    assert!(
        matches!(error.problem(), Problem::ApiMissing { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("`manifests/crd.yaml` line 7"),
        "{error}"
    );
    assert_eq!(
        error.suspects().len(),
        1,
        "the other undecodable file is no CRD"
    );

    let error = read(&[("csv.yaml", &CSV.replace("1.0.0}\n", "1.0.0\n"))], &[]).unwrap_err();
    assert!(matches!(error.problem(), Problem::NoObjects), "{error}");
    assert!(
        error.to_string().contains("`manifests/csv.yaml` line"),
        "{error}"
    );
}

#[test]
fn fields_of_the_wrong_type_are_refused() {
    for (spec, expected) in [
        (
            "replaces: [a]",
            "`spec.replaces` of the CSV must be text, but is a list",
        ),
        ("skips: a", "`spec.skips` of the CSV must be a list"),
        (
            "relatedImages: {}",
            "`spec.relatedImages` of the CSV must be a list",
        ),
        (
            "customresourcedefinitions: []",
            "must be a mapping, but is a list",
        ),
        (
            "customresourcedefinitions:\n  required: [{name: nodot, version: v1, kind: X}]",
            "`nodot`, which is not of the form",
        ),
        (
            "customresourcedefinitions:\n  owned: [{name: a.b, version: v1, kind: X}]",
            "owns `b/v1/X (a)`",
        ),
    ] {
        check_problem(read(&[("csv.yaml", &csv(spec))], &[]), expected);
    }
    let crd = |from: &str, to: &str| {
        read(
            &[("crd.yaml", &CRD.replace(from, to)), ("csv.yaml", CSV)],
            &[],
        )
    };
    check_problem(
        crd("group: example.com", "group: [x]"),
        "`spec.group` of the CRD `foos.example.com` must be text",
    );
    check_problem(
        crd("apiextensions.k8s.io/v1", "foreign.example.com/v1"),
        "`foreign.example.com/v1`",
    );
    assert!(
        crd("apiextensions.k8s.io/v1", "apiextensions.k8s.io/v2")
            .unwrap()
            .provided_apis()
            .is_empty()
    );
}

#[test]
fn an_index_refuses_annotated_properties_that_a_catalog_ignores() {
    let bundle = |value: &str| {
        let csv = format!(
            "kind: ClusterServiceVersion\nmetadata: {{name: a, annotations: {{olm.properties: '{value}'}}}}\nspec: {{version: 1.0.0}}\n"
        );
        read(&[("csv.yaml", &csv)], &[]).unwrap()
    };
    let plain = bundle("[]").to_blob(Profile::A).unwrap().properties.len();
    for (annotation, problem, rendered) in [
        ("[", "`olm.properties` cannot be used", Some(0)),
        (
            r#"{"type":"x"}"#,
            "`olm.properties` cannot be used",
            Some(0),
        ),
        (
            r#"[{"type":"olm.label","value":"x"}]"#,
            "`olm.label` must be a mapping",
            Some(1),
        ),
        (
            r#"[{"type":"olm.gvk","value":"x"}]"#,
            "`olm.gvk` must be a mapping",
            None,
        ),
    ] {
        let bundle = bundle(annotation);
        check_problem(bundle.properties(Profile::A), problem);
        match rendered {
            Some(more) => {
                let blob = bundle.to_blob(Profile::A).unwrap();
                let objects = blob.properties.iter();
                let others = objects.filter(|property| property.type_ != "olm.bundle.object");
                assert_eq!(others.count(), plain - 1 + more, "{annotation}");
            }
            None => check_problem(bundle.to_blob(Profile::A), problem),
        }
    }
}

#[test]
fn dependencies_on_packages_are_rendered_as_often_as_they_are_listed() {
    let dependencies = "dependencies:\n- type: olm.package\n  value: {packageName: p, version: '>1'}\n- type: olm.package\n  value: {packageName: p, version: '>1'}\n";
    let bundle = read(&[("csv.yaml", CSV)], &[("dependencies.yaml", dependencies)]).unwrap();
    let blob = bundle.to_blob(Profile::A).unwrap();
    let required = blob.properties.iter();
    let required = required.filter(|property| property.type_ == "olm.package.required");
    assert_eq!(required.count(), 2);
}
