//! Images between directories and registries.

use std::time::Duration;

use bytes::Bytes;
use oci::{
    BlobPlacement, BlobSource, Client, ClientConfig, Descriptor, Digest, Document, Format,
    ImageManifest, ImageName, ImageRepository, LayerBuilder, Limits, MediaType, Owner,
    extract_file, read_tree,
};
use registry::{Config, Running, Server};

use crate::support::Entry::File;
use crate::support::Image;

async fn registry(root: &std::path::Path) -> Running {
    let mut config = Config::new(([127, 0, 0, 1], 0).into(), root);
    config.fsync = false;
    config.shutdown_grace = Duration::from_millis(10);
    Server::start(config).await.unwrap()
}

fn client() -> Client {
    Client::new(ClientConfig::default()).unwrap()
}

fn name(text: &str) -> ImageName {
    text.parse().unwrap()
}

/// Copies the image with all it is made of and returns how its layers travelled.
async fn copy(from: &ImageName, to: &ImageName, client: &Client) -> Vec<BlobPlacement> {
    let source = from.open(client).await.unwrap();
    let target = to.open_or_create(client).await.unwrap();
    let manifest = source.manifest(&from.reference()).await.unwrap();
    let Document::Image(image) = manifest.parse().unwrap() else {
        panic!("one image")
    };
    let mut placements = Vec::new();
    target.copy_blob_from(&source, &image.config).await.unwrap();
    for layer in &image.layers {
        placements.push(target.copy_blob_from(&source, layer).await.unwrap());
    }
    target
        .put_manifest(&to.reference(), &manifest)
        .await
        .unwrap();
    placements
}

/// Puts an image of one layer, written by us, into the layout `at`.
async fn publish(at: &ImageName, client: &Client, folder: &std::path::Path) {
    let content = Bytes::from_static(b"content");
    let mut builder = LayerBuilder::new(0);
    builder
        .file("/m/a", Owner::ROOT, 0o644, BlobSource::Bytes(content))
        .unwrap();
    let layer = builder.write(&folder.join("layer"), Format::Oci).unwrap();
    let repository = at.open_or_create(client).await.unwrap();
    let config = Bytes::from_static(b"{}");
    let described = Descriptor::new(MediaType::OciConfig, 2, Digest::of(&config));
    let config = BlobSource::Bytes(config);
    repository.put_blob(&described, &config).await.unwrap();
    repository
        .put_blob(&layer.descriptor, &layer.source)
        .await
        .unwrap();
    let manifest = ImageManifest::new(Format::Oci, described, vec![layer.descriptor]);
    repository
        .put_manifest(&at.reference(), &manifest.to_raw())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_image_travels_from_a_directory_to_a_registry_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(&folder.path().join("registry")).await;
    let client = client();
    let start = name(&format!("oci:{}/start:v1", folder.path().display()));
    let remote = name(&format!("{}/ns/image:v2", registry.addr()));
    let end = name(&format!("oci:{}/end", folder.path().display()));
    publish(&start, &client, folder.path()).await;
    for (from, to) in [(&start, &remote), (&remote, &end)] {
        let placements = copy(from, to, &client).await;
        assert!(
            matches!(placements[..], [BlobPlacement::Copied { .. }]),
            "{placements:?}"
        );
        assert_eq!(copy(from, to, &client).await, [BlobPlacement::Present]);
    }
    for place in [&remote, &end] {
        let repository = place.open(&client).await.unwrap();
        let manifest = repository.manifest(&place.reference()).await.unwrap();
        let head = repository.head_manifest(&place.reference()).await.unwrap();
        assert_eq!(head, Some(manifest.descriptor()));
        assert_eq!(repository.tags().await.unwrap().len(), 1);
        let Document::Image(image) = manifest.parse().unwrap() else {
            panic!("one image")
        };
        let tree = read_tree(&repository, &image, "/m", &Limits::bundle()).await;
        assert_eq!(tree.unwrap().unwrap().files["a"], "content");
    }
}

#[tokio::test]
async fn extracting_from_a_registry_fetches_only_the_layers_that_decide() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path()).await;
    let client = client();
    let remote = name(&format!("{}/ns/image", registry.addr()));
    let remote = remote.open(&client).await.unwrap();
    let image = Image::of(&[
        &[File("m/a", "old")],
        &[File("m/a", "new")],
        &[File("b", "")],
    ])
    .await;
    for layer in &image.manifest.layers {
        remote
            .copy_blob_from(&image.repository, layer)
            .await
            .unwrap();
    }
    let before = client.usage();
    let to = folder.path().join("extracted");
    let limits = Limits::index();
    let size = extract_file(&remote, &image.manifest, "/m/a", &to, &limits)
        .await
        .unwrap();
    assert_eq!(size, Some(3));
    assert_eq!(std::fs::read_to_string(to).unwrap(), "new");
    let fetched = (client.usage() - before).bytes_read;
    let upper = &image.manifest.layers[1..];
    assert_eq!(fetched, upper.iter().map(|layer| layer.size).sum::<u64>());
}

#[tokio::test]
async fn a_directory_that_is_no_layout_is_not_opened_for_reading() {
    let folder = tempfile::tempdir().unwrap();
    let image = name(&format!("oci:{}/absent", folder.path().display()));
    let error = image.open(&client()).await.unwrap_err();
    assert!(error.to_string().contains("absent"), "{error}");
    assert!(matches!(
        image.open_or_create(&client()).await.unwrap(),
        ImageRepository::Layout(_)
    ));
}
