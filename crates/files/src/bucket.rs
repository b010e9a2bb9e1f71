//! Files in S3-compatible storage.

use std::fmt;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, Certificate, ClientOptions, ObjectStore as _, ObjectStoreExt as _, RetryConfig,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::content::Content;
use crate::error::Error;
use crate::kind::Kind;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long storage may be silent.
const READ_TIMEOUT: Duration = Duration::from_secs(15);
/// How long one attempt may take, the content included.
const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(2);
/// How long a reader waits for the start of a file, every attempt included.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an upload may take, every attempt included.
const UPLOAD_TIMEOUT: Duration = Duration::from_mins(3);
/// Files up to this size are uploaded in one request; the smallest part of a larger one that storage accepts.
const PART_BYTES: usize = 5 * 1024 * 1024;
/// How often one request is tried again, and for how long after the first attempt.
const RETRIES: usize = 3;
const RETRY_FOR: Duration = Duration::from_secs(20);

/// How a bucket is reached.
#[derive(Clone, Debug)]
pub struct BucketConfig {
    /// Its name (`IIB_AWS_S3_BUCKET_NAME`).
    pub name: String,
    /// The address of the storage, such as `https://s3.example`, under which buckets are paths. None is Amazon's.
    pub endpoint: Option<String>,
    /// The region (`AWS_DEFAULT_REGION`).
    pub region: String,
    /// Who we are (`AWS_ACCESS_KEY_ID`).
    pub access_key_id: String,
    /// The proof of it (`AWS_SECRET_ACCESS_KEY`).
    pub secret_access_key: SecretString,
    /// What comes with temporary credentials (`AWS_SESSION_TOKEN`).
    pub session_token: Option<SecretString>,
    /// PEM files with certificate authorities to trust beside the system's.
    pub extra_ca_pem: Vec<Vec<u8>>,
}

/// A bucket. Clones share connections.
#[derive(Clone)]
pub struct Bucket {
    name: String,
    storage: Arc<AmazonS3>,
}

