//! Images whose layers are written byte by byte, as nobody's tools would.

use std::io::Write as _;

use oci::{
    BlobSource, Descriptor, DiffId, Digest, Format, ImageConfig, ImageManifest, MediaType,
    PullSpec, Reference,
};
use tar::{EntryType, Header};

use super::World;

/// An entry of a layer.
pub(crate) fn entry(kind: EntryType, path: &str, link: &str, size: u64) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(size);
    // Written as it is: hostile names too.
    let fields = header.as_gnu_mut().unwrap();
    fields.name[..path.len()].copy_from_slice(path.as_bytes());
    fields.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    header.as_bytes().to_vec()
}

pub(crate) fn file(path: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = entry(
        EntryType::Regular,
        path,
        "",
        content.len().try_into().unwrap(),
    );
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub(crate) fn symlink(path: &str, target: &str) -> Vec<u8> {
    entry(EntryType::Symlink, path, target, 0)
}

pub(crate) fn hardlink(path: &str, target: &str) -> Vec<u8> {
    entry(EntryType::Link, path, target, 0)
}

pub(crate) fn directory(path: &str) -> Vec<u8> {
    entry(EntryType::Directory, path, "", 0)
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl World {
    /// Pushes an image of these layers, which are packed here, the lowest first, with the labels of a bundle.
    pub(crate) async fn packed(&self, layers: &[Vec<u8>]) -> PullSpec {
        let ids: Vec<Digest> = layers.iter().map(Digest::of).collect();
        let layers: Vec<Vec<u8>> = layers.iter().map(|layer| gzip(layer)).collect();
        self.raw(&layers, &ids, |_| {}).await
    }

    /// The same of layers that are packed already, without a word of what they are unpacked.
    pub(crate) async fn hostile(&self, layers: &[Vec<u8>]) -> PullSpec {
        self.changed(layers, |_| {}).await
    }

    /// Like [`World::hostile`], with its manifest changed.
    pub(crate) async fn changed(
        &self,
        layers: &[Vec<u8>],
        change: impl FnOnce(&mut ImageManifest),
    ) -> PullSpec {
        self.raw(layers, &[], change).await
    }

    async fn raw(
        &self,
        layers: &[Vec<u8>],
        ids: &[Digest],
        change: impl FnOnce(&mut ImageManifest),
    ) -> PullSpec {
        let name = self.repository("hostile");
        let repository = self.client.repository(&name);
        let push = async |media_type, bytes: Vec<u8>| {
            let size = bytes.len().try_into().unwrap();
            let descriptor = Descriptor::new(media_type, size, Digest::of(&bytes));
            let source = BlobSource::Bytes(bytes.into());
            repository.put_blob(&descriptor, &source).await.unwrap();
            descriptor
        };
        let config = r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{"Labels":{"operators.operatorframework.io.bundle.package.v1":"good"}}}"#;
        let mut config: ImageConfig = serde_json::from_str(config).unwrap();
        config.rootfs.diff_ids = ids.iter().cloned().map(DiffId::new).collect();
        let config = push(MediaType::OciConfig, config.to_bytes().to_vec()).await;
        let mut descriptors = Vec::new();
        for layer in layers {
            descriptors.push(push(MediaType::OciLayerGzip, layer.clone()).await);
        }
        let mut manifest = ImageManifest::new(Format::Oci, config, descriptors);
        change(&mut manifest);
        let raw = manifest.to_raw();
        let reference = Reference::Digest(raw.digest.clone());
        repository.put_manifest(&reference, &raw).await.unwrap();
        name.with_digest(raw.digest).into()
    }
}
