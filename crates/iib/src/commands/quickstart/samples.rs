//! The inputs of the quickstart: sample bundles as bundle images, and a stand-in for the image with the catalog server.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use oci::{
    Arch, BlobSource, Client, Descriptor, DiffId, Digest, Format, ImageConfig, ImageManifest, LayerBuilder,
    ManifestList, Owner, Platform, PullSpec, RawManifest, Reference, RegistryHost, RemoteRepository, Repository, RootFs,
    RunConfig, Tag,
};

/// The architectures of the binary image and so of the index.
pub(crate) const ARCHES: [&str; 4] = ["amd64", "arm64", "ppc64le", "s390x"];

const ROOT: Owner = Owner { uid: 0, gid: 0 };

/// A sample bundle: its files below `samples/bundles/<package>/<version>`.
struct Sample {
    package: &'static str,
    version: &'static str,
    files: &'static [(&'static str, &'static str)],
}

macro_rules! sample {
    ($package:literal, $version:literal, $($file:literal),+) => {
        Sample {
            package: $package,
            version: $version,
            files: &[$(($file, include_str!(concat!(
                "../../../../../samples/bundles/", $package, "/", $version, "/", $file
            )))),+],
        }
    };
}

const SAMPLES: [Sample; 3] = [
    sample!(
        "hello-operator",
        "1.0.0",
        "manifests/greetings.crd.yaml",
        "manifests/hello-operator.clusterserviceversion.yaml",
        "metadata/annotations.yaml"
    ),
    sample!(
        "hello-operator",
        "1.1.0",
        "manifests/greetings.crd.yaml",
        "manifests/hello-operator.clusterserviceversion.yaml",
        "metadata/annotations.yaml"
    ),
    sample!(
        "clock-operator",
        "0.3.0",
        "manifests/clocks.crd.yaml",
        "manifests/clock-operator.clusterserviceversion.yaml",
        "metadata/annotations.yaml"
    ),
];

/// What was pushed.
pub(crate) struct Inputs {
    pub(crate) bundles: Vec<PullSpec>,
    pub(crate) binary_image: PullSpec,
}

/// Pushes the samples to the registry `host`, working in `directory`.
pub(crate) async fn push(client: &Client, host: &RegistryHost, directory: &Path) -> anyhow::Result<Inputs> {
    let mut bundles = Vec::new();
    for sample in &SAMPLES {
        bundles.push(push_bundle(client, host, directory, sample).await?);
    }
    let binary_image = push_binary_image(client, host, directory).await?;
    Ok(Inputs { bundles, binary_image })
}

async fn push_bundle(
    client: &Client,
    host: &RegistryHost,
    directory: &Path,
    sample: &Sample,
) -> anyhow::Result<PullSpec> {
    let name: Repository = format!("{host}/samples/{}", sample.package).parse()?;
    let repository = client.repository(&name);
    let mut layer = LayerBuilder::new(0);
    for (path, content) in sample.files {
        layer.file(&format!("/{path}"), ROOT, 0o644, BlobSource::Bytes(content.as_bytes().into()))?;
    }
    let labels = bundle_labels(sample)?;
    let manifest = push_image(&repository, layer, directory, "amd64", labels).await?;
    let tag: Tag = format!("v{}", sample.version).parse()?;
    repository.put_manifest(&Reference::Tag(tag), &manifest).await?;
    Ok(name.with_digest(manifest.digest).into())
}

/// Bundle images carry their annotations as labels too.
fn bundle_labels(sample: &Sample) -> anyhow::Result<BTreeMap<String, String>> {
    let annotations = sample.files.iter().find(|(path, _)| *path == "metadata/annotations.yaml");
    let (_, text) = annotations.context("every sample has annotations")?;
    Ok(text
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter_map(|line| line.split_once(": "))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect())
}

async fn push_binary_image(client: &Client, host: &RegistryHost, directory: &Path) -> anyhow::Result<PullSpec> {
    let name: Repository = format!("{host}/samples/binary-image").parse()?;
    let repository = client.repository(&name);
    let mut entries = Vec::new();
    for text in ARCHES {
        let arch: Arch = text.parse()?;
        let mut layer = LayerBuilder::new(0);
        let program = format!("#!/bin/sh\n# Stands in for the catalog server on {arch}.\nexit 0\n");
        layer.file("/bin/opm", ROOT, 0o755, BlobSource::Bytes(program.into()))?;
        let labels = arch.label().map(|label| ("architecture".to_owned(), label.to_owned()));
        let manifest = push_image(&repository, layer, directory, text, labels.into_iter().collect()).await?;
        repository.put_manifest(&Reference::Digest(manifest.digest.clone()), &manifest).await?;
        let mut entry = manifest.descriptor();
        entry.platform = Some(Platform::linux(&arch));
        entries.push(entry);
    }
    let list = ManifestList::new(Format::Docker, entries).to_raw();
    let tagged = name.with_tag(Tag::latest());
    repository.put_manifest(&Reference::Tag(Tag::latest()), &list).await?;
    Ok(tagged.into())
}

/// Pushes an image of one layer and gives its manifest, which is not pushed yet.
async fn push_image(
    repository: &RemoteRepository,
    layer: LayerBuilder,
    directory: &Path,
    arch: &str,
    labels: BTreeMap<String, String>,
) -> anyhow::Result<RawManifest> {
    let file = tempfile::NamedTempFile::new_in(directory)?.into_temp_path();
    let target = file.to_path_buf();
    let layer = tokio::task::spawn_blocking(move || layer.write(Format::Docker, &target)).await??;
    repository.put_blob(&layer.descriptor, &layer.source).await?;
    let config = image_config(arch, labels, layer.diff_id).to_bytes();
    let descriptor =
        Descriptor::new(Format::Docker.config(), u64::try_from(config.len())?, Digest::of(&config));
    repository.put_blob(&descriptor, &BlobSource::Bytes(config)).await?;
    Ok(ImageManifest::new(Format::Docker, descriptor, vec![layer.descriptor]).to_raw())
}

fn image_config(arch: &str, labels: BTreeMap<String, String>, diff_id: DiffId) -> ImageConfig {
    ImageConfig {
        architecture: arch.to_owned(),
        os: "linux".to_owned(),
        config: Some(RunConfig { labels: Some(labels), ..RunConfig::default() }),
        rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![diff_id] },
        history: Vec::new(),
        created: None,
        rest: BTreeMap::new(),
    }
}
