//! Uploading blobs: at once, in chunks, or by mounting what another repository has.

use std::io;
use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_RANGE, HeaderName, LOCATION, RANGE};
use http::{Response, StatusCode};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::{Call, Registry, Sessions};
use crate::digest::Digest;
use crate::name::RepositoryName;
use crate::reply::{self, Body, CONTENT_DIGEST, Code, Refusal};
use crate::request::{RequestBody, header};
use crate::storage::{Storage, Upload};

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// Bytes gathered before they are written: few enough to keep, enough to make the way to the disk worth it.
const WRITE_BYTES: usize = 256 << 10;

/// An upload in the hands of one request. It travels into the blocking work and back, so that a request that is given up
/// midway leaves the upload as the disk has it.
type Held = OwnedMutexGuard<Upload>;

impl Registry {
    /// `POST`: mounts, uploads at once, or opens an upload.
    pub(super) async fn start_upload(
        &self,
        name: RepositoryName,
        call: &Call<'_>,
        body: &mut RequestBody,
    ) -> Result<Response<Body>, Refusal> {
        if let Some(digest) = call.query.get("mount") {
            let digest = digest.parse()?;
            if !call.refuse_mount && self.mount(&name, call.query.get("from"), digest).await? {
                return created(&name, digest);
            }
        }
        let digest: Option<Digest> = call.query.get("digest").map(str::parse).transpose()?;
        let repository = name.clone();
        let upload = self
            .on_disk(move |storage| storage.create_upload(&repository))
            .await?;
        let id = upload.id();
        let upload = Arc::new(tokio::sync::Mutex::new(upload));
        self.lock_sessions().insert(id, Arc::clone(&upload));
        let Some(digest) = digest else {
            return progress(StatusCode::ACCEPTED, &name, &*upload.lock().await);
        };
        let upload = append(upload.lock_owned().await, body).await?;
        self.finish(upload, digest).await?;
        created(&name, digest)
    }

    pub(super) async fn upload_status(
        &self,
        name: &RepositoryName,
        id: &str,
    ) -> Result<Response<Body>, Refusal> {
        let upload = self.take_up(name, id).await?;
        progress(StatusCode::NO_CONTENT, name, &upload)
    }

    pub(super) async fn append_upload(
        &self,
        name: &RepositoryName,
        id: &str,
        call: &Call<'_>,
        body: &mut RequestBody,
    ) -> Result<Response<Body>, Refusal> {
        let upload = self.take_up(name, id).await?;
        check_range(call, body, name, &upload)?;
        let upload = append(upload, body).await?;
        progress(StatusCode::ACCEPTED, name, &upload)
    }

    pub(super) async fn finish_upload(
        &self,
        name: &RepositoryName,
        id: &str,
        call: &Call<'_>,
        body: &mut RequestBody,
    ) -> Result<Response<Body>, Refusal> {
        let digest = call
            .query
            .get("digest")
            .ok_or_else(|| Refusal::new(Code::DigestInvalid, "the parameter `digest` is missing"))?
            .parse()?;
        let upload = self.take_up(name, id).await?;
        check_range(call, body, name, &upload)?;
        let upload = append(upload, body).await?;
        self.finish(upload, digest).await?;
        created(name, digest)
    }

    pub(super) async fn cancel_upload(
        &self,
        name: &RepositoryName,
        id: &str,
    ) -> Result<Response<Body>, Refusal> {
        let mut upload = self.take_up(name, id).await?;
        let id = upload.id();
        self.on_disk(move |storage| storage.drop_upload(&mut upload))
            .await?;
        self.lock_sessions().remove(&id);
        reply::finish(
            Response::builder().status(StatusCode::NO_CONTENT),
            reply::full(""),
        )
    }

    async fn mount(
        &self,
        name: &RepositoryName,
        from: Option<&str>,
        digest: Digest,
    ) -> Result<bool, Refusal> {
        let Some(from) = from else { return Ok(false) };
        let from: RepositoryName = from.parse()?;
        let name = name.clone();
        self.on_disk(move |storage| storage.mount_blob(&from, &name, digest))
            .await
    }

    /// The upload for this request alone; waits while another one writes to it.
    async fn take_up(&self, name: &RepositoryName, id: &str) -> Result<Held, Refusal> {
        let unknown = || {
            Refusal::new(
                Code::BlobUploadUnknown,
                "there is no such upload; start another",
            )
        };
        let id: Uuid = id.parse().map_err(|_| unknown())?;
        let known = self.lock_sessions().get(&id).cloned();
        let upload = if let Some(upload) = known {
            upload
        } else {
            let found = self
                .on_disk(move |storage| storage.reopen_upload(id))
                .await?;
            let found = Arc::new(tokio::sync::Mutex::new(found.ok_or_else(unknown)?));
            // Two requests may have read it; both must go on with the same.
            Arc::clone(self.lock_sessions().entry(id).or_insert(found))
        };
        let upload = upload.lock_owned().await;
        if upload.is_for(name) {
            Ok(upload)
        } else {
            Err(unknown())
        }
    }

