//! Files of catalogs, JSON ones above all: what parses keeps the laws of catalogs.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let start = input.iter().position(|byte| !byte.is_ascii_whitespace());
    if start.is_none_or(|start| input[start] != b'{') {
        return;
    }
    if let Ok(catalog) = catalog::fbc::read(input) {
        fuzz::check_catalog_of_file(&catalog);
    }
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(document) = catalog::ordered::from_json(text)
    {
        let text = catalog::ordered::to_text(&document);
        assert_eq!(catalog::ordered::from_json(&text), Ok(document));
    }
});
