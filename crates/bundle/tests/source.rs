//! Images found in the text of a bundle, and changes that leave everything else alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bundle::source::{Annotations, Csv, Found, PullSpec, SourceError};
use proptest::prelude::*;

const CSV: &str = "manifests/csv.yaml";

fn files(csv: &str) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([(CSV.to_owned(), csv.as_bytes().to_vec())])
}

fn csv(text: &str) -> Csv {
    Csv::find(&files(text)).unwrap()
}

/// A CSV with these annotations and these lines below its one container.
fn with(annotations: &str, container: &str) -> String {
    format!(
        "kind: ClusterServiceVersion\nmetadata:\n  name: demo.v1\n  annotations:\n    a: b\n{annotations}spec:\n  install:\n    spec:\n      deployments:\n      - spec:\n          template:\n            spec:\n              containers:\n              - name: manager\n{container}  version: 1.0.0\n"
    )
}

fn new(old: &str, new: &str) -> BTreeMap<PullSpec, PullSpec> {
    BTreeMap::from([(old.parse().unwrap(), new.parse().unwrap())])
}

/// What `registry.test/ns/app:1` becomes in a CSV, which says nothing else then; undoing it gives the former text.
fn replaced(text: &str) -> String {
    let mut csv = csv(text);
    csv.replace(&new(
        "registry.test/ns/app:1",
        "registry.test/ns/app@sha256:00",
    ))
    .unwrap();
    let after = csv.file().bytes().to_vec();
    assert_eq!(csv.file().log().undo(&after).unwrap(), text.as_bytes());
    String::from_utf8(after).unwrap()
}

#[test]
fn every_kind_of_place_is_found_with_line_and_path() {
    let text = with(
        "    containerImage: r.test/known\n    text: |\n      see\n      r.test/guess:1, r.test/guess:2\n",
        "                image: r.test/manager:1\n                env:\n                - name: RELATED_IMAGE_Web\n                  value: r.test/web:1\n",
    );
    let found = csv(&text).found().unwrap();
    let shown: Vec<String> = found
        .iter()
        .map(
            |Found {
                 name,
                 image,
                 origin,
                 line,
                 path,
                 ..
             }| { format!("{name} | {image} | {origin} | {line} | {path}") },
        )
        .collect();
    let pod = "spec.install.spec.deployments[0].spec.template.spec.containers[0]";
    assert_eq!(
        shown,
        [
            "known-latest-annotation | r.test/known | containerImage annotation | 6 | metadata.annotations.containerImage".to_owned(),
            format!("manager | r.test/manager:1 | container manager | 19 | {pod}.image"),
            format!("web | r.test/web:1 | RELATED_IMAGE_Web var | 22 | {pod}.env[0].value"),
            "guess-2-annotation | r.test/guess:2 | text annotation | 9 | metadata.annotations.text".to_owned(),
            "guess-1-annotation | r.test/guess:1 | text annotation | 9 | metadata.annotations.text".to_owned(),
        ]
    );
}

#[test]
fn what_only_the_text_of_an_annotation_names_is_a_guess() {
    let text = with(
        "    containerImage: r.test/known\n    text: 1.2/3:4, r.test/app:1\n",
        "                image: r.test/app:1\n",
    );
    let origins = csv(&text).origins().unwrap();
    let guessed: Vec<(String, &str)> = origins
        .iter()
        .filter_map(|(spec, origin)| Some((spec.to_string(), origin.guessed()?)))
        .collect();
    assert_eq!(guessed, [("1.2/3:4".to_owned(), "text")]);
    assert_eq!(origins.len(), 3);
}

#[test]
fn only_the_pull_specs_change_in_any_style() {
    let list = "  relatedImages:\n  - name: manager\n    image: registry.test/ns/app:1\n";
    for (before, after) in [
        (
            "image: registry.test/ns/app:1 # c",
            "image: registry.test/ns/app@sha256:00 # c",
        ),
        (
            "image: 'registry.test/ns/app:1'   # c",
            "image: 'registry.test/ns/app@sha256:00'   # c",
        ),
        (
            "\"image\": \"registry.test\\/ns/app:1\"",
            "\"image\": \"registry.test/ns/app@sha256:00\"",
        ),
        (
            "image: >-\n                  registry.test/ns/app:1",
            "image: >-\n                  registry.test/ns/app@sha256:00",
        ),
        (
            "image: &i !!str registry.test/ns/app:1\n                x: *i",
            "image: &i !!str registry.test/ns/app@sha256:00\n                x: *i",
        ),
        (
            "{image: registry.test/ns/app:1}",
            "{image: registry.test/ns/app@sha256:00}",
        ),
    ] {
        let line = before.starts_with('{');
        let of = |part: &str| {
            let container = if line {
                format!(
                    "                x: {part}\n                image: registry.test/ns/app:1\n"
                )
            } else {
                format!("                {part}\n")
            };
            with("", &container) + list
        };
        let expected =
            of(after).replace("registry.test/ns/app:1", "registry.test/ns/app@sha256:00");
        assert_eq!(replaced(&of(before)), expected);
    }
}

