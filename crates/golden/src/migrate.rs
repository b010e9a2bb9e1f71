//! Migration: one file per package, in a directory of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use catalog::Profile;

use crate::files::compare;
use crate::recorded::{files, make_directory, tree_digest, write_file};
use crate::render::{input_catalog, output, rests_on_order, same_lines};
use crate::replay::{Judged, Workspace};
use crate::scenario::{DATABASE, Step};
use crate::{meaning, shown};

/// Migrates the database, and compares the names and bytes of all files.
pub(crate) fn step(workspace: &Workspace<'_>, step: &Step) -> anyhow::Result<Judged> {
    let name = step.need("to")?;
    let to = workspace.at(name);
    let before = files(&to)?;
    let done = migrate(workspace, step, &to)?;
    let after = files(&to)?;
    if let Err(error) = &done {
        ensure!(
            before == after,
            "it is refused, but changed the directory: {error}"
        );
    }
    let judged = compare(step, done, meaning::of_catalog)?;
    let random = rests_on_order(workspace, step, DATABASE);
    Ok(match differs(workspace, step, &after, random)? {
        Difference::None => judged,
        Difference::Random => Judged::Random(name.to_owned()),
        // What a failed step of the reference tool left beside what was there.
        Difference::Some(_) if step.exit != 0 => match judged {
            Judged::Refused(said) => Judged::Debris(said, name.to_owned()),
            other => other,
        },
        Difference::Some(text) => bail!(text),
    })
}

/// Does it; the inner error is the refusal.
fn migrate(
    workspace: &Workspace<'_>,
    step: &Step,
    to: &Path,
) -> anyhow::Result<Result<(), String>> {
    if std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) {
        let name = step.need("to")?;
        return Ok(Err(format!("the output directory `{name}` must be empty")));
    }
    let output = output(step)?;
    let input = step.texts("inputs").into_iter().next();
    let input = input.as_deref().unwrap_or(DATABASE);
    let catalog = match input_catalog(workspace, step, input) {
        Ok(catalog) => catalog,
        Err(error) => return Ok(Err(error)),
    };
    make_directory(to)?;
    let mut text = Vec::new();
    for package in catalog.migrated(Profile::A) {
        text.clear();
        package.write(output, &mut text)?;
        let file = format!("catalog.{}", output.extension());
        write_file(&to.join(package.package()).join(file), &text)?;
    }
    Ok(Ok(()))
}

enum Difference {
    None,
    /// By the order of lines, or of what was not recorded whole.
    Random,
    Some(String),
}

/// Compares the files with the recorded ones.
fn differs(
    workspace: &Workspace<'_>,
    step: &Step,
    ours: &BTreeMap<PathBuf, Vec<u8>>,
    random: bool,
) -> anyhow::Result<Difference> {
    let digest = tree_digest(ours);
    let Some(recorded) = step.text("fbc_sha256") else {
        // A refused step that left nothing has none.
        return Ok(Difference::None);
    };
    if digest == recorded || step.variants("fbc_sha256").contains(&digest) {
        return Ok(Difference::None);
    }
    let Some(name) = step.text("fbc") else {
        return Ok(if random {
            Difference::Random
        } else {
            Difference::Some(format!(
                "the digest of the files is `{digest}`, recorded is `{recorded}` without files to show where"
            ))
        });
    };
    let theirs = workspace.scenario.tree(name)?;
    if ours.keys().ne(theirs.keys()) {
        return Ok(Difference::Some(format!(
            "the directory has other files\n{}",
            shown(&names(ours), &names(&theirs))
        )));
    }
    let mut pairs = ours.iter().zip(theirs.values());
    let Some(((path, ours), theirs)) =
        pairs.find(|((_, ours), theirs)| ours != theirs && !(random && same_lines(ours, theirs)))
    else {
        ensure!(
            random,
            "the files equal those in `{name}`, whose digest is not the recorded `{recorded}`"
        );
        return Ok(Difference::Random);
    };
    Ok(Difference::Some(format!(
        "`{}` differs\n{}",
        path.display(),
        shown(ours, theirs)
    )))
}

/// One name a line.
fn names(files: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<u8> {
    let names: Vec<_> = files.keys().map(|path| path.to_string_lossy()).collect();
    names.join("\n").into_bytes()
}
