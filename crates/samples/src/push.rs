//! Sample images, made and pushed.

use std::collections::BTreeMap;

use oci::{
    Arch, BlobSource, Client, Descriptor, DiffId, Digest, Format, ImageConfig, ImageManifest,
    ImageRepository, LayerBuilder, ManifestList, Owner, Platform, PullSpec, RawManifest, Reference,
    Repository, RootFs, RunConfig, Tag,
};

use crate::Bundle;

/// Why a sample could not be pushed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name could not be formed.
    #[error(transparent)]
    Name(#[from] oci::ParseError),
    /// An architecture's name is none.
    #[error(transparent)]
    Arch(#[from] oci::ParseArchError),
    /// A layer could not be made.
    #[error("a layer could not be made")]
    Layer(#[from] oci::LayerError),
    /// A temporary file could not be made.
    #[error("a temporary file could not be made")]
    Io(#[from] std::io::Error),
    /// The registry did not take it.
    #[error("the registry did not take a sample")]
    Push(#[from] oci::Error),
    /// The layer's making broke off.
    #[error("the making of a layer broke off")]
    Broken(#[from] tokio::task::JoinError),
}

/// Pushes `bundle` to `repository` under the tag `v<version>` and gives its pull spec by digest.
///
/// # Errors
/// [`Error`] when the image cannot be made or pushed.
pub async fn push_bundle(
    client: &Client,
    repository: &Repository,
    bundle: &Bundle,
) -> Result<PullSpec, Error> {
    let target = ImageRepository::Remote(client.repository(repository));
    let layer = layer_of(&bundle.files)?;
    let labels = bundle.labels().collect();
    let manifest = push_image(&target, vec![layer], &Arch::amd64(), labels).await?;
    let tag: Tag = format!("v{}", bundle.version).parse()?;
    target.put_manifest(&Reference::Tag(tag), &manifest).await?;
    Ok(repository.with_digest(manifest.digest).into())
}

/// Pushes version 1.0.0 of `package`, in the channel `stable`, to a repository of its own below `place`.
///
/// # Errors
/// [`Error`] when the image cannot be made or pushed.
pub async fn push_package(
    client: &Client,
    place: &Repository,
    package: &str,
) -> Result<PullSpec, Error> {
    let bundle = Bundle::simple(package, "1.0.0", "stable", None);
    let repository: Repository = format!("{place}/{package}").parse()?;
    push_bundle(client, &repository, &bundle).await
}

/// Pushes a stand-in binary image for `arches` to `repository:latest`; each architecture's layer holds `padding` bytes that
/// compress badly beside its program, so that tests can see whether they travel.
///
/// # Errors
/// [`Error`] when the image cannot be made or pushed.
pub async fn push_binary_image(
    client: &Client,
    repository: &Repository,
    arches: &[&str],
    padding: usize,
) -> Result<PullSpec, Error> {
    let layer = |arch: &Arch| {
        let mut layer = LayerBuilder::new(0);
        let program = format!("#!/bin/sh\n# Stands in for the catalog server on {arch}.\nexit 0\n");
        layer.file(
            "/bin/opm",
            Owner::ROOT,
            0o755,
            BlobSource::Bytes(program.into()),
        )?;
        if padding > 0 {
            let padding = noise(padding, arch.as_str());
            layer.file(
                "/usr/share/padding",
                Owner::ROOT,
                0o644,
                BlobSource::Bytes(padding.into()),
            )?;
        }
        Ok(layer)
    };
    push_list(client, repository, arches, BTreeMap::new(), layer).await
}

/// Pushes an SQLite index image around `database`, as other tools make them, to `repository:latest`.
///
/// # Errors
/// [`Error`] when the image cannot be made or pushed.
pub async fn push_index(
    client: &Client,
    repository: &Repository,
    arches: &[&str],
    database: BlobSource,
) -> Result<PullSpec, Error> {
    const PATH: &str = "/database/index.db";
    let label = "operators.operatorframework.io.index.database.v1".to_owned();
    let layer = |_: &Arch| {
        let mut layer = LayerBuilder::new(0);
        layer.file(PATH, Owner::ROOT, 0o644, database.clone())?;
        Ok(layer)
    };
    push_list(
        client,
        repository,
        arches,
        BTreeMap::from([(label, PATH.to_owned())]),
        layer,
    )
    .await
}

/// Pushes a single image of `layers`, lowest first, each a list of paths and texts, under `tag`.
///
/// # Errors
/// [`Error`] when the image cannot be made or pushed.
pub async fn push_files(
    repository: &ImageRepository,
    tag: &Tag,
    labels: BTreeMap<String, String>,
    layers: &[Vec<(String, String)>],
) -> Result<Digest, Error> {
    let layers: Vec<LayerBuilder> = layers
        .iter()
        .map(|files| layer_of(files))
        .collect::<Result<_, _>>()?;
    push_layers(repository, tag, labels, layers).await
}

/// Pushes a single image of `layers`, lowest first, under `tag`.
///
/// # Errors
/// [`Error`] when the image cannot be made or pushed.
pub async fn push_layers(
    repository: &ImageRepository,
    tag: &Tag,
    labels: BTreeMap<String, String>,
    layers: Vec<LayerBuilder>,
) -> Result<Digest, Error> {
    let manifest = push_image(repository, layers, &Arch::amd64(), labels).await?;
    repository
        .put_manifest(&Reference::Tag(tag.clone()), &manifest)
        .await?;
    Ok(manifest.digest)
}

fn layer_of(files: &[(String, String)]) -> Result<LayerBuilder, oci::LayerError> {
    let mut layer = LayerBuilder::new(0);
    for (path, content) in files {
        let content = BlobSource::Bytes(content.clone().into());
        layer.file(&format!("/{path}"), Owner::ROOT, 0o644, content)?;
    }
    Ok(layer)
}

/// Pushes one image per architecture, of the layer that `layer` makes for it, and their list as `latest`.
async fn push_list(
    client: &Client,
    repository: &Repository,
    arches: &[&str],
    labels: BTreeMap<String, String>,
    layer: impl Fn(&Arch) -> Result<LayerBuilder, oci::LayerError>,
) -> Result<PullSpec, Error> {
    let target = ImageRepository::Remote(client.repository(repository));
    let mut entries = Vec::new();
    for text in arches {
        let arch: Arch = text.parse()?;
        let mut labels = labels.clone();
        labels.extend(
            arch.label()
                .map(|label| ("architecture".to_owned(), label.to_owned())),
        );
        let manifest = push_image(&target, vec![layer(&arch)?], &arch, labels).await?;
        target
            .put_manifest(&Reference::Digest(manifest.digest.clone()), &manifest)
            .await?;
        let mut entry = manifest.descriptor();
        entry.platform = Some(Platform::linux(&arch));
        entries.push(entry);
    }
    let list = ManifestList::new(Format::Docker, entries).to_raw();
    target
        .put_manifest(&Reference::Tag(Tag::latest()), &list)
        .await?;
    Ok(repository.with_tag(Tag::latest()).into())
}

/// Pushes an image of `layers`, lowest first, and gives its manifest, which is not pushed yet.
async fn push_image(
    repository: &ImageRepository,
    layers: Vec<LayerBuilder>,
    arch: &Arch,
    labels: BTreeMap<String, String>,
) -> Result<RawManifest, Error> {
    let (mut descriptors, mut diff_ids) = (Vec::new(), Vec::new());
    for layer in layers {
        // The writer owns the file: a push that is dropped meanwhile must not remove it before it is written.
        let (layer, _file) = tokio::task::spawn_blocking(move || {
            let file = tempfile::NamedTempFile::new()?.into_temp_path();
            Ok::<_, Error>((layer.write(&file, Format::Docker)?, file))
        })
        .await??;
        repository
            .put_blob(&layer.descriptor, &layer.source)
            .await?;
        descriptors.push(layer.descriptor);
        diff_ids.push(layer.diff_id);
    }
    let config = image_config(arch, labels, diff_ids).to_bytes();
    let size = u64::try_from(config.len()).expect("a length in memory fits in 64 bits");
    let descriptor = Descriptor::new(Format::Docker.config(), size, Digest::of(&config));
    repository
        .put_blob(&descriptor, &BlobSource::Bytes(config))
        .await?;
    Ok(ImageManifest::new(Format::Docker, descriptor, descriptors).to_raw())
}

fn image_config(
    arch: &Arch,
    labels: BTreeMap<String, String>,
    diff_ids: Vec<DiffId>,
) -> ImageConfig {
    ImageConfig {
        architecture: arch.to_string(),
        os: "linux".to_owned(),
        config: Some(RunConfig {
            labels: Some(labels),
            ..RunConfig::default()
        }),
        rootfs: RootFs {
            kind: "layers".to_owned(),
            diff_ids,
        },
        history: Vec::new(),
        created: None,
        rest: BTreeMap::new(),
    }
}

/// Bytes that look random and are always the same for `seed` (xorshift), so that images keep their digests.
fn noise(length: usize, seed: &str) -> Vec<u8> {
    let mut state = seed.bytes().fold(0x9e37_79b9_7f4a_7c15_u64, |state, byte| {
        state.rotate_left(8) ^ u64::from(byte)
    });
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
