//! Images made of hand-written layers, in a layout of their own.

use std::collections::BTreeMap;
use std::io::Write as _;

use bytes::Bytes;
use oci::{
    BlobSource, Descriptor, Digest, Error, Format, ImageManifest, ImageRepository, Layout, Limits,
    MediaType, read_tree,
};
use tar::{EntryType, Header};
use tempfile::TempDir;

/// An entry of a layer's archive.
pub(crate) enum Entry {
    Dir(&'static str),
    File(&'static str, &'static str),
    Symlink(&'static str, &'static str),
    HardLink(&'static str, &'static str),
    Fifo(&'static str),
}

pub(crate) fn header(kind: EntryType, path: &str, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(size.try_into().unwrap());
    // Written as it is: hostile names too.
    header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_cksum();
    header
}

pub(crate) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for entry in entries {
        let (mut header, content) = match entry {
            Entry::Dir(path) => (header(EntryType::Directory, path, 0), ""),
            Entry::File(path, content) => {
                (header(EntryType::Regular, path, content.len()), *content)
            }
            Entry::Symlink(path, target) => {
                let mut header = header(EntryType::Symlink, path, 0);
                header.set_link_name_literal(target).unwrap();
                (header, "")
            }
            Entry::HardLink(path, target) => {
                let mut header = header(EntryType::Link, path, 0);
                header.set_link_name_literal(target).unwrap();
                (header, "")
            }
            Entry::Fifo(path) => (header(EntryType::Fifo, path, 0), ""),
        };
        header.set_cksum();
        archive.append(&header, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn list(folder: &std::path::Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            list(&entry.path(), &format!("{name}/"), files);
        } else if kind.is_symlink() {
            let target = std::fs::read_link(entry.path()).unwrap();
            files.insert(name, format!("-> {}", target.display()));
        } else {
            files.insert(name, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// An image in a layout that disappears with it.
pub(crate) struct Image {
    pub(crate) folder: TempDir,
    pub(crate) repository: ImageRepository,
    pub(crate) manifest: ImageManifest,
}

impl Image {
    /// An image of `layers`, lowest first, stored as they are.
    pub(crate) async fn of_blobs(layers: Vec<Vec<u8>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create_or_open(folder.path().join("layout"))
            .await
            .unwrap();
        let repository = ImageRepository::Layout(layout);
        let mut descriptors = Vec::new();
        for blob in layers {
            let size = blob.len().try_into().unwrap();
            let descriptor = Descriptor::new(MediaType::DockerLayer, size, Digest::of(&blob));
            let blob = BlobSource::Bytes(blob.into());
            repository.put_blob(&descriptor, &blob).await.unwrap();
            descriptors.push(descriptor);
        }
        let config = Descriptor::new(MediaType::DockerConfig, 0, Digest::of(""));
        let manifest = ImageManifest::new(Format::Docker, config, descriptors);
        Self {
            folder,
            repository,
            manifest,
        }
    }

    pub(crate) async fn of(layers: &[&[Entry]]) -> Self {
        Self::of_blobs(layers.iter().map(|layer| gzip(&tar(layer))).collect()).await
    }

    /// Where the layer's bytes lie.
    pub(crate) fn blob_file(&self, layer: usize) -> std::path::PathBuf {
        let hex = self.manifest.layers[layer].digest.hex();
        self.folder.path().join("layout/blobs/sha256").join(hex)
    }

    pub(crate) async fn read(
        &self,
        directory: &str,
    ) -> Result<Option<BTreeMap<String, String>>, Error> {
        let tree = read_tree(
            &self.repository,
            &self.manifest,
            directory,
            &Limits::bundle(),
        )
        .await?;
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        Ok(tree.map(|tree| {
            let files = tree.files.into_iter();
            files.map(|(path, bytes)| (path, text(bytes))).collect()
        }))
    }

    /// Extracts a whole directory and returns its files, and its links by what they lead to.
    pub(crate) async fn extract_tree(
        &self,
        directory: &str,
        limits: &Limits,
    ) -> Result<Option<BTreeMap<String, String>>, Error> {
        let to = self.folder.path().join("tree");
        let (image, manifest) = (&self.repository, &self.manifest);
        let found = oci::extract_tree(image, manifest, directory, &to, limits).await?;
        let mut files = BTreeMap::new();
        if found {
            list(&to, "", &mut files);
            std::fs::remove_dir_all(&to).unwrap();
        }
        let mut left = std::fs::read_dir(self.folder.path()).unwrap();
        assert!(
            left.all(|entry| !entry
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with('.')),
            "nothing is left beside the tree"
        );
        Ok(found.then_some(files))
    }

    /// Extracts and returns the content with the size that was reported.
    pub(crate) async fn extract(&self, path: &str) -> Result<Option<String>, Error> {
        let to = self.folder.path().join("extracted");
        let limits = Limits::index();
        let size = oci::extract_file(&self.repository, &self.manifest, path, &to, &limits).await?;
        Ok(size.map(|size| {
            let content = std::fs::read_to_string(&to).unwrap();
            assert_eq!(size, u64::try_from(content.len()).unwrap());
            content
        }))
    }
}
