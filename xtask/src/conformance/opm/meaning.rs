//! What recorded errors mean, in words of ours.

/// A part of a recorded error, and what our error must say where it occurs. The first one that occurs counts.
const MEANINGS: [(&str, &str); 31] = [
    ("Could not find annotations file", "no file in `/metadata`"),
    ("open .: no such file or directory", "it has no folder"),
    ("no bundle objects found", "holds a Kubernetes object"),
    ("no csv in bundle", "holds a `ClusterServiceVersion`"),
    ("csv name not found", "no `metadata.name`"),
    ("couldn't find", "but no CRD in `/manifests` defines it"),
    (
        "error getting apiservice definitions",
        "`spec` of the CSV must be a mapping",
    ),
    (
        "cannot unmarshal number",
        "`spec.version` of the CSV must be text",
    ),
    ("no release version expressed", "carries no release"),
    ("already exists", "already exists in package"),
    (
        "already added that provides package and csv",
        "is already in channel",
    ),
    ("not at the head of a channel", "cannot be overwritten"),
    (
        "UNIQUE constraint failed",
        "cannot be added: the index has one",
    ),
    ("replaces nonexistent bundle", "which is not in the index"),
    ("Cycle detected", "form a cycle"),
    (
        "more than one bundle with maximum version",
        "more than one bundle with the maximum version",
    ),
    (
        "unable to determine default channel",
        "no usable default channel",
    ),
    ("error parsing bundle", "is not a strict semantic version"),
    ("is not valid", "is not a strict semantic version"),
    (
        "SubstitutesFor is an alpha-only feature",
        "an alpha feature that is not enabled",
    ),
    ("Invalid channel update mode", "is no channel update mode"),
    ("already added to index", "is already in channel"),
    ("Default channel is missing", "declares no channel"),
    (
        "failed to set default channel",
        "does not exist after adding",
    ),
    ("Invalid graph", "is invalid after adding"),
    ("belongs to package", "belongs to package"),
    ("no package found for packagename", "cannot be removed"),
    ("missing from registry", "in no channel of the index"),
    (
        "default channel removal",
        "would remove the default channel",
    ),
    (
        "without removing all other channel heads",
        "not all channel heads are to be deprecated",
    ),
    ("not found", "not found"),
];

/// What our error does not say although the recorded one does.
pub(super) fn difference(recorded: &str, ours: &str) -> Option<String> {
    if recorded.contains("add prunes bundle ") {
        let names = recorded
            .split("add prunes bundle ")
            .skip(1)
            .filter_map(|rest| rest.split(' ').next());
        let missing: Vec<&str> = names
            .filter(|name| !ours.contains(&format!("adding bundle `{name}`")))
            .collect();
        return (!missing.is_empty()).then(|| {
            format!(
                "the error does not say that it prunes {}",
                missing.join(", ")
            )
        });
    }
    match MEANINGS.iter().find(|(part, _)| recorded.contains(part)) {
        None => Some("nobody wrote down what the recorded error means".to_owned()),
        Some((_, meaning)) if !ours.contains(meaning) => {
            Some(format!("the error does not say `{meaning}`"))
        }
        Some(_) => names(recorded)
            .find(|name| !ours.contains(name))
            .map(|name| format!("the error does not name `{name}`")),
    }
}

/// The images, packages and channels that errors of removals and deprecations name.
fn names(recorded: &str) -> impl Iterator<Item = &str> {
    let after = ["packagename ", "in package ", "head of channel "];
    let named = after.into_iter().filter_map(move |words| {
        let (_, rest) = recorded.split_once(words)?;
        (recorded.contains("packagename ") || recorded.contains("must deprecate "))
            .then(|| rest.split([' ', ':', ',']).next())?
    });
    let deprecates = recorded.contains("deprecat");
    let images = recorded
        .split([' ', '[', ']', ','])
        .map(|word| word.trim_end_matches(':'))
        .filter(move |word| deprecates && word.contains("@sha256:"));
    named.chain(images)
}
