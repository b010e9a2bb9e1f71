//! The operations that read catalogs' directories without changing anything.

use anyhow::{bail, ensure};
use catalog::fbc::Catalog;

use crate::database::refused_otherwise;
use crate::recorded::{make_directory, write_file};
use crate::replay::{Judged, Workspace};
use crate::scenario::Step;
use crate::{meaning, with_causes};

/// Puts a recorded directory in place, over what is there.
pub(crate) fn write(workspace: &Workspace<'_>, step: &Step) -> anyhow::Result<Judged> {
    let to = workspace.at(step.need("to")?);
    make_directory(&to)?;
    let input = step.need("input")?;
    // A directory without files is not stored.
    if workspace.scenario.folder.join(input).exists() {
        for (path, bytes) in workspace.scenario.tree(input)? {
            write_file(&to.join(path), &bytes)?;
        }
    }
    Ok(Judged::Equal)
}

/// Judges a catalog, and compares the judgements.
pub(crate) fn validate(workspace: &Workspace<'_>, step: &Step) -> anyhow::Result<Judged> {
    let path = workspace.at(step.need("dir")?);
    let judged = Catalog::read_tree(&path)
        .map_err(|error| with_causes(&error))
        .and_then(|catalog| catalog.validate().map_err(|error| with_causes(&error)));
    compare(step, judged, meaning::of_catalog)
}

/// Compares whether an operation is refused, and why.
pub(crate) fn compare(
    step: &Step,
    done: Result<(), String>,
    said: fn(&str, &str) -> Result<meaning::Said, String>,
) -> anyhow::Result<Judged> {
    match done {
        Ok(()) => {
            ensure!(
                step.exit == 0,
                "it succeeds, but was recorded as `{}`",
                step.error
            );
            Ok(Judged::Equal)
        }
        Err(ours) if step.exit == 0 => bail!("it is refused: {ours}"),
        Err(ours) => said(&step.error, &ours)
            .map(Judged::Refused)
            .map_err(|difference| refused_otherwise(step, &difference, &ours)),
    }
}
