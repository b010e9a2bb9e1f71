//! What errors of changes to a database mean, in words of ours.

/// A part of a recorded error, and what our error must say where it occurs. The first one that occurs counts.
pub(super) const MEANINGS: &[(&str, &str)] = &[
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
    ("invalid reference format", "is no pull spec"),
    ("not found", "does not exist"),
];

/// The images, packages and channels that errors of removals and deprecations name.
pub(super) fn names(recorded: &str) -> Vec<&str> {
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
    named.chain(images).collect()
}
