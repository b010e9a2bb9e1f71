//! What the library alone found, replaced and listed.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use bundle::source::{Csv, PullSpec, SourceError};
use catalog::placed::Node;
use serde_json::{Value, json};

use super::{Input, canonical, stub};

/// Compares what ours makes of a bundle with a recorded result.
pub(super) type Judge = fn(&Input, &Value) -> anyhow::Result<()>;

/// What is expected of ours: what the later version of the library did, where it differs.
pub(super) fn expected(recorded: &Value) -> &Value {
    recorded.get("later").unwrap_or(recorded)
}

/// For kinds whose results are all of a scenario.
pub(super) fn nothing(_: &Input, _: &Value) -> anyhow::Result<()> {
    bail!("the line has no scenario")
}

pub(super) fn discovery(input: &Input, recorded: &Value) -> anyhow::Result<()> {
    let expected = expected(recorded);
    let found = input.csv().and_then(|csv| Ok((csv.found()?, csv)));
    let Some((found, csv)) = agree(found, expected)? else {
        return Ok(());
    };
    let recorded = only_csv(expected)?;
    let named: Vec<Value> = found
        .iter()
        .map(|found| json!([found.name, found.image, found.origin.to_string()]))
        .collect();
    same("named", &recorded["named"], &Value::Array(named))?;
    same("pullspecs", &recorded["pullspecs"], &specs(&csv)?)?;
    same("path", &recorded["path"], &json!(csv.file().path()))?;
    for found in &found {
        let line = csv
            .file()
            .bytes()
            .split(|byte| *byte == b'\n')
            .nth(found.line - 1);
        ensure!(
            line.is_some(),
            "the line {} of {} is not in the file",
            found.line,
            found.path
        );
    }
    Ok(())
}

pub(super) fn replacement(input: &Input, recorded: &Value) -> anyhow::Result<()> {
    let expected = expected(recorded);
    let replaced = input.csv().and_then(|mut csv| {
        let specs = csv.pull_specs()?;
        let with_digest = |spec: PullSpec| (spec.clone(), spec.with_digest(&stub::digest(&spec)));
        let before = csv.file().bytes().to_vec();
        csv.replace(&specs.into_iter().map(with_digest).collect())?;
        Ok((csv, before))
    });
    let Some((csv, before)) = agree(replaced, expected)? else {
        return Ok(());
    };
    let undone = csv.file().log().undo(csv.file().bytes())?;
    ensure!(
        undone == before,
        "undoing the changes does not give the former bytes"
    );
    let recorded = only_csv(expected)?;
    let digest = stub::hex_of(&canonical(csv.file().document()));
    let listed = listed(csv.file().document());
    same("related_images", &recorded["related_images"], &listed)?;
    same("sha256", &recorded["sha256"], &json!(digest))
}

pub(super) fn related_images(input: &Input, recorded: &Value) -> anyhow::Result<()> {
    let expected = expected(recorded);
    let listed = input.csv().and_then(|csv| csv.related_images());
    // The error of a single CSV is noted with it.
    let error = expected["csvs"][0]
        .get("error")
        .map(|_| &expected["csvs"][0]);
    let Some(listed) = agree(listed, error.unwrap_or(expected))? else {
        return Ok(());
    };
    let listed: Vec<Value> = listed
        .iter()
        .map(|(name, image)| json!([name, image]))
        .collect();
    let recorded = only_csv(expected)?;
    same(
        "related_images",
        &recorded["related_images"],
        &Value::Array(listed),
    )
}

/// What ours gave, if the reference gave something, too; nothing if both refused for the same reason.
pub(super) fn agree<T>(
    ours: Result<T, SourceError>,
    expected: &Value,
) -> anyhow::Result<Option<T>> {
    let error = expected.get("error");
    match (ours, error) {
        (Ok(ours), None) => Ok(Some(ours)),
        (Ok(_), Some(error)) => bail!("not refused, as it should be: {error}"),
        (Err(error), None) => bail!("refused: {}", crate::with_causes(&error)),
        (Err(ours), Some(error)) => {
            let class = error["class"].as_str().unwrap_or_default();
            let fits = class == "unexpected" || class == class_of(&ours);
            ensure!(
                fits,
                "refused, but not as {error}: {}",
                crate::with_causes(&ours)
            );
            if let SourceError::Conflicts { conflicts } = &ours {
                let conflicts: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
                same("conflicts", &error["conflicts"], &json!(conflicts))?;
            }
            Ok(None)
        }
    }
}

/// The class of errors that the recordings have for one of ours.
fn class_of(error: &SourceError) -> &'static str {
    match error {
        SourceError::Yaml { file, .. } if file.starts_with("metadata/") => {
            "annotations-invalid-yaml"
        }
        SourceError::Yaml { .. } => "invalid-yaml",
        SourceError::NoCsv => "no-csv",
        SourceError::SeveralCsvs { .. } => "several-csv",
        SourceError::Shape { .. } => "shape",
        SourceError::ValueFrom { .. } => "value-from",
        SourceError::Conflicts { .. } => "conflict",
        SourceError::AnnotationsMissing => "annotations-missing",
        SourceError::AnnotationsShape { .. } => "annotations-not-mapping",
        SourceError::PackageMissing => "package-missing",
        SourceError::PackageShape { .. } => "package-not-string",
        SourceError::LabelMissing { .. } => "label-missing",
        _ => "of ours alone",
    }
}

pub(super) fn only_csv(expected: &Value) -> anyhow::Result<&Value> {
    match expected["csvs"].as_array().map(Vec::as_slice) {
        Some([csv]) => Ok(csv),
        _ => bail!("the recording has not exactly one CSV: {expected}"),
    }
}

pub(super) fn specs(csv: &Csv) -> anyhow::Result<Value> {
    let specs = csv.pull_specs()?;
    let texts: Vec<String> = specs.iter().map(ToString::to_string).collect();
    Ok(json!(texts))
}

/// Name and image of the related images, in their order; null if there is no list.
fn listed(root: &Node) -> Value {
    let Some(images) = root.at(&["spec", "relatedImages"]).and_then(Node::elements) else {
        return Value::Null;
    };
    let text = |node: &Node, key| node.get(key).and_then(Node::as_str).map(str::to_owned);
    images
        .iter()
        .map(|image| json!([text(image, "name"), text(image, "image")]))
        .collect()
}

pub(super) fn same(what: &str, recorded: &Value, ours: &Value) -> anyhow::Result<()> {
    ensure!(
        recorded == ours,
        "{what} is {ours}, but was recorded as {recorded}"
    );
    Ok(())
}

/// A map of texts, as JSON.
pub(super) fn texts(map: &BTreeMap<String, String>) -> anyhow::Result<Value> {
    serde_json::to_value(map).context("texts are JSON")
}
