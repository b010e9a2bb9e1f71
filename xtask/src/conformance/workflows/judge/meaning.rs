//! What recorded errors of requests mean, in words of ours; those of the catalog engine are `golden`'s.

use golden::Said;

use super::super::inputs::Inputs;
use super::super::scenario::Raised;

/// A part of a recorded error, what ours must say where it occurs, and how names stand in the recorded one.
const MEANINGS: &[(&str, &str, Names)] = &[
    (
        "Failed to inspect docker://",
        "could not be read",
        Names::Images,
    ),
    (
        "cannot access the following related images",
        "related images cannot be read",
        Names::Images,
    ),
    (
        "is missing one or more label(s) required",
        "which the name template wants",
        Names::None,
    ),
    (
        "Max number of related bundles exceeded",
        "related bundles or more",
        Names::None,
    ),
    (
        "No operator packages in fbc_fragment",
        "has no package directory",
        Names::Images,
    ),
    (
        "does not contain file-based catalog",
        "is an SQLite index",
        Names::Images,
    ),
    (
        "No arches were provided",
        "no architectures are given",
        Names::None,
    ),
    (
        "is not available for the following arches: ",
        "is not available for",
        Names::After(": "),
    ),
    (
        "does not have the label ",
        "must carry the label",
        Names::Label,
    ),
    (
        "changed during the IIB request",
        "was changed since this request started",
        Names::None,
    ),
    (
        "do.not.edit.db into ",
        "has no database `/var/lib/iib/_hidden/do.not.edit.db`",
        Names::None,
    ),
    (
        "Error deleting packages from database",
        "the packages cannot be removed from the index image",
        Names::None,
    ),
    (
        "Cannot merge source File-Based Catalog index image into target SQLite",
        "cannot be merged into the SQLite index image",
        Names::None,
    ),
    (
        "Cannot create SQLite index image from File-Based Catalog",
        "no SQLite index can be made of it",
        Names::None,
    ),
    (
        "Failed to validate the content from config_dir",
        "cannot be served with the change",
        Names::None,
    ),
    (
        "Cannot add deprecations for ",
        "is not in the database of the index image",
        Names::Word("deprecations for "),
    ),
];

/// What of a recorded error ours must name.
#[derive(Clone, Copy)]
enum Names {
    None,
    /// Its images.
    Images,
    /// Everything behind the last of these, separated by commas.
    After(&'static str),
    /// The word behind this.
    Word(&'static str),
    /// Its images, and the label with its value behind the last blank.
    Label,
}

/// Compares an error of ours with the recorded one; the error says what ours lacks.
pub(super) fn compare(raised: &Raised, ours: &str, inputs: &Inputs) -> Result<(), String> {
    // Anything else is a defect of the reference service, whose text says nothing.
    if !["IIBError", "ExternalServiceError"].contains(&raised.kind.as_str()) {
        return Ok(());
    }
    let recorded = raised.text.trim_end_matches('.');
    let meaning = MEANINGS.iter().find(|(part, _, _)| recorded.contains(part));
    let Some((_, said, names)) = meaning else {
        let difference = match golden::of_change(recorded, ours) {
            Ok(Said::Rule) => return Ok(()),
            // Any error at all would do.
            Ok(Said::Names) => "nobody wrote down what the recorded error means".to_owned(),
            Err(difference) => difference,
        };
        return Err(otherwise(&difference, recorded, ours));
    };
    if !ours.contains(said) {
        let difference = format!("the error does not say `{said}`");
        return Err(otherwise(&difference, recorded, ours));
    }
    let missing: Vec<String> = wanted(*names, recorded)
        .into_iter()
        .filter(|name| !ours.contains(name.as_str()))
        // An image may be named by tag where the recorded error has its digest.
        .filter(|name| {
            !inputs
                .aliases(name)
                .iter()
                .any(|alias| ours.contains(alias))
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let difference = format!("the error does not name {}", missing.join(", "));
    Err(otherwise(&difference, recorded, ours))
}

fn wanted(names: Names, recorded: &str) -> Vec<String> {
    match names {
        Names::None => Vec::new(),
        Names::Images => images(recorded),
        Names::After(separator) => {
            let (_, names) = recorded.rsplit_once(separator).unwrap_or_default();
            names.split(", ").map(str::to_owned).collect()
        }
        Names::Word(before) => {
            let (_, rest) = recorded.split_once(before).unwrap_or_default();
            rest.split([' ', ',']).take(1).map(str::to_owned).collect()
        }
        Names::Label => {
            let (_, label) = recorded.rsplit_once(' ').unwrap_or_default();
            let mut names = images(recorded);
            names.extend(label.split('=').map(str::to_owned));
            names
        }
    }
}

/// The images that a text names.
fn images(text: &str) -> Vec<String> {
    let words = text.split([' ', '\'', ',', '(', ')']);
    words
        .map(|word| word.trim_start_matches("docker://").trim_end_matches('.'))
        .filter(|word| word.starts_with(golden::PLACEHOLDER))
        .map(str::to_owned)
        .collect()
}

fn otherwise(difference: &str, recorded: &str, ours: &str) -> String {
    format!("{difference}\n  - recorded: {recorded}\n  + ours: {ours}")
}
