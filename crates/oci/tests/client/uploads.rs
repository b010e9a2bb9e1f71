//! Writing blobs: at once, in chunks, resumed, and never the wrong bytes.

use bytes::Bytes;
use http::{Method, StatusCode};
use oci::{BlobSource, Error};
use registry::{Fault, Rule};

use crate::scripted::{Answer, Scripted};
use crate::support::{Fixture, bytes, client, descriptor, get, put};

/// With the chunks of these tests (64 KiB): four of them, the last one short.
const SIZE: usize = 200_000;

fn unavailable() -> Fault {
    Fault::Status {
        code: StatusCode::SERVICE_UNAVAILABLE,
        retry_after: None,
    }
}

fn gone() -> Fault {
    Fault::Status {
        code: StatusCode::NOT_FOUND,
        retry_after: None,
    }
}

#[tokio::test]
async fn small_blobs_travel_in_one_request_and_large_ones_in_chunks() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    put(&repository, &bytes(1000)).await;
    assert_eq!(fixture.count(&Method::PATCH, ""), 0);
    let content = bytes(SIZE);
    let blob = put(&repository, &content).await;
    assert_eq!(fixture.count(&Method::PATCH, ""), 4);
    assert_eq!(get(&repository, &blob).await.unwrap(), content);
    assert_eq!(
        repository.has_blob(&blob.digest).await.unwrap(),
        Some(blob.size)
    );
}

#[tokio::test]
async fn a_file_is_uploaded_like_bytes() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let file = tempfile::NamedTempFile::new().unwrap();
    let content = bytes(SIZE);
    std::fs::write(file.path(), &content).unwrap();
    let blob = descriptor(&content);
    let source = BlobSource::File(file.path().to_owned());
    repository.put_blob(&blob, &source).await.unwrap();
    assert_eq!(get(&repository, &blob).await.unwrap(), content);
}

#[tokio::test]
async fn what_is_there_already_is_not_sent_again() {
    let fixture = Fixture::start().await;
    let client = client();
    let repository = fixture.repository(&client, "ns/app");
    put(&repository, &bytes(SIZE)).await;
    let before = client.usage();
    put(&repository, &bytes(SIZE)).await;
    assert_eq!((client.usage() - before).bytes_written, 0);
}

#[tokio::test]
async fn a_cut_upload_goes_on_where_the_registry_stopped() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let content = bytes(SIZE);
    let cut = Fault::CutRequest {
        after_bytes: 30_000,
    };
    fixture.registry.faults().add(
        Rule::new("/uploads/", cut)
            .method(Method::PATCH)
            .skip(1)
            .times(2),
    );
    let blob = put(&repository, &content).await;
    assert_eq!(get(&repository, &blob).await.unwrap(), content);
    assert_eq!(
        fixture.count(&Method::POST, "/uploads/"),
        1,
        "the session is kept"
    );
    let entries = fixture.registry.log().entries();
    let taken: u64 = entries.iter().map(|entry| entry.bytes_in).sum();
    assert_eq!(taken, blob.size, "the registry takes no byte twice");
}

#[tokio::test]
async fn a_session_that_is_gone_is_opened_again() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let content = bytes(SIZE);
    fixture.registry.faults().add(
        Rule::new("/uploads/", gone())
            .method(Method::PATCH)
            .skip(2)
            .times(1),
    );
    let blob = put(&repository, &content).await;
    assert_eq!(get(&repository, &blob).await.unwrap(), content);
    assert_eq!(fixture.count(&Method::POST, "/uploads/"), 2);
}

#[tokio::test]
async fn every_step_survives_a_passing_failure() {
    let client = client();
    for (method, fault) in [
        (Method::HEAD, unavailable()),
        (Method::POST, unavailable()),
        (Method::POST, Fault::DropConnection),
        (Method::PATCH, unavailable()),
        (Method::PATCH, Fault::DropConnection),
        (Method::PUT, unavailable()),
        (Method::PUT, Fault::DropConnection),
        (Method::PUT, gone()),
    ] {
        for size in [1000, SIZE] {
            let fixture = Fixture::start().await;
            let repository = fixture.repository(&client, "ns/app");
            let content = bytes(size);
            let rule = Rule::new("/blobs/", fault.clone())
                .method(method.clone())
                .times(1);
            fixture.registry.faults().add(rule);
            let blob = put(&repository, &content).await;
            assert_eq!(
                get(&repository, &blob).await.unwrap(),
                content,
                "{method} {fault:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_cut_request_with_the_whole_blob_is_completed() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let content = bytes(60_000);
    let cut = Fault::CutRequest {
        after_bytes: 20_000,
    };
    fixture
        .registry
        .faults()
        .add(Rule::new("/uploads/", cut).method(Method::PUT).times(1));
    let blob = put(&repository, &content).await;
    assert_eq!(get(&repository, &blob).await.unwrap(), content);
}

#[tokio::test]
async fn an_upload_that_keeps_failing_ends() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    fixture
        .registry
        .faults()
        .add(Rule::new("/uploads/", unavailable()).method(Method::PATCH));
    let content = bytes(SIZE);
    let error = repository
        .put_blob(&descriptor(&content), &BlobSource::Bytes(content))
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(fixture.count(&Method::PATCH, ""), 5);
}

#[tokio::test]
async fn a_registry_that_loses_every_session_is_given_up() {
    let registry = Scripted::start(|_, seen| {
        let location = vec![("location", "/v2/app/blobs/uploads/1".to_owned())];
        match seen.line.split(' ').next() {
            Some("POST") => Answer(202, location, Vec::new()),
            // The first chunk is taken, and with the second the session is unknown.
            Some("PATCH") if seen.range.as_deref() == Some("0-65535") => {
                Answer(202, location, Vec::new())
            }
            _ => Answer(404, Vec::new(), Vec::new()),
        }
    })
    .await;
    let client = client();
    let repository = client.repository(&format!("{}/app", registry.host).parse().unwrap());
    let content = bytes(SIZE);
    let error = repository
        .put_blob(&descriptor(&content), &BlobSource::Bytes(content))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Status { .. }), "{error:?}");
    let sessions = registry.seen();
    let sessions = sessions.iter().filter(|seen| seen.line.starts_with("POST"));
    assert_eq!(sessions.count(), 5);
}

#[tokio::test]
async fn a_source_with_another_digest_is_never_committed() {
    for size in [1000, SIZE] {
        let fixture = Fixture::start().await;
        let repository = fixture.repository(&client(), "ns/app");
        let mut blob = descriptor(&bytes(size));
        blob.digest = oci::Digest::of("something else");
        let source = BlobSource::Bytes(bytes(size));
        let error = repository.put_blob(&blob, &source).await.unwrap_err();
        assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
        assert_eq!(fixture.count(&Method::PUT, ""), 0);
        assert_eq!(
            fixture.count(&Method::DELETE, "/uploads/"),
            1,
            "the session is cancelled"
        );
    }
}

#[tokio::test]
async fn a_source_of_another_size_is_refused() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let blob = descriptor(&bytes(10));
    let source = BlobSource::Bytes(Bytes::from_static(b"more than ten"));
    let error = repository.put_blob(&blob, &source).await.unwrap_err();
    assert!(matches!(error, Error::SizeMismatch { .. }), "{error:?}");
}
