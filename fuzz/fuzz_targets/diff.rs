//! Two catalogs, each below a line `#file`: the difference is told without a panic, and applied to the old one gives the new one.
#![no_main]

use catalog::diff::Diff;
use catalog::fbc::{Catalog, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let files = fuzz::files(input);
    let catalog = |index: usize| match files.get(index) {
        Some((_, content)) => read(content).ok(),
        None => Some(Catalog::default()),
    };
    let (Some(old), Some(new)) = (catalog(0), catalog(1)) else {
        return;
    };
    let diff = Diff::between(&old, &new);
    assert_eq!(diff.is_empty(), fuzz::json(&old) == fuzz::json(&new));
    diff.to_text();
    diff.to_markdown();
    serde_json::to_string(&diff).expect("a difference has a JSON form");
    let made = fuzz::json(&diff.apply(old.clone()));
    fuzz::assert_same(&fuzz::json(&new), &made, "the difference applied");
    assert!(Diff::between(&new, &new).is_empty());
});
