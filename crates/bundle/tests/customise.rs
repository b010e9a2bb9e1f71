//! What each customisation does to a bundle, alone and after others, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::collections::{BTreeMap, BTreeSet};

use bundle::source::{
    Annotations, Csv, Customised, Customiser, Organizations, Plan, PullSpec, Purpose, Question,
    SourceError,
};

const CSV: &str = "manifests/csv.yaml";
const ANNOTATIONS: &str = "metadata/annotations.yaml";
const PINNED: &str = "com.redhat.iib.pinned";
const PACKAGE: &str = "operators.operatorframework.io.bundle.package.v1";
const BUNDLE: &str = "com.redhat.delivery.operator.bundle";

/// A bundle `demo` whose containers have these images.
fn files(images: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let mut csv = "kind: ClusterServiceVersion # ours\nmetadata:\n  name: demo.v1\n  annotations:\n    a: b\nspec:\n  version: 1.0.0\n  install:\n    spec:\n      deployments:\n      - spec:\n          template:\n            spec:\n              containers:\n".to_owned();
    for (number, image) in images.iter().enumerate() {
        let container =
            format!("              - name: c{number}\n                image: {image}\n");
        csv.push_str(&container);
    }
    let annotations = format!("annotations: # ours\n  {PACKAGE}: demo\n");
    BTreeMap::from([
        (CSV.to_owned(), csv.into_bytes()),
        (ANNOTATIONS.to_owned(), annotations.into_bytes()),
    ])
}

/// One run: the steps as an organisation configures them, and what registries say.
#[derive(Default)]
struct Case<'a> {
    steps: &'a str,
    images: &'a [&'a str],
    is_pinned: bool,
    replacements: &'a [(&'a str, &'a str)],
    purpose: Purpose,
    /// The labels of images: image, label, value.
    labels: &'a [(&'a str, &'a str, &'a str)],
}

/// What came of a run.
struct Outcome {
    customised: Customised,
    /// What was asked, in order, as `digests` or `labels` of which images.
    asked: Vec<String>,
}

impl Case<'_> {
    fn run(&self) -> Result<Outcome, SourceError> {
        let files = files(self.images);
        let organizations: Organizations =
            serde_json::from_str(&format!("{{\"org\": {}}}", self.steps)).unwrap();
        let replacements = self
            .replacements
            .iter()
            .map(|(old, new)| (old.parse().unwrap(), new.parse().unwrap()));
        let plan = Plan {
            customisations: organizations.customisations(Some("org")),
            is_pinned: self.is_pinned,
            replacements: replacements.collect(),
            purpose: self.purpose,
        };
        let (csv, annotations) = (
            Csv::find(&files).unwrap(),
            Annotations::read(&files).unwrap(),
        );
        let mut customiser = Customiser::new(csv, annotations, plan);
        let mut asked = Vec::new();
        while let Some(question) = customiser.question()? {
            match question {
                Question::Digests(images) => {
                    asked.push(format!("digests of {}", shown(&images)));
                    let digests = images.into_iter().map(|image| {
                        let digest = format!("sha256:{:064}", image.to_string().len());
                        (image, digest)
                    });
                    customiser.digests(digests.collect());
                }
                Question::Labels(images) => {
                    asked.push(format!("labels of {}", shown(&images)));
                    let labels = images.into_iter().map(|image| {
                        let name = image.to_string();
                        let own = self.labels.iter().filter(|(of, ..)| *of == name);
                        let own =
                            own.map(|(_, label, value)| ((*label).to_owned(), (*value).to_owned()));
                        (image, own.collect())
                    });
                    customiser.labels(labels.collect());
                }
            }
        }
        Ok(Outcome {
            customised: customiser.finish(),
            asked,
        })
    }

    #[track_caller]
    fn outcome(&self) -> Outcome {
        self.run()
            .unwrap_or_else(|error| panic!("{}: {error}", self.steps))
    }

    /// The images of the containers afterwards.
    #[track_caller]
    fn gives(&self, images: &[&str]) -> Outcome {
        let outcome = self.outcome();
        assert_eq!(containers(&outcome.customised), images, "{}", self.steps);
        outcome
    }
}

