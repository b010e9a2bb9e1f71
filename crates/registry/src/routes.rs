//! The endpoints of the distribution specification.

mod blobs;
mod lists;
mod manifests;
mod uploads;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Method, Response};
use uuid::Uuid;

use crate::reply::{self, Body, Code, Refusal};
use crate::request::{Query, RequestBody, Route};
use crate::storage::{Storage, Upload};

/// What of a request the endpoints look at, beside path and body.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    pub(crate) query: &'a Query,
    pub(crate) headers: &'a HeaderMap,
    /// A fault: mounts are answered as if the source lacked the blob.
    pub(crate) refuse_mount: bool,
    /// A fault: manifests and blobs are looked for in vain.
    pub(crate) hidden: bool,
}

/// Uploads of this process by id. Each is used by one request at a time.
type Sessions = BTreeMap<Uuid, Arc<tokio::sync::Mutex<Upload>>>;

/// The registry proper, behind log, faults and door.
#[derive(Debug)]
pub(crate) struct Registry {
    storage: Arc<Storage>,
    sessions: Mutex<Sessions>,
    max_manifest_bytes: usize,
}

impl Registry {
    pub(crate) fn new(storage: Storage, max_manifest_bytes: usize) -> Self {
        Self {
            storage: Arc::new(storage),
            sessions: Mutex::default(),
            max_manifest_bytes,
        }
    }

    pub(crate) async fn call(
        &self,
        route: Route,
        call: &Call<'_>,
        body: &mut RequestBody,
    ) -> Result<Response<Body>, Refusal> {
        match (route, call.method.as_str()) {
            (Route::Ping, "GET" | "HEAD") => {
                reply::json(Response::builder(), &serde_json::json!({}))
            }
            (Route::Catalog, "GET") => self.list_repositories(call).await,
            (Route::Tags(name), "GET") => self.list_tags(name, call).await,
            (Route::Manifest(_, reference), "GET" | "HEAD") if call.hidden => {
                Err(manifests::unknown(&reference))
            }
            (Route::Blob(_, digest), "GET" | "HEAD") if call.hidden => {
                Err(blobs::unknown(digest.parse()?))
            }
            (Route::Manifest(name, reference), "GET" | "HEAD") => {
                self.get_manifest(name, reference).await
            }
            (Route::Manifest(name, reference), "PUT") => {
                self.put_manifest(name, &reference, call, body).await
            }
            (Route::Manifest(name, reference), "DELETE") => {
                self.delete_manifest(name, reference).await
            }
            (Route::Blob(name, digest), "GET" | "HEAD") => self.get_blob(name, &digest, call).await,
            (Route::Blob(name, digest), "DELETE") => self.delete_blob(name, &digest).await,
            (Route::Uploads(name), "POST") => self.start_upload(name, call, body).await,
            (Route::Upload(name, id), "GET") => self.upload_status(&name, &id).await,
            (Route::Upload(name, id), "PATCH") => self.append_upload(&name, &id, call, body).await,
            (Route::Upload(name, id), "PUT") => self.finish_upload(&name, &id, call, body).await,
            (Route::Upload(name, id), "DELETE") => self.cancel_upload(&name, &id).await,
            _ => Err(Refusal::new(
                Code::Unsupported,
                format!("`{}` means nothing at this endpoint", call.method),
            )),
        }
    }

    /// Runs `work` on the disk, off the runtime. It runs to its end even when nobody waits any more.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Storage) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Refusal> {
        let storage = Arc::clone(&self.storage);
        tokio::task::spawn_blocking(move || work(&storage))
            .await
            .map_err(|e| Refusal::internal(&e))?
            .map_err(Refusal::from)
    }
}
