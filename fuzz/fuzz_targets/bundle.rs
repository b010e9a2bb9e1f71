//! Bundles: a bundle that is read gives a blob that is written and read again.
#![no_main]

use bundle::{Bundle, BundleFiles};
use catalog::Profile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut files = BundleFiles::default();
    for (name, content) in fuzz::files(input) {
        let (folder, name) = match name.split_once('/') {
            Some(("manifests", name)) => (&mut files.manifests, name),
            Some(("metadata", name)) => (&mut files.metadata, name),
            _ => continue,
        };
        let folder = folder.get_or_insert_default();
        folder.insert(name.to_owned(), content.to_vec());
    }
    match Bundle::read(&files, "registry.example/bundle:1") {
        Ok(bundle) => {
            let mut catalog = catalog::fbc::Catalog::default();
            bundle.properties(Profile::default()).ok();
            if let Ok(blob) = bundle.to_blob(Profile::default()) {
                catalog.bundles.push(blob);
            }
            fuzz::check_catalog(&catalog);
        }
        Err(error) => assert!(error.to_string().contains("registry.example/bundle:1")),
    }
});
