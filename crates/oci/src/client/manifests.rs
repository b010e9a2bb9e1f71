//! Manifests: read, looked up and written as bytes (distribution specification, end-3 and end-7).

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;

use super::operation::{Access, Operation};
use super::reply::Reply;
use super::repository::RemoteRepository;
use super::transport::Request;
use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::manifest::{Descriptor, RawManifest};
use crate::media_type::MediaType;
use crate::reference::Reference;

pub(super) const DIGEST_HEADER: HeaderName = HeaderName::from_static("docker-content-digest");
/// Registries accept 4 MiB by specification; this leaves room and bounds memory.
const MAX_MANIFEST_BYTES: usize = 8 * 1024 * 1024;
const JSON: &str = "application/json";

impl RemoteRepository {
    /// Reads the manifest or list `reference`, at most 8 MiB of it, and verifies its digest.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`] when there is none, [`Error::DigestMismatch`] when the bytes are not those promised.
    pub async fn manifest(&self, reference: &Reference) -> Result<RawManifest, Error> {
        let what = format!("reading the manifest of `{}`", self.image(reference));
        let operation = self.operation("manifest.get", what, Access::pull(self.name.path()))?;
        let request = self.manifest_request(&operation, Method::GET, reference);
        let mut budget = self.budget();
        loop {
            match self.manifest_once(&operation, &request, reference).await {
                Ok(manifest) => return Ok(manifest),
                Err(error) => budget.again(error).await?,
            }
        }
    }

