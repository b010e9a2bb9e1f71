//! The images of the measurement: the binary image's stand-in, the index as other tools make it, and fragments.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use oci::{
    Arch, BlobSource, Client, ClientConfig, Descriptor, Digest, Document, Format, ImageConfig,
    ImageManifest, ImageRepository, Layer, LayerBuilder, ManifestList, Owner, Platform, Reference,
    Repository, Tag,
};

const CONFIGS_LABEL: &str = "operators.operatorframework.io.index.configs.v1";
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// Whom catalog servers run as.
const SERVER: Owner = Owner { uid: 1001, gid: 0 };

/// A registry with images, and a place to make more.
pub(super) struct Shelf {
    client: Client,
    host: String,
}

/// A catalog and its serve cache on the disk.
pub(super) struct Catalog<'a> {
    pub(super) configs: &'a Path,
    pub(super) cache: &'a Path,
}

impl Shelf {
    pub(super) fn new(host: String) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::new(ClientConfig::default())?,
            host,
        })
    }

    /// The pull spec of `name`, such as `index:1`, here.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }

    fn repository(&self, path: &str) -> anyhow::Result<ImageRepository> {
        let name: Repository = self.name(path).parse()?;
        Ok(ImageRepository::Remote(self.client.repository(&name)))
    }

    /// Pushes `binary:latest` with so many bytes of incompressible data per architecture.
    pub(super) async fn binary_image(&self, arches: &[&str], bytes: usize) -> anyhow::Result<()> {
        let repository = self.name("binary").parse()?;
        samples::push_binary_image(&self.client, &repository, arches, bytes).await?;
        Ok(())
    }

    /// Pushes a fragment of one package as `fragment:<tag>` and gives the size of its layer: the change, compressed.
    pub(super) async fn fragment(
        &self,
        tag: &str,
        package: &str,
        text: String,
    ) -> anyhow::Result<u64> {
        let repository = self.repository("fragment")?;
        let tag: Tag = tag.parse()?;
        let file = (format!("configs/{package}/catalog.json"), text);
        samples::push_files(&repository, &tag, configs_label(), &[vec![file]]).await?;
        let manifest = repository.manifest(&Reference::Tag(tag)).await?;
        let Document::Image(image) = manifest.parse()? else {
            bail!("the fragment is a list");
        };
        Ok(image.layers.iter().map(|layer| layer.size).sum())
    }

    /// Pushes the index `index:<tag>` as other tools make it: the binary image, a layer with the catalog, a layer with its cache.
    pub(super) async fn plain_index(
        &self,
        tag: &str,
        catalog: &Catalog<'_>,
        scratch: &Path,
    ) -> anyhow::Result<()> {
        let binary = self.repository("binary")?;
        let target = self.repository("index")?;
        let mut layers = Vec::new();
        for (prefix, directory, owner) in [
            ("configs", catalog.configs, Owner::ROOT),
            ("tmp/cache", catalog.cache, SERVER),
        ] {
            let file = scratch.join(format!("{}.layer", prefix.replace('/', "-")));
            let layer = write_layer(prefix, directory, owner, &file).await?;
            target.put_blob(&layer.descriptor, &layer.source).await?;
            layers.push(layer);
        }
        let raw = binary.manifest(&Reference::Tag(Tag::latest())).await?;
        let Document::List(list) = raw.parse()? else {
            bail!("the binary image is no list");
        };
        let mut entries = Vec::new();
        for entry in &list.manifests {
            entries.push(plain_image(&binary, &target, entry, &layers).await?);
        }
        let list = ManifestList::new(Format::Docker, entries).to_raw();
        target
            .put_manifest(&Reference::Tag(tag.parse()?), &list)
            .await?;
        Ok(())
    }

    /// What reading `name` costs before any of its layers: the bytes of its list, its images' manifests and their configs.
    pub(super) async fn descriptions(&self, name: &str) -> anyhow::Result<u64> {
        let (path, tag) = name.split_once(':').context("a name with a tag")?;
        let repository = self.repository(path)?;
        let root = repository.manifest(&Reference::Tag(tag.parse()?)).await?;
        let mut bytes = root.descriptor().size;
        let images = match root.parse()? {
            Document::Image(image) => vec![image],
            Document::List(list) => {
                let mut images = Vec::new();
                for entry in list.manifests {
                    bytes += entry.size;
                    let child = repository
                        .manifest(&Reference::Digest(entry.digest))
                        .await?;
                    if let Document::Image(image) = child.parse()? {
                        images.push(image);
                    }
                }
                images
            }
        };
        Ok(bytes + images.iter().map(|image| image.config.size).sum::<u64>())
    }
}

