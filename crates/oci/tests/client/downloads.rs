//! Reading blobs: verified, resumed, bounded.

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use http::Method;
use oci::{Digest, Error};
use registry::{Fault, Rule};

use crate::scripted::{Answer, Scripted};
use crate::support::{Fixture, bytes, client, descriptor, get, impatient_client, put};

const SIZE: usize = 1_000_000;

#[tokio::test]
async fn a_cut_download_goes_on_where_it_stopped() {
    let fixture = Fixture::start().await;
    let client = client();
    let repository = fixture.repository(&client, "ns/app");
    let content = bytes(SIZE);
    let blob = put(&repository, &content).await;
    let cut = Fault::CutBody {
        after_bytes: 300_000,
    };
    fixture
        .registry
        .faults()
        .add(Rule::new("/blobs/", cut).method(Method::GET).times(3));
    let before = client.usage();
    assert_eq!(get(&repository, &blob).await.unwrap(), content);
    let cost = client.usage() - before;
    assert_eq!(cost.bytes_read, blob.size, "no byte travels twice");
    assert_eq!(cost.retries, 3);
}

#[tokio::test]
async fn a_download_that_gets_nowhere_uses_its_budget_up() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let blob = put(&repository, &bytes(SIZE)).await;
    let cut = Fault::CutBody { after_bytes: 100 };
    fixture
        .registry
        .faults()
        .add(Rule::new("/blobs/", cut).method(Method::GET));
    let error = get(&repository, &blob).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(fixture.count(&Method::GET, "/blobs/"), 5);
}

#[tokio::test]
async fn a_registry_that_cannot_start_in_the_middle_is_read_again() {
    let content = bytes(SIZE);
    let blob = descriptor(&content);
    let calls = std::sync::atomic::AtomicU32::new(0);
    let all = content.clone();
    let registry = Scripted::start(move |_, _| {
        let first = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        // Announcing all and sending half makes the client wait, and then try again.
        let sent = if first { &all[..SIZE / 2] } else { &all[..] };
        Answer(
            200,
            vec![("content-length", all.len().to_string())],
            sent.to_vec(),
        )
    })
    .await;
    let client = impatient_client(2);
    let repository = client.repository(&format!("{}/app", registry.host).parse().unwrap());
    assert_eq!(get(&repository, &blob).await.unwrap(), content);
    assert_eq!(registry.seen().len(), 2);
}

#[tokio::test]
async fn damaged_bytes_are_told_at_the_end() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let blob = put(&repository, &bytes(SIZE)).await;
    fixture
        .registry
        .faults()
        .add(Rule::new("/blobs/", Fault::WrongDigest));
    let mut stream = repository.blob(&blob).await.unwrap();
    let mut passed = 0;
    let error = loop {
        match stream.try_next().await {
            Ok(Some(bytes)) => passed += bytes.len(),
            Ok(None) => panic!("damage must be noticed"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
    assert!(!error.is_transient());
    assert_eq!(passed, SIZE);
    assert!(
        stream.try_next().await.unwrap().is_none(),
        "after an error the stream ends"
    );
}

#[tokio::test]
async fn another_size_than_promised_is_told_before_reading() {
    let fixture = Fixture::start().await;
    let client = client();
    let repository = fixture.repository(&client, "ns/app");
    let mut blob = put(&repository, &bytes(SIZE)).await;
    blob.size -= 1;
    let before = client.usage();
    let error = repository.blob(&blob).await.unwrap_err();
    assert!(matches!(error, Error::SizeMismatch { .. }), "{error:?}");
    assert_eq!((client.usage() - before).bytes_read, 0);
}

#[tokio::test]
async fn a_blob_that_is_not_there_is_told_by_name() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let blob = descriptor(&Bytes::from_static(b"nowhere"));
    let error = repository.blob(&blob).await.unwrap_err();
    assert!(error.is_not_found() && error.to_string().contains(&blob.digest.to_string()));
    assert_eq!(repository.has_blob(&blob.digest).await.unwrap(), None);
}

#[tokio::test]
async fn a_blob_beyond_the_limit_is_not_read() {
    let fixture = Fixture::start().await;
    let client = client();
    let repository = fixture.repository(&client, "ns/app");
    let blob = put(&repository, &bytes(1000)).await;
    let before = client.usage();
    let error = repository.blob_bytes(&blob, 999).await.unwrap_err();
    assert!(
        matches!(error, Error::TooLarge { limit: 999, .. }),
        "{error:?}"
    );
    assert_eq!((client.usage() - before).requests, 0);
}

#[tokio::test]
async fn a_slow_registry_is_waited_for_as_long_as_bytes_come() {
    let fixture = Fixture::start().await;
    let content = bytes(1000);
    let blob = put(&fixture.repository(&client(), "ns/app"), &content).await;
    // Longer than the time-out in all, but never silent for so long.
    let slow = Fault::Slow {
        chunk_bytes: 100,
        delay: Duration::from_millis(20),
    };
    fixture.registry.faults().add(Rule::new("/blobs/", slow));
    let repository = fixture.repository(&impatient_client(1), "ns/app");
    assert_eq!(get(&repository, &blob).await.unwrap(), content);
}

#[tokio::test]
async fn a_download_that_falls_silent_is_given_up() {
    let fixture = Fixture::start().await;
    let blob = put(&fixture.repository(&client(), "ns/app"), &bytes(1000)).await;
    let silent = Fault::Slow {
        chunk_bytes: 100,
        delay: Duration::from_hours(1),
    };
    fixture.registry.faults().add(Rule::new("/blobs/", silent));
    let repository = fixture.repository(&impatient_client(2), "ns/app");
    let error = get(&repository, &blob).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
}

#[tokio::test]
async fn an_empty_blob_is_read_and_verified() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let blob = put(&repository, &Bytes::new()).await;
    assert_eq!(get(&repository, &blob).await.unwrap(), Bytes::new());
    assert_eq!(blob.digest, Digest::of(""));
}
