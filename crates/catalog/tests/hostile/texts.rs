//! Texts that are made to cost much.

use std::fmt::Write as _;

use catalog::fbc::{self, Catalog, Output, Unreadable};

use crate::cost::assert_linear;

/// What it is, how often its part is repeated at least, and what it begins with, repeats and ends with. An `@` in the part is
/// its number.
type Text = (
    &'static str,
    usize,
    &'static str,
    &'static str,
    &'static str,
);

const JSON: [Text; 12] = [
    ("keys", 10_000, r#"{"schema":"x""#, r#","k@":@"#, "}"),
    ("one key", 20_000, r#"{"schema":"x""#, r#","k":1"#, "}"),
    ("blobs", 20_000, "", r#"{"schema":"x"}"#, ""),
    ("blobs of nothing", 20_000, "", "{}\n", ""),
    ("elements", 20_000, r#"{"schema":"x","k":["#, "1,", "1]}"),
    (
        "nests",
        2_000,
        r#"{"schema":"x","k":["#,
        "[[[[[[[[[[]]]]]]]]]],",
        "1]}",
    ),
    ("a string", 500_000, r#"{"schema":"x","k":""#, "a", "\"}"),
    (
        "escapes",
        50_000,
        r#"{"schema":"x","k":""#,
        r"\ud83d\u2028",
        "\"}",
    ),
    (
        "backslashes",
        100_000,
        r#"{"schema":"x","k":""#,
        r"\\",
        "\"}",
    ),
    ("a number", 100_000, r#"{"schema":"x","k":0."#, "1", "}"),
    ("openings", 100_000, "", "{", ""),
    ("no end", 200_000, r#"{"schema":"x"} {""#, "\\\"", ""),
];

const YAML: [Text; 28] = [
    ("keys", 5_000, "schema: x\n", "k@: 1\n", ""),
    ("one key", 5_000, "schema: x\n", "k: 1\n", ""),
    ("keys in a line", 5_000, "{schema: x", ", k@: 1", "}"),
    ("keys alone", 5_000, "{schema: x", ", k@", "}"),
    ("marked keys", 5_000, "? schema\n: x\n", "? k@\n", ""),
    ("documents", 2_000, "schema: x\n", "---\nschema: x\n", ""),
    ("separators", 5_000, "", "---\n", ""),
    ("comments", 20_000, "schema: x\n", "# c\n", ""),
    ("empty lines", 50_000, "schema: x\n", "\n", ""),
    ("blanks", 100_000, "schema: x\nk: a", " ", "b"),
    ("anchors", 5_000, "schema: x\nk:\n", "- &a@ x\n", ""),
    ("one anchor", 5_000, "schema: x\nk:\n", "- &a x\n", ""),
    ("aliases", 5_000, "schema: x\na: &a b\nk:\n", "- *a\n", ""),
    ("merges", 5_000, "schema: x\na: &a {b: 1}\n", "<<: *a\n", ""),
    ("tags", 5_000, "schema: x\nk:\n", "- !x y\n", ""),
    (
        "directives",
        5_000,
        "",
        "%TAG !a@! x:\n",
        "---\nschema: x\n",
    ),
    ("nests", 1_000, "schema: x\nk:\n", "- - - - - - a\n", ""),
    ("openings", 20_000, "k: ", "[", ""),
    ("plain lines", 10_000, "schema: x\nk:\n", "  a\n", ""),
    ("literal lines", 20_000, "schema: x\nk: |\n", "  a\n", ""),
    ("folded lines", 20_000, "schema: x\nk: >\n", "  a\n\n", ""),
    (
        "quoted lines",
        20_000,
        "schema: x\nk: \"",
        "  a\\\n\n",
        "\"",
    ),
    (
        "quoted lines without indentation",
        10_000,
        "schema: x\nk:\n  l: 'a\n",
        "b\n",
        "'",
    ),
    (
        "quoted slashes",
        5_000,
        "schema: x\nk:\n",
        "- \"\\\\/\"\n",
        "",
    ),
    (
        "old line breaks",
        20_000,
        "schema: x\nk: \"",
        "a\u{2028}\u{85}",
        "\"",
    ),
    ("quotation marks", 50_000, "schema: x\nk: '", "''", "'"),
    ("colons", 50_000, "schema: x\nk: a", ":", ""),
    ("a long key", 100_000, "schema: x\n", "k", ": 1"),
];

/// Reads the text, and where it can be read, judges and writes it.
fn use_up(text: &str) {
    let Ok(catalog) = fbc::read(text.as_bytes()) else {
        return;
    };
    // Whether it is valid does not matter here.
    let _: Result<(), fbc::Problem> = catalog.validate();
    for output in [Output::Json, Output::Yaml] {
        catalog.write(output, &mut std::io::sink()).unwrap();
    }
}

#[test]
fn texts_cost_in_proportion_to_their_size() {
    for (what, size, start, part, end) in JSON.into_iter().chain(YAML) {
        let make = |count: usize| {
            let mut text = start.to_owned();
            text.extend((0..count).map(|number| part.replace('@', &number.to_string())));
            text.push_str(end);
            text
        };
        assert_linear(what, size, make, |text| use_up(text));
    }
}

#[test]
fn deep_nesting_is_refused() {
    let deep = 300_000;
    let yaml = |text: String| format!("schema: x\nk: {text}");
    for (what, text) in [
        (
            "JSON lists",
            format!("{{\"schema\":\"x\",\"k\":{}", "[".repeat(deep)),
        ),
        ("JSON objects", "{\"a\":".repeat(deep)),
        ("YAML lists", yaml("[".repeat(deep))),
        ("YAML mappings", yaml("{a: ".repeat(deep))),
        (
            "YAML items",
            format!("schema: x\nk:\n{}", "- ".repeat(deep)),
        ),
        ("YAML keys", "? ".repeat(deep)),
    ] {
        let error = fbc::read(text.as_bytes()).unwrap_err();
        let text = chain(&error);
        assert!(text.contains("line "), "{what}: {text}");
        assert!(text.len() < 1_000, "{what}: {text}");
    }
    // As deep as anything may be, in every place that works on values.
    let most = catalog::json::MAX_DEPTH - 1;
    let text = format!(
        "{{\"schema\":\"x\",\"k\":{}{}}}",
        "[".repeat(most),
        "]".repeat(most)
    );
    let catalog = fbc::read(text.as_bytes()).unwrap();
    let mut yaml = Vec::new();
    catalog.write(Output::Yaml, &mut yaml).unwrap();
    assert!(fbc::read(&yaml).is_ok());
}

#[test]
fn a_long_scalar_costs_little_more_than_itself() {
    let long = "x".repeat(16 * 1024 * 1024);
    let json = format!("{{\"schema\":\"x\",\"k\":\"{long}\"}}");
    assert_eq!(fbc::read(json.as_bytes()).unwrap().others.len(), 1);
    drop(json);
    let yaml = format!("schema: x\nk: {long}\n");
    assert_eq!(fbc::read(yaml.as_bytes()).unwrap().others.len(), 1);
}

/// A few hundred bytes that expand to as much as one document may.
fn laughs() -> String {
    let mut text = "schema: x\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..5 {
        let alias = format!("*a{}", level - 1);
        let aliases = [alias.as_str(); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    text
}

#[test]
fn aliases_are_bounded_over_all_documents_of_a_file() {
    let one = laughs();
    assert!(fbc::read(one.as_bytes()).is_ok());
    let many = vec![one; 50].join("---\n");
    let refused = fbc::read(many.as_bytes()).err();
    assert_eq!(refused, Some(Unreadable::Aliases));
    // Modest use of them is not refused, however many documents there are.
    let modest = vec!["schema: x\na: &a {b: c}\nd: [*a, *a]\n"; 20_000].join("---\n");
    assert_eq!(fbc::read(modest.as_bytes()).unwrap().others.len(), 20_000);
}

#[test]
fn aliases_are_bounded_over_all_manifests_of_a_file() {
    use base64::Engine as _;
    let manifest = base64::engine::general_purpose::STANDARD.encode(laughs());
    let properties = |count: usize| {
        let property =
            format!("{{\"type\":\"olm.bundle.object\",\"value\":{{\"data\":\"{manifest}\"}}}}");
        let properties = vec![property; count].join(",");
        format!(
            "{{\"schema\":\"olm.bundle\",\"package\":\"p\",\"name\":\"n\",\"properties\":[{properties}]}}"
        )
    };
    assert!(fbc::read(properties(1).as_bytes()).is_ok());
    let refused = fbc::read(properties(50).as_bytes()).err();
    assert_eq!(refused, Some(Unreadable::Aliases));
}

#[test]
fn a_wrong_blob_is_quoted_in_part() {
    let long = format!("{{\"schema\":\"\",\"k\":\"{}\"}}", "x".repeat(1 << 20));
    let error = fbc::read(long.as_bytes()).unwrap_err();
    assert!(error.to_string().len() < 1_000);
    let many = "{\"a\":1}\n".repeat(1_000);
    let error = fbc::read(many.as_bytes()).unwrap_err();
    assert!(
        matches!(error, Unreadable::NoSchema { line: 1, .. }),
        "{error}"
    );
}

#[test]
fn bytes_that_are_no_text_are_named() {
    for (bytes, line) in [
        (&b"schema: x\nk: \xff\n"[..], 2),
        (b"schema: x\n---\nschema: z\nk: \xc3\x28\n", 2),
    ] {
        let error = fbc::read(bytes).unwrap_err();
        let text = chain(&error);
        assert!(
            text.contains("not UTF-8") && text.contains(&format!("line {line}")),
            "{text}"
        );
    }
    for text in [
        "schema: x\0",
        "schema: \"a\0b\"",
        "\0",
        "{\"schema\":\"a\0\"}",
    ] {
        assert!(fbc::read(text.as_bytes()).is_err(), "{text:?}");
    }
    assert_eq!(fbc::read(b"").unwrap(), Catalog::default());
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, ": {error}").unwrap();
        cause = error.source();
    }
    text
}