fn shown(images: &BTreeSet<PullSpec>) -> String {
    let images: Vec<String> = images.iter().map(ToString::to_string).collect();
    images.join(" ")
}

fn csv_text(customised: &Customised) -> &str {
    std::str::from_utf8(customised.csv.file().bytes()).unwrap()
}

fn containers(customised: &Customised) -> Vec<&str> {
    let lines = csv_text(customised).lines();
    let images = lines.filter_map(|line| line.strip_prefix("                image: "));
    images.collect()
}

fn digest(image: &str) -> String {
    format!("sha256:{:064}", image.len())
}

#[test]
fn pull_specs_are_resolved_unless_the_bundle_is_pinned() {
    const STEPS: &str = r#"[{"type": "resolve_image_pullspecs"}]"#;
    let resolved = format!("r.test/ns/app@{}", digest("r.test/ns/app:1"));
    let other = format!("r.test/ns/other@sha256:{:064}", 7);
    let case = Case {
        steps: STEPS,
        images: &["r.test/ns/app:1", &other],
        ..Case::default()
    };
    let outcome = case.gives(&[&resolved, &other]);
    assert_eq!(
        outcome.asked,
        [format!("digests of r.test/ns/app:1 {other}")],
        "those with a digest must exist too"
    );
    assert_eq!(outcome.customised.labels[PINNED], "true");
    let text = csv_text(&outcome.customised);
    assert!(
        text.contains("relatedImages") && text.contains("# ours"),
        "{text}"
    );

    // Nothing to resolve: no label, no change.
    let case = Case {
        steps: STEPS,
        images: &[&other],
        ..Case::default()
    };
    let outcome = case.gives(&[&other]);
    assert!(outcome.customised.labels.is_empty());
    assert_eq!(outcome.customised.changed().count(), 0);

    let case = Case {
        steps: STEPS,
        images: &["r.test/ns/app:1"],
        is_pinned: true,
        ..Case::default()
    };
    assert!(case.gives(&["r.test/ns/app:1"]).asked.is_empty());
}

#[test]
fn bundles_among_the_images_are_related() {
    let images = ["r.test/ns/app:1", "r.test/ns/b:1", "r.test/ns/c:1"];
    let labels = [
        ("r.test/ns/b:1", BUNDLE, "true"),
        ("r.test/ns/c:1", BUNDLE, "false"),
    ];
    let case = Case {
        steps: r#"[{"type": "related_bundles"}]"#,
        images: &images,
        labels: &labels,
        ..Case::default()
    };
    let outcome = case.gives(&images);
    let related = outcome.customised.related_bundles.unwrap();
    assert_eq!(shown(&related), "r.test/ns/b:1");

    // To relate, the steps before are done and those after are not.
    let case = Case {
        steps: r#"[{"type": "registry_replacements", "replacements": {"r.test": "new.test"}},
                   {"type": "related_bundles"},
                   {"type": "package_name_suffix", "suffix": "-x"}]"#,
        images: &images,
        labels: &[("new.test/ns/b:1", BUNDLE, "true")],
        purpose: Purpose::Relate,
        ..Case::default()
    };
    let outcome = case.outcome();
    let related = outcome.customised.related_bundles.as_ref().unwrap();
    assert_eq!(shown(related), "new.test/ns/b:1");
    assert_eq!(outcome.customised.annotations.package(), "demo");
    // Without such a step they are looked for all the same, at the end.
    let case = Case {
        steps: r#"[{"type": "package_name_suffix", "suffix": "-x"}]"#,
        images: &images,
        labels: &labels,
        purpose: Purpose::Relate,
        ..Case::default()
    };
    let related = case.outcome().customised.related_bundles.unwrap();
    assert_eq!(shown(&related), "r.test/ns/b:1");
}

