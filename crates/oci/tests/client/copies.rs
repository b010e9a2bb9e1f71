//! From repository to repository: looked for, mounted, or streamed through.

use std::num::NonZeroUsize;
use std::time::Duration;

use futures::TryStreamExt as _;
use http::Method;
use oci::{BlobPlacement, Client, Error, MediaType, RawManifest};
use registry::{Fault, Rule};

use crate::support::{Fixture, bytes, client, config, descriptor, get, put, tag};

const SIZE: usize = 500_000;

#[tokio::test]
async fn within_a_registry_blobs_are_mounted_and_then_present() {
    let fixture = Fixture::start().await;
    let client = client();
    let source = fixture.repository(&client, "ns/source");
    let target = fixture.repository(&client, "ns/target");
    let blob = put(&source, &bytes(SIZE)).await;
    let before = client.usage();
    let placement = target.copy_blob_from(&source, &blob).await.unwrap();
    assert_eq!(placement, BlobPlacement::Mounted);
    let placement = target.copy_blob_from(&source, &blob).await.unwrap();
    assert_eq!(placement, BlobPlacement::Present);
    let cost = client.usage() - before;
    assert_eq!((cost.bytes_read, cost.bytes_written), (0, 0));
}

#[tokio::test]
async fn a_refused_mount_becomes_a_copy_in_the_session_it_opened() {
    let fixture = Fixture::start().await;
    let client = client();
    let source = fixture.repository(&client, "ns/source");
    let target = fixture.repository(&client, "ns/target");
    let content = bytes(SIZE);
    let blob = put(&source, &content).await;
    fixture
        .registry
        .faults()
        .add(Rule::new("mount=", Fault::RefuseMount));
    fixture.registry.log().clear();
    let placement = target.copy_blob_from(&source, &blob).await.unwrap();
    assert_eq!(placement, BlobPlacement::Copied { bytes: blob.size });
    assert_eq!(fixture.count(&Method::POST, "/uploads/"), 1);
    assert_eq!(get(&target, &blob).await.unwrap(), content);
}

#[tokio::test]
async fn a_refused_mount_alone_leaves_no_session_behind() {
    let fixture = Fixture::start().await;
    let client = client();
    let target = fixture.repository(&client, "ns/target");
    let nowhere = descriptor(&bytes(1)).digest;
    let from = fixture.repository(&client, "ns/source").name().clone();
    assert!(!target.mount_blob(&nowhere, &from).await.unwrap());
    assert_eq!(fixture.count(&Method::DELETE, "/uploads/"), 1);
}

#[tokio::test]
async fn between_registries_blobs_are_streamed_through_whatever_breaks() {
    let (from, to) = (Fixture::start().await, Fixture::start().await);
    let client = client();
    let source = from.repository(&client, "ns/app");
    let target = to.repository(&client, "ns/app");
    let content = bytes(SIZE);
    let blob = put(&source, &content).await;
    let cut = Fault::CutBody {
        after_bytes: 100_000,
    };
    from.registry
        .faults()
        .add(Rule::new("/blobs/", cut).method(Method::GET).times(2));
    let cut = Fault::CutRequest {
        after_bytes: 10_000,
    };
    to.registry.faults().add(
        Rule::new("/uploads/", cut)
            .method(Method::PATCH)
            .skip(1)
            .times(2),
    );
    let placement = target.copy_blob_from(&source, &blob).await.unwrap();
    assert_eq!(placement, BlobPlacement::Copied { bytes: blob.size });
    assert_eq!(get(&target, &blob).await.unwrap(), content);
}

#[tokio::test]
async fn damage_at_the_source_is_not_passed_on() {
    let (from, to) = (Fixture::start().await, Fixture::start().await);
    let client = client();
    let source = from.repository(&client, "ns/app");
    let target = to.repository(&client, "ns/app");
    for size in [1000, SIZE] {
        let blob = put(&source, &bytes(size)).await;
        from.registry
            .faults()
            .add(Rule::new("/blobs/", Fault::WrongDigest).times(1));
        let error = target.copy_blob_from(&source, &blob).await.unwrap_err();
        assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
        assert_eq!(target.has_blob(&blob.digest).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_blob_missing_at_the_source_is_told_with_the_source() {
    let (from, to) = (Fixture::start().await, Fixture::start().await);
    let client = client();
    let source = from.repository(&client, "ns/source");
    let target = to.repository(&client, "ns/target");
    let error = target
        .copy_blob_from(&source, &descriptor(&bytes(1)))
        .await
        .unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("ns/source"),
        "{error}"
    );
}

#[tokio::test]
async fn more_copies_than_requests_allowed_do_not_wait_for_each_other_for_ever() {
    let (from, to) = (Fixture::start().await, Fixture::start().await);
    let mut config = config();
    config.max_concurrent_requests = NonZeroUsize::MIN;
    let client = Client::new(config).unwrap();
    let source = from.repository(&client, "ns/app");
    let target = to.repository(&client, "ns/app");
    let mut blobs = Vec::new();
    for size in [SIZE, SIZE + 1, SIZE + 2] {
        blobs.push(put(&source, &bytes(size)).await);
    }
    let copies = blobs
        .iter()
        .map(|blob| target.copy_blob_from(&source, blob));
    let copies = futures::future::try_join_all(copies);
    let placements = tokio::time::timeout(Duration::from_secs(30), copies).await;
    for placement in placements.expect("they wait for each other").unwrap() {
        assert!(matches!(placement, BlobPlacement::Copied { .. }));
    }
}

#[tokio::test]
async fn every_operation_can_be_spawned() {
    let fixture = Fixture::start().await;
    let client = client();
    let source = fixture.repository(&client, "ns/source");
    let target = fixture.repository(&client, "ns/target");
    let task = tokio::spawn(async move {
        let content = bytes(10);
        let blob = descriptor(&content);
        source.put_blob(&blob, &content.into()).await?;
        target.copy_blob_from(&source, &blob).await?;
        target.mount_blob(&blob.digest, source.name()).await?;
        let raw = RawManifest::new(
            MediaType::OciIndex,
            br#"{"schemaVersion":2,"manifests":[]}"#[..].into(),
        );
        target.put_manifest(&tag("v1"), &raw).await?;
        target.head_manifest(&tag("v1")).await?;
        target.manifest(&tag("v1")).await?;
        target.tags().await?;
        let mut stream = target.blob(&blob).await?;
        let read = tokio::spawn(async move { stream.try_next().await });
        read.await.unwrap()?;
        client.ping(target.name().registry()).await
    });
    task.await.unwrap().unwrap();
}