    async fn manifest_once(
        &self,
        operation: &Operation,
        request: &Request,
        reference: &Reference,
    ) -> Result<RawManifest, Error> {
        let reply = self.client.send(operation, request).await?;
        match reply.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(self.missing(operation, reply, reference).await),
            _ => return Err(reply.into_error(operation).await),
        }
        let promised = promised_digest(operation, &reply)?;
        let sent_type = content_type(&reply);
        let bytes = reply.bytes(operation, MAX_MANIFEST_BYTES).await?;
        let media_type = media_type_of(&bytes, sent_type);
        // The digest of a signed schema 1 manifest leaves out the signatures, which only its JWS envelope tells apart.
        // Nothing ever reads such a manifest's content, so the registry's word is enough.
        if media_type == MediaType::DockerSchema1Signed
            && let Some(digest) = promised
        {
            return Ok(RawManifest {
                media_type,
                bytes,
                digest,
            });
        }
        let asked = match reference {
            Reference::Digest(digest) => Some(digest.clone()),
            Reference::Tag(_) => None,
        };
        for expected in asked.iter().chain(&promised) {
            verify(operation, &bytes, expected)?;
        }
        let manifest = RawManifest::new(media_type, bytes);
        Ok(match asked {
            Some(digest) => RawManifest { digest, ..manifest },
            None => manifest,
        })
    }

    /// Looks up what `reference` points at without reading it; nothing when it does not exist.
    ///
    /// From registries that leave out the digest or the size, the manifest is read after all.
    ///
    /// # Errors
    /// [`Error`] when the registry cannot be asked.
    pub async fn head_manifest(&self, reference: &Reference) -> Result<Option<Descriptor>, Error> {
        self.head_with(reference, Access::pull(self.name.path()))
            .await
    }

    /// As [`RemoteRepository::head_manifest`], asked with the right to push: who has it sees what is there.
    pub(crate) async fn head_manifest_to_push(
        &self,
        reference: &Reference,
    ) -> Result<Option<Descriptor>, Error> {
        self.head_with(reference, Access::push(self.name.path()))
            .await
    }

    async fn head_with(
        &self,
        reference: &Reference,
        access: Access,
    ) -> Result<Option<Descriptor>, Error> {
        let what = format!("looking up `{}`", self.image(reference));
        let operation = self.operation("manifest.head", what, access)?;
        let request = self.manifest_request(&operation, Method::HEAD, reference);
        let mut budget = self.budget();
        let reply = loop {
            let error = match self.client.send(&operation, &request).await {
                Ok(reply) => match reply.status() {
                    StatusCode::OK => break reply,
                    StatusCode::NOT_FOUND => return Ok(None),
                    _ => reply.into_error(&operation).await,
                },
                Err(error) => error,
            };
            budget.again(error).await?;
        };
        let promised = promised_digest(&operation, &reply)?;
        let size = reply
            .header(CONTENT_LENGTH)
            .and_then(|text| text.parse().ok());
        if let (Some(digest), Some(size), Some(media_type)) = (promised, size, content_type(&reply))
        {
            if let Reference::Digest(asked) = reference
                && asked.algorithm() == digest.algorithm()
                && *asked != digest
            {
                return Err(mismatch(&operation, asked, digest));
            }
            return Ok(Some(Descriptor::new(media_type, size, digest)));
        }
        drop(reply);
        match self.manifest(reference).await {
            Ok(manifest) => Ok(Some(manifest.descriptor())),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes `manifest` under `reference`. What it points at must be there already.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`] when `reference` is another digest or the registry stored other bytes;
    /// [`Error::Status`] when the registry does not accept it.
    pub async fn put_manifest(
        &self,
        reference: &Reference,
        manifest: &RawManifest,
    ) -> Result<(), Error> {
        let what = format!("writing the manifest of `{}`", self.image(reference));
        let operation = self.operation("manifest.put", what, Access::push(self.name.path()))?;
        if let Reference::Digest(digest) = reference
            && *digest != manifest.digest
        {
            return Err(mismatch(&operation, digest, manifest.digest.clone()));
        }
        let content_type = HeaderValue::from_str(manifest.media_type.as_str())
            .map_err(|_| operation.protocol("the manifest's media type cannot be sent"))?;
        let url = self.url(&operation, &format!("manifests/{reference}"));
        let mut request = Request::new(Method::PUT, url);
        request.headers.insert(CONTENT_TYPE, content_type);
        request.body = manifest.bytes.clone();
        let mut budget = self.budget();
        loop {
            let error = match self.client.send(&operation, &request).await {
                Ok(reply) if reply.status().is_success() => {
                    let stored = promised_digest(&operation, &reply)?;
                    return match stored {
                        Some(stored)
                            if stored.algorithm() == manifest.digest.algorithm()
                                && stored != manifest.digest =>
                        {
                            Err(mismatch(&operation, &manifest.digest, stored))
                        }
                        Some(_) | None => Ok(()),
                    };
                }
                Ok(reply) => reply.into_error(&operation).await,
                Err(error) => error,
            };
            budget.again(error).await?;
        }
    }

    fn manifest_request(
        &self,
        operation: &Operation,
        method: Method,
        reference: &Reference,
    ) -> Request {
        let url = self.url(operation, &format!("manifests/{reference}"));
        let mut request = Request::new(method, url);
        // Schema 1 comes last: it is asked for so that such an image is refused by name instead of not being found.
        // All stand in one header, because not every registry looks at a second one.
        let accepted = [
            MediaType::OciIndex,
            MediaType::DockerList,
            MediaType::OciManifest,
            MediaType::DockerManifest,
            MediaType::DockerSchema1Signed,
            MediaType::DockerSchema1,
        ];
        let accepted: Vec<&str> = accepted.iter().map(MediaType::as_str).collect();
        let accepted = HeaderValue::from_str(&accepted.join(", "))
            .expect("known media types are visible ASCII");
        request.headers.insert(ACCEPT, accepted);
        request
    }

    async fn missing(&self, operation: &Operation, reply: Reply, reference: &Reference) -> Error {
        if reply.said(operation).await.has("NAME_UNKNOWN") {
            return Error::RepositoryUnknown {
                repository: self.name.clone(),
            };
        }
        Error::ManifestUnknown {
            image: self.image(reference),
        }
    }
}

fn mismatch(operation: &Operation, expected: &Digest, actual: Digest) -> Error {
    Error::DigestMismatch {
        what: operation.what.clone(),
        expected: expected.clone(),
        actual,
    }
}

fn verify(operation: &Operation, bytes: &[u8], expected: &Digest) -> Result<(), Error> {
    let mut hasher = Hasher::new(expected.algorithm());
    hasher.update(bytes);
    let actual = hasher.finish();
    if actual == *expected {
        Ok(())
    } else {
        Err(mismatch(operation, expected, actual))
    }
}

/// The digest in the answer's header; nothing when there is none.
fn promised_digest(operation: &Operation, reply: &Reply) -> Result<Option<Digest>, Error> {
    let parsed = reply.header(DIGEST_HEADER).map(str::parse).transpose();
    parsed.map_err(|_| operation.protocol("its `Docker-Content-Digest` is not a digest"))
}

/// The answer's content type without parameters; nothing when it says no more than JSON.
fn content_type(reply: &Reply) -> Option<MediaType> {
    let text = reply.header(CONTENT_TYPE)?;
    let text = text.split(';').next().unwrap_or_default().trim();
    (!text.is_empty() && text != JSON).then(|| MediaType::from(text))
}

#[derive(Deserialize)]
struct Probe {
    #[serde(rename = "mediaType", default)]
    media_type: Option<String>,
    #[serde(rename = "schemaVersion", default)]
    schema_version: Option<u64>,
    #[serde(default)]
    manifests: Option<serde::de::IgnoredAny>,
}

/// The type of a manifest: what it says itself, else what the registry says, else what it looks like.
pub(crate) fn media_type_of(bytes: &Bytes, sent: Option<MediaType>) -> MediaType {
    let probe: Option<Probe> = serde_json::from_slice(bytes).ok();
    let own = probe.as_ref().and_then(|probe| probe.media_type.as_deref());
    if let Some(own) = own.filter(|own| !own.is_empty()) {
        return MediaType::from(own);
    }
    if let Some(sent) = sent {
        return sent;
    }
    match probe {
        Some(probe) if probe.manifests.is_some() => MediaType::OciIndex,
        Some(probe) if probe.schema_version == Some(1) => MediaType::DockerSchema1,
        Some(_) => MediaType::OciManifest,
        None => MediaType::Other(JSON.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_its_type_before_the_registry_does() {
        let list = MediaType::DockerList.as_str();
        for (body, sent, expected) in [
            (
                format!(r#"{{"mediaType":"{list}"}}"#),
                Some(MediaType::OciIndex),
                MediaType::DockerList,
            ),
            (
                "{}".to_owned(),
                Some(MediaType::OciIndex),
                MediaType::OciIndex,
            ),
            (r#"{"manifests":[]}"#.to_owned(), None, MediaType::OciIndex),
            (
                r#"{"schemaVersion":1}"#.to_owned(),
                None,
                MediaType::DockerSchema1,
            ),
            (
                r#"{"schemaVersion":2,"config":{}}"#.to_owned(),
                None,
                MediaType::OciManifest,
            ),
            ("<".to_owned(), None, MediaType::Other(JSON.to_owned())),
        ] {
            assert_eq!(media_type_of(&Bytes::from(body), sent), expected);
        }
    }
}
