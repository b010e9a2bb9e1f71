//! Manifests as bytes: what goes in comes out, or an error does.

use bytes::Bytes;
use oci::{Digest, Error, MediaType, RawManifest, Reference};
use registry::{Fault, Rule};

use crate::scripted::{Answer, Scripted};
use crate::support::{Fixture, client, put_image, tag};

#[tokio::test]
async fn a_manifest_comes_back_by_tag_and_by_digest_as_it_was_put() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let manifest = put_image(&repository, "v1").await;
    let digest = Reference::Digest(manifest.digest.clone());
    repository.put_manifest(&digest, &manifest).await.unwrap();
    for reference in [tag("v1"), digest] {
        assert_eq!(repository.manifest(&reference).await.unwrap(), manifest);
        let found = repository.head_manifest(&reference).await.unwrap();
        assert_eq!(found.unwrap(), manifest.descriptor());
    }
}

#[tokio::test]
async fn what_does_not_exist_is_none_when_looked_up_and_an_error_when_read() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    put_image(&repository, "v1").await;
    assert_eq!(repository.head_manifest(&tag("v2")).await.unwrap(), None);
    let error = repository.manifest(&tag("v2")).await.unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("ns/app:v2"),
        "{error}"
    );
}

#[tokio::test]
async fn damaged_manifests_are_noticed() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let manifest = put_image(&repository, "v1").await;
    fixture
        .registry
        .faults()
        .add(Rule::new("/manifests/", Fault::WrongDigest));
    for reference in [tag("v1"), Reference::Digest(manifest.digest)] {
        let error = repository.manifest(&reference).await.unwrap_err();
        assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn nothing_is_put_under_the_digest_of_something_else() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let manifest = put_image(&repository, "v1").await;
    let other = Reference::Digest(Digest::of("other"));
    let error = repository
        .put_manifest(&other, &manifest)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
}

#[tokio::test]
async fn a_manifest_whose_blobs_are_missing_is_refused_with_the_code_of_the_registry() {
    let fixture = Fixture::start().await;
    let client = client();
    let manifest = put_image(&fixture.repository(&client, "ns/app"), "v1").await;
    let elsewhere = fixture.repository(&client, "ns/other");
    let error = elsewhere
        .put_manifest(&tag("v1"), &manifest)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("MANIFEST_BLOB_UNKNOWN"),
        "{error}"
    );
}

/// A registry that serves `body` with `headers` for everything.
async fn serving(
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
) -> (Scripted, oci::RemoteRepository) {
    let registry = Scripted::start(move |_, _| Answer(200, headers.clone(), body.clone())).await;
    let name = format!("{}/app", registry.host).parse().unwrap();
    let repository = client().repository(&name);
    (registry, repository)
}

#[tokio::test]
async fn without_the_digest_header_a_look_up_reads_the_manifest() {
    let body = br#"{"manifests":[]}"#;
    let (registry, repository) = serving(Vec::new(), body.to_vec()).await;
    let found = repository.head_manifest(&tag("v1")).await.unwrap().unwrap();
    let expected = RawManifest::new(MediaType::OciIndex, Bytes::from_static(body));
    assert_eq!(found, expected.descriptor());
    let lines: Vec<String> = registry.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(
        lines,
        ["HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1"]
    );
}

#[tokio::test]
async fn a_manifest_without_end_is_not_read_to_its_end() {
    let (_registry, repository) = serving(Vec::new(), vec![b' '; 9 * 1024 * 1024]).await;
    let error = repository.manifest(&tag("v1")).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn a_registry_that_answers_with_another_digest_is_caught() {
    let digest = Digest::of("another").to_string();
    let headers = vec![
        ("docker-content-digest", digest),
        ("content-type", MediaType::OciManifest.as_str().to_owned()),
    ];
    let (_registry, repository) = serving(headers, b"{}".to_vec()).await;
    let asked = Reference::Digest(Digest::of("{}"));
    for error in [
        repository.manifest(&asked).await.unwrap_err(),
        repository.manifest(&tag("v1")).await.unwrap_err(),
        repository.head_manifest(&asked).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
    }
}
