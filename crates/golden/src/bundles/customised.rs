//! What came of customisations.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};
use bundle::source::{
    Csv, Customisation, Customised, Customiser, Organizations, Plan, PullSpec, Purpose, Question,
    SourceError,
};
use serde_json::{Value, json};

use super::judge::{agree, expected, only_csv, same, specs, texts};
use super::{Input, canonical, stub};

/// What ours did, and what it asked for.
struct Run {
    done: Customised,
    resolved: BTreeSet<PullSpec>,
    labels_read: BTreeSet<PullSpec>,
}

/// A bundle that cannot be read, whatever is to be done with it.
pub(super) fn judge_unreadable(input: &Input, recorded: &Value) -> anyhow::Result<()> {
    let read = input.both();
    match agree(read, expected(recorded))? {
        None => Ok(()),
        Some(_) => bail!("the recording has no error"),
    }
}

/// One scenario. `damaged` bundles lost text when the reference wrote them: what was written is not compared.
pub(super) fn judge(
    input: &Input,
    settings: &Value,
    recorded: &Value,
    damaged: bool,
) -> anyhow::Result<()> {
    let expected = expected(recorded);
    let customisations = match customisations(settings) {
        Ok(customisations) => customisations,
        // Ours refuses such configurations when it starts (workflow specification, 6.5 and 10 number 30).
        Err(error) => {
            let refused = expected.get("error").is_some() || names_unknown_type(settings);
            ensure!(refused, "the configuration is refused: {error}");
            return Ok(());
        }
    };
    let run = run(input, settings, customisations);
    if run.is_ok() && wants_dotted_label(settings) {
        // Ours knows labels with dots in their names (6.5).
        return Ok(());
    }
    let Some(run) = agree(run, expected)? else {
        return Ok(());
    };
    let Customised {
        csv,
        annotations,
        labels,
        related_bundles,
    } = &run.done;
    same("labels", &expected["labels"], &texts(labels)?)?;
    same(
        "package",
        &expected["package"],
        &json!(annotations.package()),
    )?;
    let bundles = |bundles: &BTreeSet<PullSpec>| -> Value {
        bundles.iter().map(ToString::to_string).collect()
    };
    let related = related_bundles.as_ref().map_or(Value::Null, bundles);
    let field = if is_recursive(settings) {
        "children"
    } else {
        "related_bundles"
    };
    same(field, &expected[field], &related)?;
    for (field, asked) in [
        ("resolved", &run.resolved),
        ("labels_read", &run.labels_read),
    ] {
        if expected.get(field).is_some() {
            same(field, &expected[field], &bundles(asked))?;
        }
    }
    let digest = stub::hex_of(&canonical(annotations.file().document()));
    same("annotations", &expected["annotations"], &json!(digest))?;
    let recorded = only_csv(expected)?;
    if !recorded["pullspecs_after"].is_null() {
        same(
            "pullspecs_after",
            &recorded["pullspecs_after"],
            &specs(csv)?,
        )?;
    }
    let rewritten = recorded["rewritten"] != json!(false);
    if !(damaged && rewritten) {
        let digest = stub::hex_of(&canonical(csv.file().document()));
        same("sha256", &recorded["sha256"], &json!(digest))?;
    }
    for (file, rewritten) in [
        (csv.file(), rewritten),
        (
            annotations.file(),
            expected["annotations_rewritten"] != json!(false),
        ),
    ] {
        let before = input.files.get(file.path()).context("a file of its own")?;
        let changed = file.bytes() != before.as_slice();
        ensure!(
            rewritten || !changed,
            "`{}` is changed, but was not",
            file.path()
        );
        ensure!(
            file.log().undo(file.bytes())? == *before,
            "undoing the changes of `{}` does not give the former bytes",
            file.path()
        );
    }
    Ok(())
}

fn is_recursive(settings: &Value) -> bool {
    settings["recursive"] == json!(true)
}

fn customisations(settings: &Value) -> anyhow::Result<Vec<Customisation>> {
    let organization = settings["organization"].as_str();
    let mut organizations = Organizations::default();
    if let (Some(organization), Some(list)) = (organization, settings.get("customizations")) {
        let all = json!({ organization: list });
        organizations = serde_json::from_value(all)?;
    }
    Ok(organizations.customisations(organization))
}

/// Whether a step is of a type that is not one of those the specification knows.
fn names_unknown_type(settings: &Value) -> bool {
    const KNOWN: [&str; 8] = [
        "resolve_image_pullspecs",
        "related_bundles",
        "package_name_suffix",
        "registry_replacements",
        "perform_bundle_replacements",
        "image_name_from_labels",
        "csv_annotations",
        "enclose_repo",
    ];
    let steps = settings["customizations"].as_array().into_iter().flatten();
    let mut types = steps.map(|step| step["type"].as_str().unwrap_or_default());
    types.any(|name| !KNOWN.contains(&name))
}

fn wants_dotted_label(settings: &Value) -> bool {
    let steps = settings["customizations"].as_array().into_iter().flatten();
    let mut templates = steps.filter_map(|step| step["template"].as_str());
    templates.any(|template| {
        let placeholders = template.split('{').skip(1);
        placeholders
            .filter_map(|rest| rest.split_once('}'))
            .any(|(name, _)| name.contains('.'))
    })
}

fn run(
    input: &Input,
    settings: &Value,
    customisations: Vec<Customisation>,
) -> Result<Run, SourceError> {
    let (csv, annotations) = input.both()?;
    let replacements = match &settings["replacements"] {
        Value::String(_) => every(&csv)?,
        Value::Object(map) => map
            .iter()
            .filter_map(|(old, new)| Some((old.parse().ok()?, new.as_str()?.parse().ok()?)))
            .collect(),
        _ => BTreeMap::new(),
    };
    let plan = Plan {
        customisations,
        is_pinned: settings["pinned"] == json!(true),
        replacements,
        purpose: if is_recursive(settings) {
            Purpose::Relate
        } else {
            Purpose::Regenerate
        },
    };
    let mut customiser = Customiser::new(csv, annotations, plan);
    let (mut resolved, mut labels_read) = (BTreeSet::new(), BTreeSet::new());
    while let Some(question) = customiser.question()? {
        match question {
            Question::Digests(images) => {
                resolved.extend(images.iter().cloned());
                let answer = |image: PullSpec| (image.clone(), stub::digest(&image));
                customiser.digests(images.into_iter().map(answer).collect());
            }
            Question::Labels(images) => {
                labels_read.extend(images.iter().cloned());
                let answer = |image: PullSpec| (image.clone(), stub::labels(&image));
                customiser.labels(images.into_iter().map(answer).collect());
            }
        }
    }
    Ok(Run {
        done: customiser.finish(),
        resolved,
        labels_read,
    })
}

/// Every image of the untouched bundle, rebuilt; by its pull spec and by that with its digest.
fn every(csv: &Csv) -> Result<BTreeMap<PullSpec, PullSpec>, SourceError> {
    let mut all = BTreeMap::new();
    for spec in csv.pull_specs()? {
        let pinned = spec.with_digest(&stub::digest(&spec));
        let mut old = vec![spec.clone()];
        if !spec.has_digest() {
            old.push(pinned);
        }
        for old in old {
            if let Ok(new) = stub::rebuilt(&old).parse() {
                all.insert(old, new);
            }
        }
    }
    Ok(all)
}
