//! Files of catalogs, YAML ones above all: what parses keeps the laws of catalogs, and manifests are read too.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(catalog) = catalog::fbc::read(input) {
        fuzz::check_catalog_of_file(&catalog);
    }
    if let Ok(document) = catalog::Document::read(input) {
        // Reading canonical text once more changes the number -0 alone, which becomes 0.
        let read = |text: &str| catalog::json::parse(text.as_bytes()).expect("it is JSON");
        let text = catalog::json::to_text(&read(&catalog::json::to_text(document.value())));
        assert_eq!(catalog::json::to_text(&read(&text)), text);
        // Only mappings are ever written as YAML.
        if document.value().as_object().is_some() {
            let mut yaml = String::new();
            catalog::yaml::write(&mut yaml, document.value());
            catalog::yaml::parse(yaml.as_bytes()).expect("YAML that was written is read");
        }
    }
    for document in catalog::ordered::documents(input).unwrap_or_default() {
        let text = catalog::ordered::to_text(&document);
        // Infinities and what aliases nest too deeply are no JSON.
        if let Ok(again) = catalog::ordered::from_json(&text) {
            assert_eq!(again, document);
        }
    }
});
