//! What recorded errors mean, in words of ours.

/// A part of a recorded error, and what our error must say where it occurs. The first one that occurs counts.
const MEANINGS: [(&str, &str); 36] = [
    ("control characters are not allowed", "not valid YAML"),
    ("error converting YAML", "not valid YAML"),
    ("has duplicate bundle", "has duplicate bundle"),
    ("parse properties for bundle", "parse properties for bundle"),
    (
        "relatedImages[1].image: invalid",
        "relatedImages[1].image: invalid image pull spec",
    ),
    (
        "image: invalid image pull spec",
        "image: invalid image pull spec",
    ),
    ("must have exactly 1", "must have exactly 1"),
    (
        "package name must be set for bundle",
        "package name must be set for bundle",
    ),
    (
        "not found in any channel entries",
        "not found in any channel entries",
    ),
    ("as bundle object", "is no bundle object"),
    ("does not match", "does not match"),
    ("release version", "release version"),
    ("error parsing bundle", "error parsing bundle"),
    ("unknown package", "unknown package"),
    ("duplicate entry", "duplicate entry"),
    ("has duplicate channel", "has duplicate channel"),
    ("no olm.bundle blobs found", "no olm.bundle blobs found"),
    (
        "contains channel with no name",
        "contains channel with no name",
    ),
    ("bundle not found", "bundle not found"),
    ("channel not found", "channel not found"),
    ("duplicate deprecation entry", "duplicate deprecation entry"),
    (
        "for deprecation item",
        "package name must be set for deprecation item",
    ),
    (
        "schema must be set for deprecation entry",
        "schema must be set for deprecation entry",
    ),
    ("package name must be empty", "package name must be empty"),
    ("object schema unknown", "object schema unknown"),
    ("maximum of one deprecation", "maximum of one deprecation"),
    (
        "missing root schema field",
        "missing its root field `schema`",
    ),
    ("parse channel", "`entries` must be a list"),
    ("parse bundle", "`properties` must be a list"),
    ("parse package", "it is not base64"),
    ("unexpected EOF", "not valid JSON"),
    ("to be a string, got", "to be a string, got"),
    ("error unmarshaling JSON", "a blob must be a mapping"),
    ("duplicate package", "duplicate package"),
    ("invalid package name", "invalid package name"),
    (
        "config contains package with no name",
        "config contains package with no name",
    ),
];

/// What our error does not say although the recorded one does.
pub(crate) fn difference(recorded: &str, ours: &str) -> Option<String> {
    if recorded.contains("invalid index:") {
        let recorded = recorded.strip_prefix("fatal: ").unwrap_or(recorded);
        return (sorted(recorded) != sorted(ours)).then(|| "the error trees differ".to_owned());
    }
    if recorded.contains("no such file") || recorded.contains("is not a directory") {
        return (!(ours.contains("No such file") || ours.contains("is not a directory")))
            .then(|| "the error does not say that there is no directory".to_owned());
    }
    let Some((_, meaning)) = MEANINGS.iter().find(|(part, _)| recorded.contains(part)) else {
        return Some("nobody wrote down what the recorded error means".to_owned());
    };
    if !ours.contains(meaning) {
        return Some(format!("the error does not say `{meaning}`"));
    }
    if recorded.contains("error unmarshaling JSON") {
        return None;
    }
    // The reference tool quotes names; its own texts in quotes are Go's and regular expressions.
    let names = recorded.split('"').skip(1).step_by(2);
    let missing = names
        .filter(|name| !name.contains('[') && !name.starts_with("olm.") && !ours.contains(name))
        .collect::<Vec<_>>();
    (!missing.is_empty()).then(|| format!("the error does not name {}", missing.join(", ")))
}

/// The lines of an error tree, whose siblings have no order, without its branches.
fn sorted(tree: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = tree
        .lines()
        .map(|line| line.trim_start_matches(['├', '└', '─', '│', ' ']))
        .collect();
    lines.sort_unstable();
    lines
}
