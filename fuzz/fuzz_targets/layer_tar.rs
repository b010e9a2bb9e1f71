//! Layers: compressed or plain archives, whatever they hold, are read or refused.
//!
//! A line `#file` begins each layer, the lowest first; without such a line the input is one layer.
#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use oci::{
    Descriptor, Digest, Format, ImageManifest, ImageRepository, Layout, Limits, MediaType,
    extract_file, read_trees,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Small enough that an input of a few kilobytes meets each of them.
const LIMITS: Limits = Limits {
    max_file_bytes: 4 << 10,
    max_content_bytes: 8 << 10,
    max_total_bytes: 64 << 10,
    max_entries: 100,
    max_layers: 4,
};

struct Place {
    runtime: Runtime,
    folder: TempDir,
    repository: ImageRepository,
}

thread_local! {
    static PLACE: LazyCell<Place> = LazyCell::new(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime can be made");
        let folder = fuzz::scratch();
        let layout = runtime
            .block_on(Layout::create_or_open(folder.path().join("layout")))
            .expect("a layout can be made");
        let repository = ImageRepository::Layout(layout);
        Place { runtime, folder, repository }
    });
}

fuzz_target!(|input: &[u8]| PLACE.with(|place| {
    let mut layers = Vec::new();
    let files = fuzz::files(input);
    let parts: Vec<&[u8]> = if files.is_empty() {
        vec![input]
    } else {
        files.into_iter().map(|(_, content)| content).collect()
    };
    let blobs = place.folder.path().join("layout/blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("a folder can be made");
    for part in parts {
        let digest = Digest::of(part);
        std::fs::write(blobs.join(digest.hex()), part).expect("a blob can be written");
        let size = part.len().try_into().expect("inputs are small");
        layers.push(Descriptor::new(MediaType::OciLayerGzip, size, digest));
    }
    let config = Descriptor::new(MediaType::OciConfig, 0, Digest::of(""));
    let image = ImageManifest::new(Format::Oci, config, layers);
    place.runtime.block_on(async {
        let folders = ["/manifests", "/metadata"];
        if let Ok(trees) = read_trees(&place.repository, &image, &folders, &LIMITS).await {
            let kept = trees.values().flatten().flat_map(|tree| &tree.files);
            for (path, content) in kept {
                assert!(!path.split('/').any(|name| name == ".."), "{path}");
                assert!(content.len() <= 4 << 10);
            }
        }
        let to = place.folder.path().join("extracted");
        let extracted = extract_file(&place.repository, &image, "database/index.db", &to, &LIMITS);
        if let Ok(Some(size)) = extracted.await {
            assert!(size <= 4 << 10);
            std::fs::remove_file(&to).expect("what was extracted is there");
        }
    });
    for layer in &image.layers {
        // Two layers may be the same.
        std::fs::remove_file(blobs.join(layer.digest.hex())).ok();
    }
}));