#[test]
fn windows_line_ends_and_byte_order_marks_stay() {
    let text = with("", "                image: registry.test/ns/app:1\n");
    let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let after = replaced(&text);
    let list = "  version: 1.0.0\r\n  relatedImages:\r\n  - name: manager\r\n    image: registry.test/ns/app@sha256:00\r\n";
    assert!(after.ends_with(list), "{after:?}");
    assert!(after.starts_with('\u{feff}'));
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
}

#[test]
fn related_images_come_last_wherever_that_is() {
    let image = "                image: registry.test/ns/app:1\n";
    let list = "  relatedImages:\n  - name: manager\n    image: registry.test/ns/app@sha256:00";
    for (tail, expected) in [
        ("", format!("\n{list}\n")),
        (
            "  x: |\n    text\n\n# end\n",
            format!("  x: |\n    text\n\n{list}\n# end\n"),
        ),
        (
            "  x: |+\n    text\n\n# end\n",
            format!("  x: |+\n    text\n\n{list}\n# end\n"),
        ),
        (
            "  x: # c\n  - a: 1 # d\n",
            format!("  x: # c\n  - a: 1 # d\n{list}\n"),
        ),
        ("  x:\n...\n", format!("  x:\n{list}\n...\n")),
        (
            "  relatedImages: [] # none\n  x: 1\n",
            format!("\n{list} # none\n  x: 1\n"),
        ),
        ("  x: 1", format!("  x: 1\n{list}")),
    ] {
        let after = replaced(&(with("", image) + tail));
        assert!(after.ends_with(&expected), "{tail:?}: {after}");
    }
    let flow = "{\"kind\": \"ClusterServiceVersion\", \"metadata\": {}, \"spec\": {\"install\": {\"spec\": {\"deployments\": [{\"spec\": {\"template\": {\"spec\": {\"containers\": [{\"name\": \"m\", \"image\": \"registry.test/ns/app:1\"}]}}}}]}}}}";
    let after = replaced(flow);
    assert!(after.ends_with(", \"relatedImages\": [{\"name\": \"m\", \"image\": \"registry.test/ns/app@sha256:00\"}]}}"), "{after}");
}

#[test]
fn annotations_of_the_csv_are_set_and_added() {
    let text = with(
        "    n: 1 # number\n",
        "                image: r.test/app:1\n",
    );
    let mut csv = csv(&text);
    let annotations = [("a", "x: y"), ("n", "2"), ("z.example/key", "new")];
    let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned()));
    csv.annotate(&annotations.into()).unwrap();
    let after = String::from_utf8(csv.file().bytes().to_vec()).unwrap();
    let expected =
        "  annotations:\n    a: \"x: y\"\n    n: \"2\" # number\n    z.example/key: new\nspec:\n";
    assert!(after.contains(expected), "{after}");
    assert_eq!(
        csv.file().log().undo(after.as_bytes()).unwrap(),
        text.as_bytes()
    );
}

