//! Reading, accepting and deleting manifests.

use std::collections::BTreeSet;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION};
use http::{Response, StatusCode};
use serde::Deserialize;

use super::{Call, Registry};
use crate::digest::Digest;
use crate::name::{Reference, RepositoryName};
use crate::reply::{self, Body, CONTENT_DIGEST, Code, Refusal};
use crate::request::{RequestBody, header};
use crate::storage::{Pushed, Stored};

/// The media types of manifests, OCI's and Docker's.
const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

impl Registry {
    /// `GET` and `HEAD`. What was pushed is served whatever `Accept` says, for converting would change the digest.
    pub(super) async fn get_manifest(
        &self,
        name: RepositoryName,
        reference: String,
    ) -> Result<Response<Body>, Refusal> {
        // What cannot be the name of a manifest is the name of no manifest.
        let Ok(parsed) = reference.parse() else {
            return Err(unknown(&reference));
        };
        let found = self
            .on_disk(move |storage| storage.manifest(&name, &parsed))
            .await?;
        let manifest = found.ok_or_else(|| unknown(&reference))?;
        let builder = Response::builder()
            .header(CONTENT_TYPE, manifest.media_type)
            .header(CONTENT_LENGTH, manifest.bytes.len())
            .header(ETAG, format!("\"{}\"", manifest.digest))
            .header(CONTENT_DIGEST, manifest.digest.to_string());
        reply::finish(builder, reply::full(manifest.bytes))
    }

    pub(super) async fn put_manifest(
        &self,
        name: RepositoryName,
        reference: &str,
        call: &Call<'_>,
        body: &mut RequestBody,
    ) -> Result<Response<Body>, Refusal> {
        let reference: Reference = reference.parse().map_err(|e| {
            let code = if reference.contains(':') {
                Code::DigestInvalid
            } else {
                Code::TagInvalid
            };
            Refusal::new(code, format!("{e}"))
        })?;
        let media_type = header(call.headers, CONTENT_TYPE)
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        let bytes = body.collect(self.max_manifest_bytes).await?;
        let digest = Digest::of(&bytes);
        let (expected, tag) = match reference {
            Reference::Digest(expected) => (expected, None),
            Reference::Tag(tag) => (digest, Some(tag)),
        };
        if expected != digest {
            return Err(Refusal::about(
                Code::DigestInvalid,
                "the digest of this manifest is another",
                [digest],
            ));
        }
        let manifest = Manifest::read(&bytes, &media_type)?;
        let (blobs, children) = (manifest.blobs()?, manifest.children()?);
        let stored = Stored {
            digest,
            media_type,
            bytes: bytes.into(),
        };
        let repository = name.clone();
        let pushed = self
            .on_disk(move |storage| {
                storage.put_manifest(&repository, &stored, &blobs, &children, tag.as_ref())
            })
            .await?;
        match pushed {
            Pushed::Accepted => reply::empty(
                Response::builder()
                    .status(StatusCode::CREATED)
                    .header(LOCATION, format!("/v2/{name}/manifests/{digest}"))
                    .header(CONTENT_DIGEST, digest.to_string()),
            ),
            Pushed::Missing(missing) => Err(Refusal::about(
                Code::ManifestBlobUnknown,
                "the manifest refers to something the repository does not have; push that first",
                missing,
            )),
        }
    }

    pub(super) async fn delete_manifest(
        &self,
        name: RepositoryName,
        reference: String,
    ) -> Result<Response<Body>, Refusal> {
        let Ok(parsed) = reference.parse() else {
            return Err(unknown(&reference));
        };
        if self
            .on_disk(move |storage| storage.delete_manifest(&name, &parsed))
            .await?
        {
            reply::empty(Response::builder().status(StatusCode::ACCEPTED))
        } else {
            Err(unknown(&reference))
        }
    }
}

pub(super) fn unknown(reference: &str) -> Refusal {
    Refusal::new(
        Code::ManifestUnknown,
        format!("the repository does not have the manifest `{reference}`"),
    )
}

/// What of a manifest or a list of manifests the registry looks at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
struct Descriptor {
    digest: String,
    /// Where else the bytes can be had; such layers need not be pushed.
    #[serde(default)]
    urls: Vec<String>,
}

impl Manifest {
    fn read(bytes: &[u8], content_type: &str) -> Result<Self, Refusal> {
        let invalid = |message: String| Refusal::new(Code::ManifestInvalid, message);
        if !MEDIA_TYPES.contains(&content_type) {
            return Err(invalid(format!(
                "`{content_type}` is not a media type of manifests"
            )));
        }
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|e| invalid(format!("the body is no manifest: {e}")))?;
        if manifest.schema_version != 2 {
            return Err(invalid("`schemaVersion` must be 2".to_owned()));
        }
        match &manifest.media_type {
            Some(inside) if inside != content_type => Err(invalid(format!(
                "the manifest is `{inside}`, but was sent as `{content_type}`"
            ))),
            _ => Ok(manifest),
        }
    }

    fn blobs(&self) -> Result<BTreeSet<Digest>, Refusal> {
        digests(self.config.iter().chain(&self.layers))
    }

    fn children(&self) -> Result<BTreeSet<Digest>, Refusal> {
        digests(self.manifests.iter())
    }
}

fn digests<'a>(
    descriptors: impl Iterator<Item = &'a Descriptor>,
) -> Result<BTreeSet<Digest>, Refusal> {
    descriptors
        .filter(|descriptor| descriptor.urls.is_empty())
        .map(|descriptor| {
            let digest = descriptor.digest.parse();
            digest.map_err(|e| Refusal::new(Code::ManifestInvalid, format!("{e}")))
        })
        .collect()
}