    async fn finish(&self, mut upload: Held, expected: Digest) -> Result<(), Refusal> {
        let id = upload.id();
        let finished =
            self.on_disk(move |storage: &Storage| storage.finish_upload(&mut upload, expected));
        let actual = finished.await?;
        // After the directory is gone: nobody can take it up from there any more.
        self.lock_sessions().remove(&id);
        if actual == expected {
            Ok(())
        } else {
            Err(Refusal::about(
                Code::DigestInvalid,
                "the digest of the bytes received is another",
                [actual],
            ))
        }
    }

    fn lock_sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the body to the upload. What came before a broken end is kept: the client may go on from there.
async fn append(mut upload: Held, body: &mut RequestBody) -> Result<Held, Refusal> {
    let mut chunks = Vec::new();
    let mut gathered = 0;
    loop {
        match body.next().await {
            Some(Ok(chunk)) => {
                gathered += chunk.len();
                chunks.push(chunk);
                if gathered >= WRITE_BYTES {
                    upload = write(upload, std::mem::take(&mut chunks)).await?;
                    gathered = 0;
                }
            }
            Some(Err(broken)) => {
                write(upload, chunks).await?;
                return Err(broken.into());
            }
            None if chunks.is_empty() => return Ok(upload),
            None => return write(upload, chunks).await,
        }
    }
}

async fn write(mut upload: Held, chunks: Vec<Bytes>) -> Result<Held, Refusal> {
    tokio::task::spawn_blocking(move || {
        upload.append(&chunks)?;
        Ok::<_, io::Error>(upload)
    })
    .await
    .map_err(|e| Refusal::internal(&e))?
    .map_err(Refusal::from)
}

/// A chunk with a `Content-Range` must begin where the upload ends. The form is `<first>-<last>`, unlike HTTP's.
fn check_range(
    call: &Call<'_>,
    body: &RequestBody,
    name: &RepositoryName,
    upload: &Upload,
) -> Result<(), Refusal> {
    let Some(text) = header(call.headers, CONTENT_RANGE) else {
        return Ok(());
    };
    let range = text.trim_start_matches("bytes ").split_once('-');
    let Some((Ok(first), Ok(last))) =
        range.map(|(first, last)| (first.parse::<u64>(), last.parse::<u64>()))
    else {
        return Err(Refusal::new(
            Code::BlobUploadInvalid,
            format!("`{text}` is not of the form `<first>-<last>`"),
        ));
    };
    if first != upload.size() {
        let message = format!("the upload has {} bytes; go on from there", upload.size());
        return Err(Refusal::new(Code::RangeInvalid, message)
            .with_header(RANGE, &received(upload))
            .with_header(LOCATION, &location(name, upload))
            .with_header(UPLOAD_ID, &upload.id().to_string()));
    }
    let length = last
        .checked_sub(first)
        .and_then(|length| length.checked_add(1));
    match body.announced() {
        Some(announced) if length != Some(announced) => Err(Refusal::new(
            Code::SizeInvalid,
            format!("the range `{text}` does not have the length of the body, {announced} bytes"),
        )),
        _ => Ok(()),
    }
}

fn location(name: &RepositoryName, upload: &Upload) -> String {
    format!("/v2/{name}/blobs/uploads/{}", upload.id())
}

/// The bytes the upload has, as `Range` says it; `0-0` also stands for none, as Docker's registry has it.
fn received(upload: &Upload) -> String {
    format!("0-{}", upload.size().saturating_sub(1))
}

fn progress(
    status: StatusCode,
    name: &RepositoryName,
    upload: &Upload,
) -> Result<Response<Body>, Refusal> {
    let builder = Response::builder()
        .status(status)
        .header(LOCATION, location(name, upload))
        .header(RANGE, received(upload))
        .header(UPLOAD_ID, upload.id().to_string());
    if status == StatusCode::NO_CONTENT {
        // 204 has no length (RFC 9110, section 8.6).
        reply::finish(builder, reply::full(""))
    } else {
        reply::empty(builder)
    }
}

fn created(name: &RepositoryName, digest: Digest) -> Result<Response<Body>, Refusal> {
    reply::empty(
        Response::builder()
            .status(StatusCode::CREATED)
            .header(LOCATION, format!("/v2/{name}/blobs/{digest}"))
            .header(CONTENT_DIGEST, digest.to_string()),
    )
}
