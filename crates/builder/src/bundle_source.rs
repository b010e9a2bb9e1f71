//! Bundles as text, out of their images.

use std::collections::BTreeMap;

use bundle::source::SourceError;
use oci::{Credentials, Limits};
use secrecy::{ExposeSecret as _, SecretString};

use crate::Builder;
use crate::error::{ContentError, Error, Role};
use crate::image::{FoundImage, PlatformImage};

/// The directories of a bundle image that are read, and how their files' paths begin.
const DIRECTORIES: [(&str, &str); 2] = [("/manifests", "manifests"), ("/metadata", "metadata")];

/// Credentials of one request: a Docker configuration whose entries hold over the service's own. Cannot be printed.
#[derive(Clone)]
pub struct RegistryAuths(Credentials);

/// Why a text is no Docker configuration. The text is not repeated: it holds secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "`registry_auths` is not a Docker configuration with `auths`, each with an `auth` of `user:password` in base64"
)]
pub struct ParseAuthsError;

impl RegistryAuths {
    /// Reads the text of a Docker configuration. Programs that it names are never asked.
    ///
    /// # Errors
    /// [`ParseAuthsError`] if it is none.
    pub fn parse(text: &SecretString) -> Result<Self, ParseAuthsError> {
        let origin = "`registry_auths` of the request";
        let read = Credentials::from_docker_json(text.expose_secret().as_bytes(), origin);
        read.map(Self).map_err(|_| ParseAuthsError)
    }
}

impl std::fmt::Debug for RegistryAuths {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RegistryAuths(***)")
    }
}

impl Builder {
    /// The client of a request that may have credentials of its own.
    pub(crate) fn client_with(&self, auths: Option<&RegistryAuths>) -> oci::Client {
        match auths {
            None => self.client.clone(),
            Some(RegistryAuths(auths)) => {
                let credentials = self.credentials.clone().with_entries_of(auths);
                self.client.with_credentials(credentials)
            }
        }
    }
}

impl Builder {
    /// The files of the bundle in the image `name`, by their paths such as `manifests/csv.yaml`. Of a manifest list amd64's image is read,
    /// or the first.
    ///
    /// # Errors
    /// [`Error`] when the image cannot be read.
    pub async fn bundle_files(
        &self,
        name: &oci::ImageName,
    ) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let blobs = Some(self.blobs().await?);
        let image = FoundImage::find(&self.client, blobs, name, Role::Bundle, None).await?;
        let platform = image.for_labels().await?;
        Ok(read(&image, &platform).await?.files)
    }
}

/// A bundle in an image.
pub(crate) struct SourceFiles {
    /// Its files, by their paths such as `manifests/csv.yaml`.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Where the directories `manifests` and `metadata` really are.
    directories: BTreeMap<&'static str, String>,
}

impl SourceFiles {
    /// Where a file is in the image. A file put where a link leads to leaves the link alone, and all that lies beside the file.
    pub(crate) fn place(&self, path: &str) -> String {
        let split = path.split_once('/');
        let real = split.and_then(|(name, rest)| Some((self.directories.get(name)?, rest)));
        real.map_or_else(|| path.to_owned(), |(real, rest)| format!("{real}/{rest}"))
    }
}

/// The bundle in an image; its layers are streamed once.
pub(crate) async fn read(
    image: &FoundImage,
    platform: &PlatformImage,
) -> Result<SourceFiles, Error> {
    let paths: Vec<&str> = DIRECTORIES.iter().map(|(path, _)| *path).collect();
    let (from, manifest) = (&image.repository, &platform.manifest);
    let trees = oci::read_trees(from, manifest, &paths, &Limits::bundle()).await;
    let mut trees = trees.map_err(|source| image.read(source))?;
    let (mut files, mut directories) = (BTreeMap::new(), BTreeMap::new());
    for (path, name) in DIRECTORIES {
        let Some(tree) = trees.remove(path).flatten() else {
            continue;
        };
        directories.insert(name, tree.path);
        let named = tree.files.into_iter();
        files.extend(named.map(|(file, bytes)| (format!("{name}/{file}"), bytes.to_vec())));
    }
    Ok(SourceFiles { files, directories })
}

/// The manifests of the bundle in an image, which lie in `directory`, as if they lay where most do.
pub(crate) async fn manifests(
    image: &FoundImage,
    platform: &PlatformImage,
    directory: &str,
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let directory = format!("/{}", directory.trim_matches('/'));
    let (from, manifest) = (&image.repository, &platform.manifest);
    let tree = oci::read_tree(from, manifest, &directory, &Limits::bundle()).await;
    let tree = tree.map_err(|source| image.read(source))?;
    let (_, name) = DIRECTORIES[0];
    let files = tree.unwrap_or_default().files.into_iter();
    let files = files.map(|(file, bytes)| (format!("{name}/{file}"), bytes.to_vec()));
    Ok(files.collect())
}

/// The error of a bundle that cannot be worked on.
pub(crate) fn refused(bundle: &impl ToString) -> impl FnOnce(SourceError) -> Error {
    let bundle = bundle.to_string();
    move |source| {
        Error::from(ContentError::BundleSource {
            bundle,
            source: Box::new(source),
        })
    }
}
