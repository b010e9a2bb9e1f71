//! What differs between profiles, on small catalogs (file-based catalog specification, section 0).
//!
//! The rows that only bundles, serve caches and commands know are tested with those.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use catalog::Profile;
use catalog::fbc::{self, Catalog, Output};

/// A package `p` with one bundle, of this release and with an entry that goes on like this.
fn catalog(name: &str, release: &str, entry: &str) -> Catalog {
    let text = format!(
        "schema: olm.package\nname: p\ndefaultChannel: c\n---\n\
         schema: olm.channel\npackage: p\nname: c\nentries: [{{name: {name}{entry}}}]\n---\n\
         schema: olm.bundle\npackage: p\nname: {name}\nimage: quay.io/p/p:v1\n\
         properties: [{{type: olm.package, value: {{packageName: p, version: 1.0.0{release}}}}}]\n"
    );
    fbc::read(text.as_bytes()).unwrap()
}

/// Both profiles accept the catalog, or refuse it in these words.
fn check(catalog: &Catalog, expected: [Result<(), &str>; 2]) {
    for (profile, expected) in [Profile::A, Profile::B].into_iter().zip(expected) {
        match (catalog.validate_as(profile), expected) {
            (Ok(()), Ok(())) => {}
            (Err(problem), Err(part)) => {
                let problem = problem.to_string();
                assert!(problem.contains(part), "{profile}: {problem}");
            }
            (found, expected) => panic!("{profile}: {found:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn skip_ranges_are_checked_in_b() {
    let with_range = |range: &str| catalog("p.v1.0.0", "", &format!(", skipRange: '{range}'"));
    let refused = "invalid bundle \"p.v1.0.0\":\n            └── invalid skipRange \"bogus\"";
    check(&with_range("bogus"), [Ok(()), Err(refused)]);
    check(&with_range(">=0.1.0"), [Ok(()), Ok(())]);
    check(&with_range(">=0.1.0 <1.0.0 || 0.0.x"), [Ok(()), Ok(())]);
    check(&with_range(""), [Ok(()), Ok(())]);
}

#[test]
fn releases_have_a_length_in_b_and_are_identifiers_in_both() {
    let with_release = |release: &str| {
        let name = format!("p-v1.0.0-{release}");
        catalog(&name, &format!(", release: '{release}'"), "")
    };
    check(&with_release("1.a.b-2"), [Ok(()), Ok(())]);
    check(&with_release(&"a".repeat(20)), [Ok(()), Ok(())]);
    let long = "a".repeat(21);
    check(&with_release(&long), [Ok(()), Err("no more than 20 bytes")]);
    for wrong in ["01", "1..2", "1_2", "1+2"] {
        let refused = Err("numbers without leading zeros");
        check(&with_release(wrong), [refused, refused]);
    }
}

/// More than a package's graph: what the older release loses.
const EVERYTHING: &str = "schema: olm.package\nname: p\ndefaultChannel: c\n---\n\
    schema: olm.channel\npackage: p\nname: c\n---\n\
    schema: olm.bundle\npackage: p\nname: b\n---\n\
    schema: olm.bundle\npackage: q\nname: b\n---\n\
    schema: olm.deprecations\npackage: p\nentries: []\n---\n\
    schema: xs\npackage: p\n---\n\
    schema: ys\npackage: r\n---\n\
    schema: zs\n---\n\
    schema: olm.channel\nname: nowhere\n";

#[test]
fn migrating_keeps_the_graph_in_a_and_everything_in_b() {
    let catalog = fbc::read(EVERYTHING.as_bytes()).unwrap();
    let files = |profile| -> Vec<String> {
        let schemas = |file: &fbc::FileBlobs<'_>| {
            let mut text = Vec::new();
            file.write(Output::Yaml, &mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            let lines = text
                .lines()
                .filter_map(|line| line.strip_prefix("schema: "));
            let schemas: Vec<&str> = lines.collect();
            format!("{}: {}", file.package(), schemas.join(" "))
        };
        catalog.migrated(profile).iter().map(schemas).collect()
    };
    assert_eq!(files(Profile::A), ["p: olm.package olm.channel olm.bundle"]);
    assert_eq!(
        files(Profile::B),
        [
            "p: olm.package olm.channel olm.bundle xs olm.deprecations",
            "q: olm.bundle",
            "r: ys",
            ": zs",
        ]
    );
    let left_out = |profile| catalog.left_out(profile).to_string();
    assert_eq!(
        left_out(Profile::A),
        "1 of olm.channel, 1 of olm.bundle, 1 of olm.deprecations, 3 of other schemas"
    );
    assert_eq!(left_out(Profile::B), "1 of olm.channel");
    assert_eq!(catalog.unwritten(), catalog.left_out(Profile::B));
}

#[test]
fn profiles_are_chosen_by_name_and_the_older_one_is_the_default() {
    assert_eq!("a".parse(), Ok(Profile::A));
    assert_eq!("B".parse(), Ok(Profile::B));
    assert_eq!(Profile::default(), Profile::A);
    let error = "c".parse::<Profile>().unwrap_err().to_string();
    assert!(error.contains("`a` (opm 1.65) and `b`"), "{error}");
}