impl Bucket {
    /// Sets a bucket up; nothing is connected to yet.
    ///
    /// # Errors
    /// [`Error::Setup`] when address or certificates cannot be used.
    pub fn new(config: &BucketConfig) -> Result<Self, Error> {
        let setup = |source| Error::Setup {
            bucket: config.name.clone(),
            source: Box::new(source),
        };
        let mut options = ClientOptions::new()
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_read_timeout(READ_TIMEOUT)
            .with_timeout(ATTEMPT_TIMEOUT);
        for pem in &config.extra_ca_pem {
            for certificate in Certificate::from_pem_bundle(pem).map_err(setup)? {
                options = options.with_root_certificate(certificate);
            }
        }
        let mut builder = AmazonS3Builder::new()
            .with_client_options(options)
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: RETRIES,
                retry_timeout: RETRY_FOR,
            })
            .with_bucket_name(&config.name)
            .with_region(&config.region)
            .with_access_key_id(&config.access_key_id)
            .with_secret_access_key(config.secret_access_key.expose_secret());
        if let Some(token) = &config.session_token {
            builder = builder.with_token(token.expose_secret());
        }
        if let Some(endpoint) = &config.endpoint {
            // Whoever writes `http://` means it: requests are signed, and never carry the secret.
            let plain = endpoint.starts_with("http://");
            builder = builder.with_endpoint(endpoint).with_allow_http(plain);
        }
        Ok(Self {
            name: config.name.clone(),
            storage: Arc::new(builder.build().map_err(setup)?),
        })
    }

    /// The file of the request `id`; none when there is none.
    pub(crate) async fn open(&self, kind: Kind, id: i64) -> Result<Option<Content>, Error> {
        let key = key(kind, id);
        let got = tokio::time::timeout(OPEN_TIMEOUT, self.storage.get(&key))
            .await
            .map_err(|_| self.timed_out("read", &key))?;
        match got {
            Ok(found) => {
                let size_bytes = found.meta.size;
                let stream = found.into_stream().map_err(std::io::Error::other);
                Ok(Some(Content::new(size_bytes, stream)))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.error("read", &key)(source)),
        }
    }

    /// Uploads the local file `path`, which replaces what is there. It appears whole or not at all.
    pub(crate) async fn upload(&self, kind: Kind, id: i64, path: &FilePath) -> Result<(), Error> {
        let key = key(kind, id);
        let mut file = tokio::fs::File::open(path)
            .await
            .map_err(Error::local("read", path))?;
        let sent = async {
            let first = part(&mut file, path).await?;
            if first.len() < PART_BYTES {
                let put = self.storage.put(&key, first.into()).await;
                return put.map(drop).map_err(self.error("uploaded", &key));
            }
            self.upload_parts(&key, first, &mut file, path).await
        };
        tokio::time::timeout(UPLOAD_TIMEOUT, sent)
            .await
            .unwrap_or_else(|_| Err(self.timed_out("uploaded", &key)))
    }

    async fn upload_parts(
        &self,
        key: &Key,
        first: Vec<u8>,
        file: &mut File,
        path: &FilePath,
    ) -> Result<(), Error> {
        let started = self.storage.put_multipart(key).await;
        let mut object = started.map_err(self.error("uploaded", key))?;
        let sent = async {
            let mut next = first;
            while !next.is_empty() {
                let put = object.put_part(next.into()).await;
                put.map_err(self.error("uploaded", key))?;
                next = part(file, path).await?;
            }
            // The object appears now.
            let completed = object.complete().await;
            completed.map(drop).map_err(self.error("uploaded", key))
        };
        let sent = sent.await;
        // Parts that were sent already would be kept, and paid for.
        if sent.is_err()
            && let Err(error) = object.abort().await
        {
            tracing::debug!(%error, "parts of `{key}` may be left in the bucket");
        }
        sent
    }

    /// Deletes the file of the request `id`, which need not be there.
    pub(crate) async fn remove(&self, kind: Kind, id: i64) -> Result<(), Error> {
        let key = key(kind, id);
        match self.storage.delete(&key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(self.error("deleted", &key)(source)),
        }
    }

    /// The requests that have a file of `kind`, as the storage lists them.
    pub(crate) fn ids(&self, kind: Kind) -> BoxStream<'static, Result<i64, Error>> {
        let bucket = self.name.clone();
        let prefix = Key::from(kind.prefix());
        self.storage
            .list(Some(&prefix))
            .map_err(move |source| Error::Bucket {
                action: "listed",
                bucket: bucket.clone(),
                key: kind.prefix().to_owned(),
                source: Box::new(source),
            })
            .try_filter_map(move |object| async move {
                let name = object.location.filename().map(ToOwned::to_owned);
                Ok(name.and_then(|name| kind.id_of(&name)))
            })
            .boxed()
    }

    fn error(&self, action: &'static str, key: &Key) -> impl FnOnce(object_store::Error) -> Error {
        let (bucket, key) = (self.name.clone(), key.to_string());
        move |source| Error::Bucket {
            action,
            bucket,
            key,
            source: Box::new(source),
        }
    }

    fn timed_out(&self, action: &'static str, key: &Key) -> Error {
        Error::TimedOut {
            action,
            bucket: self.name.clone(),
            key: key.to_string(),
        }
    }
}

/// The client's own `Debug` is not asked: it knows the credentials.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.name)
    }
}

fn key(kind: Kind, id: i64) -> Key {
    Key::from_iter([kind.prefix().to_owned(), kind.file_name(id)])
}

/// The next part of a file that is uploaded; shorter than [`PART_BYTES`] at its end.
async fn part(file: &mut File, path: &FilePath) -> Result<Vec<u8>, Error> {
    let mut part = Vec::new();
    let limit = u64::try_from(PART_BYTES).unwrap_or(u64::MAX);
    file.take(limit)
        .read_to_end(&mut part)
        .await
        .map_err(Error::local("read", path))?;
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> BucketConfig {
        BucketConfig {
            name: "artefacts".into(),
            endpoint: Some("http://127.0.0.1:1".into()),
            region: "us-east-1".into(),
            access_key_id: "AKIAEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI".to_owned().into(),
            session_token: Some("FwoGZXIvYXdzEXAMPLE".to_owned().into()),
            extra_ca_pem: Vec::new(),
        }
    }

    #[test]
    fn credentials_are_never_printed() {
        let config = config();
        let bucket = Bucket::new(&config).unwrap();
        for text in [format!("{config:?}"), format!("{bucket:?}")] {
            assert!(text.contains("artefacts"), "{text}");
            assert!(!text.contains("wJalr") && !text.contains("FwoGZ"), "{text}");
        }
    }

    #[test]
    fn a_certificate_that_is_none_is_refused_by_name_of_the_bucket() {
        let config = BucketConfig {
            extra_ca_pem: vec![
                b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_vec(),
            ],
            ..config()
        };
        let error = Bucket::new(&config).unwrap_err().to_string();
        assert!(error.contains("`artefacts`"), "{error}");
    }
}