#[test]
fn a_package_gets_its_suffix_once() {
    for (steps, package, label) in [
        (
            r#"[{"type": "package_name_suffix", "suffix": "-x"}]"#,
            "demo-x",
            Some("demo-x"),
        ),
        (
            r#"[{"type": "package_name_suffix", "suffix": "-x"}, {"type": "package_name_suffix", "suffix": "-x"}]"#,
            "demo-x",
            Some("demo-x"),
        ),
        (
            r#"[{"type": "package_name_suffix", "suffix": "-x"}, {"type": "package_name_suffix", "suffix": "-y"}]"#,
            "demo-x-y",
            Some("demo-x-y"),
        ),
        (
            r#"[{"type": "package_name_suffix", "suffix": "mo"}]"#,
            "demo",
            None,
        ),
        (r#"[{"type": "package_name_suffix"}]"#, "demo", None),
    ] {
        let case = Case {
            steps,
            images: &["r.test/a:1"],
            ..Case::default()
        };
        let customised = case.gives(&["r.test/a:1"]).customised;
        assert_eq!(customised.annotations.package(), package, "{steps}");
        assert_eq!(customised.labels.get(PACKAGE).map(String::as_str), label);
        let text = std::str::from_utf8(customised.annotations.file().bytes()).unwrap();
        assert_eq!(
            text,
            format!("annotations: # ours\n  {PACKAGE}: {package}\n")
        );
    }
}

#[test]
fn registries_namespaces_and_names_are_replaced() {
    for (steps, before, after) in [
        (
            r#"[{"type": "registry_replacements", "replacements": {"r.test": "new.test/mirror"}}]"#,
            ["r.test/ns/app:1", "other.test/ns/app:1"],
            ["new.test/mirror/ns/app:1", "other.test/ns/app:1"],
        ),
        (
            // A registry is compared as a whole, with its port.
            r#"[{"type": "registry_replacements", "replacements": {"r.test": "new.test"}}]"#,
            ["r.test:5000/ns/app:1", "r.test/app:1"],
            ["r.test:5000/ns/app:1", "new.test/app:1"],
        ),
        (
            r#"[{"type": "enclose_repo", "namespace": "all", "enclosure_glue": "--"}]"#,
            ["r.test/ns/app:1", "r.test/ns/deep/app:1"],
            ["r.test/all/ns--app:1", "r.test/all/ns--deep--app:1"],
        ),
        (
            // What is there already is not enclosed again.
            r#"[{"type": "enclose_repo", "namespace": "all", "enclosure_glue": "--"}]"#,
            ["r.test/all/app:1", "r.test/app:1"],
            ["r.test/all/app:1", "r.test/all/app:1"],
        ),
        (
            r#"[{"type": "enclose_repo", "namespace": "all"}]"#,
            ["r.test/ns/a:1", "r.test/ns/b:1"],
            ["r.test/ns/a:1", "r.test/ns/b:1"],
        ),
        (
            // In their order: what a step leaves is what the next one finds.
            r#"[{"type": "enclose_repo", "namespace": "all", "enclosure_glue": "-"},
                {"type": "registry_replacements", "replacements": {"r.test": "new.test"}},
                {"type": "registry_replacements", "replacements": {"new.test": "last.test"}}]"#,
            ["r.test/ns/a:1", "new.test/ns/b:1"],
            ["last.test/all/ns-a:1", "last.test/all/ns-b:1"],
        ),
    ] {
        let images = &before[..];
        let case = Case {
            steps,
            images,
            ..Case::default()
        };
        let outcome = case.gives(&after);
        assert!(outcome.asked.is_empty(), "{steps}");
    }
}

