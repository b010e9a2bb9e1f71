//! What errors of reading, checking and writing file-based catalogs mean, in words of ours.

/// A part of a recorded error, and what our error must say where it occurs. The first one that occurs counts.
pub(super) const MEANINGS: &[(&str, &str)] = &[
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
    ("unknown migration level", "unknown migration level"),
    ("must be empty", "must be empty"),
    ("has unexpected contents", "has unexpected contents"),
];

/// A part of a recorded error about images, and what our error must say where it occurs.
pub(super) const OF_IMAGES: &[(&str, &str)] = &[
    ("repository name must be canonical", "is no pull spec"),
    ("manifest unknown", "does not exist"),
    ("name unknown", "does not exist"),
    ("has unsupported file type", "is no index database"),
    // Ours goes by what is in the image, not by its labels.
    ("image has no labels", "/metadata"),
];

/// The names that the reference tool quotes; its own texts in quotes are Go's, schemas and regular expressions.
pub(super) fn names(recorded: &str) -> Vec<&str> {
    if recorded.contains("error unmarshaling JSON") {
        return Vec::new();
    }
    let names = recorded.split('"').skip(1).step_by(2);
    names
        .filter(|name| !name.contains('[') && !name.starts_with("olm."))
        .collect()
}
