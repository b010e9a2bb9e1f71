//! What a registry's readers see: every tag, what it points to, and that all of that is there.

use std::collections::BTreeMap;

use oci::{Document, ImageRepository, Reference};

use super::World;

/// The largest blob of these tests, in bytes.
const MAX_BLOB_BYTES: u64 = 1 << 20;

/// The digest every tag points to, by `repository:tag`.
pub(crate) type State = BTreeMap<String, String>;

impl World {
    /// Every tag of `repositories`. Reads all that the tags name; fails, saying what, if something of it is missing or damaged.
    pub(crate) async fn state(&self, repositories: &[&str]) -> Result<State, String> {
        let mut state = State::new();
        for path in repositories {
            let remote = self.client.repository(&self.repository(path));
            let repository = ImageRepository::Remote(remote);
            let tags = match repository.tags().await {
                Ok(tags) => tags,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error.to_string()),
            };
            for tag in tags {
                let name = format!("{path}:{tag}");
                let digest = read_all(&repository, Reference::Tag(tag))
                    .await
                    .map_err(|error| format!("`{name}` is not whole: {error}"))?;
                state.insert(name, digest);
            }
        }
        Ok(state)
    }
}

/// Reads the manifest, its children and all their blobs, each verified by digest, and gives the manifest's digest.
async fn read_all(
    repository: &ImageRepository,
    reference: Reference,
) -> Result<String, oci::Error> {
    let root = repository.manifest(&reference).await?;
    let mut documents = vec![root.parse()?];
    while let Some(document) = documents.pop() {
        match document {
            Document::List(list) => {
                for entry in list.manifests {
                    let child = Reference::Digest(entry.digest);
                    documents.push(repository.manifest(&child).await?.parse()?);
                }
            }
            Document::Image(image) => {
                for blob in image.layers.iter().chain([&image.config]) {
                    repository.blob_bytes(blob, MAX_BLOB_BYTES).await?;
                }
            }
        }
    }
    Ok(root.digest.to_string())
}