fn configs_label() -> BTreeMap<String, String> {
    BTreeMap::from([(CONFIGS_LABEL.to_owned(), "/configs".to_owned())])
}

/// The image of `entry` with `layers` on top, pushed; gives its entry in a list.
async fn plain_image(
    binary: &ImageRepository,
    target: &ImageRepository,
    entry: &Descriptor,
    layers: &[Layer],
) -> anyhow::Result<Descriptor> {
    let raw = binary
        .manifest(&Reference::Digest(entry.digest.clone()))
        .await?;
    let Document::Image(base) = raw.parse()? else {
        bail!("a list within the binary image's list");
    };
    for layer in &base.layers {
        target.copy_blob_from(binary, layer).await?;
    }
    let bytes = binary.blob_bytes(&base.config, MAX_CONFIG_BYTES).await?;
    let mut config: ImageConfig = serde_json::from_slice(&bytes)?;
    let arch: Arch = config.architecture.parse()?;
    let diff_ids = layers.iter().map(|layer| layer.diff_id.clone());
    config.rootfs.diff_ids.extend(diff_ids);
    let run = config.config.get_or_insert_default();
    run.labels.get_or_insert_default().extend(configs_label());
    run.entrypoint = Some(vec!["/bin/opm".to_owned()]);
    let arguments = ["serve", "/configs", "--cache-dir=/tmp/cache"];
    run.cmd = Some(arguments.map(str::to_owned).to_vec());
    let bytes = config.to_bytes();
    let descriptor = Descriptor::new(
        Format::Docker.config(),
        u64::try_from(bytes.len())?,
        Digest::of(&bytes),
    );
    target
        .put_blob(&descriptor, &BlobSource::Bytes(bytes))
        .await?;
    let mut all = base.layers;
    all.extend(layers.iter().map(|layer| layer.descriptor.clone()));
    let manifest = ImageManifest::new(Format::Docker, descriptor, all).to_raw();
    target
        .put_manifest(&Reference::Digest(manifest.digest.clone()), &manifest)
        .await?;
    let mut entry = manifest.descriptor();
    entry.platform = Some(Platform::linux(&arch));
    Ok(entry)
}

/// Writes a layer with the files of `from` below `prefix`, as `to`.
pub(super) async fn write_layer(
    prefix: &str,
    from: &Path,
    owner: Owner,
    to: &Path,
) -> anyhow::Result<Layer> {
    let mut builder = LayerBuilder::new(0);
    add_files(&mut builder, prefix, from, owner)?;
    let to = to.to_owned();
    tokio::task::spawn_blocking(move || Ok(builder.write(&to, Format::Docker)?)).await?
}

fn add_files(
    builder: &mut LayerBuilder,
    prefix: &str,
    from: &Path,
    owner: Owner,
) -> anyhow::Result<()> {
    builder.directory(prefix, owner, 0o775)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("`{}`", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let path = format!("{prefix}/{}", name.to_str().context("a name in UTF-8")?);
        if entry.file_type()?.is_dir() {
            add_files(builder, &path, &entry.path(), owner)?;
        } else {
            builder.file(&path, owner, 0o664, BlobSource::File(entry.path()))?;
        }
    }
    Ok(())
}
