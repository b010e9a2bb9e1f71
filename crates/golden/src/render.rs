//! Rendering: databases, directories and bundle images as one catalog.

use std::path::Path;

use anyhow::bail;
use bundle::{Bundle, BundleFiles};
use catalog::Profile;
use catalog::fbc::{Catalog, Output};
use sha2::Digest as _;

use crate::corpus::children;
use crate::files::compare;
use crate::replay::{Judged, Workspace};
use crate::scenario::{DATABASE, Step};
use crate::{meaning, shown, with_causes};

/// Where the output of a step goes; nothing else has this name.
const OUTPUT: &str = "standard output";

/// Renders, and compares every byte.
pub(crate) fn step(workspace: &Workspace<'_>, step: &Step) -> anyhow::Result<Judged> {
    let done = step
        .texts("inputs")
        .iter()
        .try_fold(Catalog::default(), |mut all, input| {
            all.append(input_catalog(workspace, step, input)?);
            Ok(all)
        });
    let catalog = match done {
        Err(error) => return compare(step, Err(error), meaning::of_render),
        Ok(_) if step.exit != 0 => return compare(step, Ok(()), meaning::of_render),
        Ok(catalog) => catalog,
    };
    let mut text = Vec::new();
    catalog.write(output(step)?, &mut text)?;
    let digest = hex::encode(sha2::Sha256::digest(&text));
    let recorded = step.need("stdout_sha256")?;
    if digest == recorded || step.variants("stdout_sha256").contains(&digest) {
        return Ok(Judged::Equal);
    }
    let is_random = rests_on_order(workspace, step, DATABASE);
    let Some(name) = step.text("stdout") else {
        if is_random {
            return Ok(Judged::Random(OUTPUT.to_owned()));
        }
        bail!(
            "the output's digest is `{digest}` ({} bytes), recorded is `{recorded}` without the text to show where",
            text.len()
        );
    };
    let theirs = workspace.scenario.file(name)?;
    if is_random && same_lines(&text, &theirs) {
        return Ok(Judged::Equal);
    }
    bail!("the output differs\n{}", shown(&text, &theirs))
}

/// Whether what a step makes may differ from the recorded by the order of something.
pub(crate) fn rests_on_order(workspace: &Workspace<'_>, step: &Step, database: &str) -> bool {
    let reads_database = step.touches().iter().any(|name| name == database);
    workspace.scenario.is_unstable(step)
        || (reads_database
            && workspace
                .database()
                .is_some_and(|database| database.is_loose))
}

/// Whether two texts differ by the order of lines alone, and by the commas that follow from it.
pub(crate) fn same_lines(ours: &[u8], theirs: &[u8]) -> bool {
    let [ours, theirs] = [ours, theirs].map(|text| {
        let lines = text.split(|byte| *byte == b'\n');
        let mut lines: Vec<&[u8]> = lines
            .map(|line| line.strip_suffix(b",").unwrap_or(line))
            .collect();
        lines.sort_unstable();
        lines
    });
    ours == theirs
}

/// How a step's output is written.
pub(crate) fn output(step: &Step) -> anyhow::Result<Output> {
    match step.text("output") {
        None | Some("json") => Ok(Output::Json),
        Some("yaml") => Ok(Output::Yaml),
        Some(other) => bail!("nobody wrote down what the output `{other}` is"),
    }
}

/// What an input renders as: a file, a directory, or an image.
pub(crate) fn input_catalog(
    workspace: &Workspace<'_>,
    step: &Step,
    input: &str,
) -> Result<Catalog, String> {
    let path = workspace.at(input);
    let catalog = if input == DATABASE && path.is_file() {
        let database = workspace.database().ok_or("there is no database yet")?;
        let catalog = if with_metadata(step)? {
            // As the commands do it: without ever having all manifests.
            database.index.catalog_with_csv_metadata(None)
        } else {
            database.index.catalog()
        };
        catalog.map_err(|error| with_causes(&error))?
    } else if path.is_file() {
        return Err(format!("`{input}` is no index database"));
    } else if path.is_dir() {
        directory(&path)?
    } else {
        of_bundle(&workspace.bundles.bundle(input)?)?
    };
    finish(step, catalog)
}

fn directory(path: &Path) -> Result<Catalog, String> {
    let [manifests, metadata] = ["manifests", "metadata"].map(|name| path.join(name));
    if !(manifests.is_dir() && metadata.is_dir()) {
        return Catalog::read_tree(path).map_err(|error| with_causes(&error));
    }
    let files = |path: &Path| children(path).map_err(|error| with_causes(&error));
    let files = BundleFiles {
        manifests: Some(files(&manifests)?),
        metadata: Some(files(&metadata)?),
    };
    let bundle = Bundle::read(&files, "").map_err(|error| with_causes(&error))?;
    of_bundle(&bundle)
}

fn of_bundle(bundle: &Bundle) -> Result<Catalog, String> {
    let blob = (bundle.to_blob(Profile::A)).map_err(|error| with_causes(&error))?;
    Ok(Catalog {
        bundles: vec![blob],
        ..Catalog::default()
    })
}

/// What follows the reading of every input.
fn finish(step: &Step, mut catalog: Catalog) -> Result<Catalog, String> {
    catalog.arrange();
    if with_metadata(step)? {
        catalog
            .embed_csv_metadata()
            .map_err(|error| with_causes(&error))?;
    }
    Ok(catalog)
}

/// Whether a step is about metadata of CSVs in place of manifests.
fn with_metadata(step: &Step) -> Result<bool, String> {
    match step.text("level").unwrap_or("none") {
        "none" => Ok(false),
        "bundle-object-to-csv-metadata" | "all" => Ok(true),
        other => Err(format!("unknown migration level `{other}`")),
    }
}