#[test]
fn what_would_touch_more_than_is_meant_is_refused_with_its_place() {
    // The alias is a text in an annotation, where only parts that look like pull specs are replaced.
    let text = with(
        "    d: &d registry.test/ns/app:1\n",
        "                image: registry.test/ns/app:1\n                command: *d\n                *d : 1\n",
    );
    let mut csv = csv(&text);
    let error = csv
        .replace(&new(
            "registry.test/ns/app:1",
            "registry.test/ns/app@sha256:00",
        ))
        .unwrap_err();
    let SourceError::NotEditable { file, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(file, CSV);
    assert_eq!(csv.file().bytes(), text.as_bytes());
}

/// Why there is no CSV in this text.
fn refused(text: &str) -> String {
    Csv::find(&files(text)).unwrap_err().to_string()
}

#[test]
fn the_shape_is_checked_with_file_line_and_path() {
    for (container, expected) in [
        (
            "                image: 1\n",
            "line 15: `spec.install.spec.deployments[0].spec.template.spec.containers[0].image` must be a text, but is a number",
        ),
        (
            "                x: 1\n",
            "containers[0].image` must be there, but is missing",
        ),
        (
            "                image: a\n                env:\n",
            "containers[0].env` must be a list, but is null",
        ),
        (
            "                image: a\n                env: [{name: A, value: 1}]\n",
            "env[0].value` must be a text",
        ),
        (
            "                image: a\n                env: [{value: a}]\n",
            "containers[0].env[0].name` must be there, but is missing",
        ),
        (
            "                image: a\n              initContainers: [{name: i}]\n",
            "spec.template.spec.initContainers[0].image` must be there, but is missing",
        ),
    ] {
        let error = refused(&with("", container));
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_is_missing_or_of_another_kind_is_named_by_its_path() {
    for (line, csv, path, expected) in [
        (1, "spec: {install: {}}", "metadata", "there"),
        (2, "metadata: []", "metadata", "a mapping, but is a list"),
        (
            2,
            "metadata: {annotations: {containerImage: 1}}",
            "metadata.annotations.containerImage",
            "a text, but is a number",
        ),
        (1, "metadata: {}", "spec", "there"),
        (
            3,
            "metadata: {}\nspec: []",
            "spec",
            "a mapping, but is a list",
        ),
        (3, "metadata: {}\nspec: {}", "spec.install", "there"),
        (
            3,
            "metadata: {}\nspec: {install: 1}",
            "spec.install",
            "a mapping, but is a number",
        ),
        (
            3,
            "metadata: {}\nspec: {relatedImages: {}}",
            "spec.relatedImages",
            "a list, but is a mapping",
        ),
        (
            3,
            "metadata: {}\nspec: {relatedImages: [{image: a}]}",
            "spec.relatedImages[0].name",
            "there",
        ),
        (
            3,
            "metadata: {}\nspec: {relatedImages: [{name: a}]}",
            "spec.relatedImages[0].image",
            "there",
        ),
        (
            3,
            "metadata: {}\nspec: {install: {spec: {}}}",
            "spec.install.spec.deployments",
            "there",
        ),
        (
            3,
            "metadata: {}\nspec: {install: {spec: {deployments: {}}}}",
            "spec.install.spec.deployments",
            "a list, but is a mapping",
        ),
        (
            3,
            "metadata: {}\nspec: {install: {spec: {deployments: [{}]}}}",
            "spec.install.spec.deployments[0].spec",
            "there",
        ),
        (
            3,
            "metadata: {}\nspec: {install: {spec: {deployments: [{spec: {}}]}}}",
            "spec.install.spec.deployments[0].spec.template",
            "there",
        ),
        (
            3,
            "metadata: {}\nspec: {install: {spec: {deployments: [{spec: {template: {spec: {}}}}]}}}",
            "spec.install.spec.deployments[0].spec.template.spec.containers",
            "there",
        ),
        (
            3,
            "metadata: {}\nspec: {install: {spec: {deployments: [{spec: {template: {spec: {containers: [{image: a}]}}}}]}}}",
            "spec.install.spec.deployments[0].spec.template.spec.containers[0].name",
            "there",
        ),
    ] {
        let error = refused(&format!("kind: ClusterServiceVersion\n{csv}\n"));
        let expected = format!("`{CSV}`, line {line}: `{path}` must be {expected}");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn variables_that_name_images_have_values() {
    for (variable, expected) in [
        (
            "{name: RELATED_IMAGE_A, valueFrom: {}}",
            "`RELATED_IMAGE_A` names an image with `valueFrom`",
        ),
        ("{name: RELATED_IMAGE_A}", "has no `value`"),
    ] {
        let container = format!("                image: a\n                env: [{variable}]\n");
        let error = csv(&with("", &container)).found().unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains("line 16"),
            "{error}"
        );
    }
}

#[test]
fn annotations_name_a_package_or_say_what_is_wrong() {
    let read = |text: &str| {
        let files = [(
            "metadata/annotations.yaml".to_owned(),
            text.as_bytes().to_vec(),
        )];
        Annotations::read(&files.into())
    };
    let key = "operators.operatorframework.io.bundle.package.v1";
    let mut annotations = read(&format!("# c\nannotations:\n  {key}: 'demo' # d\n")).unwrap();
    annotations.set_package("demo-x").unwrap();
    let expected = format!("# c\nannotations:\n  {key}: 'demo-x' # d\n");
    assert_eq!(annotations.file().bytes(), expected.as_bytes());
    for (text, reason) in [
        ("- a\n", "must be a mapping, but is a list"),
        ("annotations: []\n", "must be a mapping, but is a list"),
        ("annotations: {}\n", "has no annotation"),
        ("annotations: {a: 1, a: 2}\n", "not one YAML document"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    for (package, reason) in [
        ("7", "must be a text, but is a number"),
        ("''", "has no annotation"),
        ("", "has no annotation"),
    ] {
        let error = read(&format!("annotations:\n  {key}: {package}\n")).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(reason) && error.contains(key), "{error}");
    }
    assert_eq!(
        Annotations::read(&BTreeMap::new()).unwrap_err(),
        SourceError::AnnotationsMissing
    );
}

#[test]
fn hostile_manifests_are_refused_in_little_time() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        let list = [alias.as_str(); 9].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{list}]").unwrap();
    }
    for text in [
        laughs,
        "[".repeat(1_000_000),
        "- ".repeat(1_000_000),
        "{a: ".repeat(100_000),
    ] {
        let error = Csv::find(&files(&text)).unwrap_err();
        assert!(matches!(error, SourceError::Yaml { .. }), "{error}");
    }
    // Many images in one value cost no more than its size.
    let many = "registry.test/ns/app:1 ".repeat(20_000);
    let text = with(
        &format!("    many: \"{many}\"\n"),
        "                image: registry.test/ns/app:1\n",
    );
    assert_eq!(csv(&text).found().unwrap().len(), 20_001);
}

/// A value that names the image, in some style, at some indentation.
fn styled() -> impl Strategy<Value = (String, bool)> {
    let words = "[ a-z,;(){}\\[\\]\u{e9}\u{1f600}]{0,20}";
    let spec = "registry.test/ns/app:1";
    prop_oneof![
        Just((format!("{spec} # comment"), true)),
        (words, words).prop_map(move |(a, b)| (format!("'{a} {spec} {b}'  # it's"), true)),
        (words, words).prop_map(move |(a, b)| (format!("\"{a}\\t{spec}\\n {b}\t\\\"\""), true)),
        Just(("\"\\u0072egistry.test\\/ns\\/app:1\"".to_owned(), true)),
        (words, words).prop_map(move |(a, b)| {
            (
                format!("|\n      x{a}\n        {spec}\n\n      \tx{b}"),
                true,
            )
        }),
        words.prop_map(move |a| (
            format!(">-  # folded\n      x{a}\n      {spec}\n      z"),
            true
        )),
        words.prop_map(move |a| {
            let json = format!("[{{\"image\":\"{spec}\",\"note\":\"{a}\"}}]");
            (format!("'{json}'"), true)
        }),
        words.prop_map(|a| (format!("'{a}'"), false)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn generated_documents_change_in_the_named_places_alone(
        values in proptest::collection::vec(styled(), 1..6),
        is_windows in any::<bool>(),
        has_mark in any::<bool>(),
    ) {
        let mut annotations = String::new();
        for (position, (value, _)) in values.iter().enumerate() {
            writeln!(annotations, "    # note {position}\n    k{position}: {value}").unwrap();
        }
        let container = "                image: other.test/ns/manager:1\n";
        let list = "  relatedImages: [{name: x, image: other.test/ns/manager:1}]\n";
        let mut text = with(&annotations, container) + list;
        if is_windows {
            text = text.replace('\n', "\r\n");
        }
        if has_mark {
            text.insert(0, '\u{feff}');
        }
        let mut csv = csv(&text);
        let count = csv.found().unwrap().iter().filter(|found| found.image == "registry.test/ns/app:1").count();
        prop_assert_eq!(count, values.iter().filter(|(_, names)| *names).count());
        csv.replace(&new("registry.test/ns/app:1", "registry.test/ns/app@sha256:00")).unwrap();
        let after = csv.file().bytes().to_vec();
        prop_assert_eq!(csv.file().log().undo(&after).unwrap(), text.as_bytes());
        let expected = text
            .replace("registry.test/ns/app:1", "registry.test/ns/app@sha256:00")
            .replace("\\u0072egistry.test\\/ns\\/app:1", "registry.test/ns/app@sha256:00");
        prop_assert_eq!(String::from_utf8(after).unwrap(), expected);
    }
}