#[test]
fn bundles_are_replaced_where_the_organisation_lets_them() {
    let labels = [("r.test/ns/b:1", BUNDLE, "true")];
    let replacements = [
        ("r.test/ns/b:1", "r.test/ns/b:2"),
        ("r.test/ns/app:1", "r.test/ns/app:2"),
    ];
    let case = |steps: &'static str| Case {
        steps,
        images: &["r.test/ns/app:1", "r.test/ns/b:1"],
        labels: &labels,
        replacements: &replacements,
        ..Case::default()
    };
    // Only bundles are.
    let outcome = case(r#"[{"type": "perform_bundle_replacements"}]"#)
        .gives(&["r.test/ns/app:1", "r.test/ns/b:2"]);
    assert_eq!(outcome.asked, ["labels of r.test/ns/app:1 r.test/ns/b:1"]);
    case(r#"[{"type": "package_name_suffix", "suffix": "-x"}]"#)
        .gives(&["r.test/ns/app:1", "r.test/ns/b:1"]);
    let none = Case {
        replacements: &[],
        ..case(r#"[{"type": "perform_bundle_replacements"}]"#)
    };
    assert!(
        none.gives(&["r.test/ns/app:1", "r.test/ns/b:1"])
            .asked
            .is_empty()
    );
}

#[test]
fn images_are_named_after_their_labels() {
    let labels = [
        ("r.test/ns/app:1", "name", "made/thing"),
        ("r.test/ns/app:1", "com.example.part", "core"),
        ("new.test/ns/app:1", "name", "later"),
    ];
    for (steps, after) in [
        (
            r#"[{"type": "image_name_from_labels", "template": "{name}-{com.example.part}"}]"#,
            "r.test/made/thing-core:1",
        ),
        (
            r#"[{"type": "image_name_from_labels", "template": "plain"}]"#,
            "r.test/plain:1",
        ),
        (
            // Labels are those of the image where it is then.
            r#"[{"type": "registry_replacements", "replacements": {"r.test": "new.test"}},
                {"type": "image_name_from_labels", "template": "ns2/{name}"}]"#,
            "new.test/ns2/later:1",
        ),
        (r#"[{"type": "image_name_from_labels"}]"#, "r.test/ns/app:1"),
    ] {
        let case = Case {
            steps,
            images: &["r.test/ns/app:1"],
            labels: &labels,
            ..Case::default()
        };
        case.gives(&[after]);
    }
    for (template, parts) in [
        (
            "{version}",
            ["r.test/ns/app:1", "`version`", "com.example.part"],
        ),
        ("ns/{empty}", ["r.test/ns/app:1", "name", ""]),
    ] {
        let steps = format!(r#"[{{"type": "image_name_from_labels", "template": "{template}"}}]"#);
        let mut labels = labels.to_vec();
        labels.push(("r.test/ns/app:1", "empty", ""));
        let case = Case {
            steps: &steps,
            images: &["r.test/ns/app:1"],
            labels: &labels,
            ..Case::default()
        };
        let error = case.run().err().unwrap().to_string();
        for part in parts {
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
    }
}

#[test]
fn annotations_of_the_csv_know_the_package_as_it_is_then() {
    let suffix = r#"{"type": "package_name_suffix", "suffix": "-x"}"#;
    let annotate =
        r#"{"type": "csv_annotations", "annotations": {"a": "of {package_name}", "new": "1"}}"#;
    for (steps, package) in [
        (format!("[{suffix}, {annotate}]"), "demo-x"),
        (format!("[{annotate}, {suffix}]"), "demo"),
    ] {
        let case = Case {
            steps: &steps,
            images: &["r.test/a:1"],
            ..Case::default()
        };
        let customised = case.gives(&["r.test/a:1"]).customised;
        let text = csv_text(&customised);
        assert!(
            text.contains(&format!("    a: \"of {package}\"\n")),
            "{text}"
        );
        assert!(text.contains("    new: \"1\"\n"), "{text}");
        assert!(!text.contains("    a: b\n"), "{text}");
    }
}

#[test]
fn an_image_that_nobody_answers_for_is_an_error_that_names_it() {
    let files = files(&["r.test/ns/app:1"]);
    let plan = Plan {
        customisations: Organizations::default().customisations(None),
        ..Plan::default()
    };
    let csv = Csv::find(&files).unwrap();
    let mut customiser = Customiser::new(csv, Annotations::read(&files).unwrap(), plan);
    assert!(matches!(
        customiser.question().unwrap(),
        Some(Question::Digests(_))
    ));
    customiser.digests(BTreeMap::new());
    let error = customiser.question().unwrap_err();
    assert!(error.to_string().contains("r.test/ns/app:1"), "{error}");
}
