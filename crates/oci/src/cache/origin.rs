//! Where the compressed bytes of a layer come from.

use std::fs::File;

use super::places::at;
use crate::blocking;
use crate::client::{BlobSource, BlobStream};
use crate::error::Error;
use crate::image_repository::ImageRepository;
use crate::layout;
use crate::manifest::Descriptor;

/// Where the compressed bytes of a layer come from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A registry or another directory.
    Repository(ImageRepository),
    /// They were made here.
    Here(BlobSource),
}

impl Origin {
    /// The place's name for people.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Repository(repository) => repository.display_name(),
            Self::Here(BlobSource::File(path)) => path.display().to_string(),
            Self::Here(BlobSource::Bytes(_)) => "memory".to_owned(),
        }
    }

    /// The compressed layer, with its size and digest checked.
    pub(super) async fn stream(&self, layer: &Descriptor) -> Result<BlobStream, Error> {
        let source = match self {
            Self::Repository(repository) => return repository.blob(layer).await,
            Self::Here(source) => source,
        };
        let what = format!("keeping the layer `{}`", layer.digest);
        match source.clone() {
            BlobSource::Bytes(bytes) => {
                let whole = futures::stream::iter([Ok(bytes)]);
                Ok(BlobStream::verified(whole, layer, what))
            }
            BlobSource::File(path) => {
                let (file, path) = blocking::run(move || {
                    let file = File::open(&path).map_err(at(&path))?;
                    Ok::<_, Error>((file, path))
                })
                .await?;
                Ok(layout::blobs::stream(file, path, layer, what))
            }
        }
    }
}
