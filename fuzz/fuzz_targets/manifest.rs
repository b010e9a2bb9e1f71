//! Manifests of images: what parses is written, and means the same when it is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oci::{Document, ImageConfig, MediaType, RawManifest};

fuzz_target!(|input: &[u8]| {
    for media_type in [MediaType::OciManifest, MediaType::OciIndex] {
        let raw = RawManifest::new(media_type.clone(), input.to_vec().into());
        let written = match raw.parse() {
            Ok(Document::Image(image)) => image.to_raw(),
            Ok(Document::List(list)) => list.to_raw(),
            Err(_) => continue,
        };
        // What a manifest says of its own type counts when it is published.
        if written.media_type != media_type {
            continue;
        }
        let again = match written.parse().expect("what was written is read") {
            Document::Image(image) => image.to_raw(),
            Document::List(list) => list.to_raw(),
        };
        assert_eq!(again.bytes, written.bytes);
    }
    if let Ok(config) = serde_json::from_slice::<ImageConfig>(input) {
        let written = config.to_bytes();
        let again: ImageConfig =
            serde_json::from_slice(&written).expect("what was written is read");
        assert_eq!(again.to_bytes(), written);
        config.labels();
    }
});
