//! Whole images and lists from place to place, and tags moved to them.

use std::num::NonZeroUsize;

use bytes::Bytes;
use http::Method;
use oci::{
    BlobSource, Client, CopyCounts, Credentials, Descriptor, Digest, Error, Format, ImageManifest,
    ImageRepository, Layout, MediaType, Platform, RawManifest, Reference, RemoteRepository,
    copy_manifests,
};
use registry::{Auth, Fault, Rule};
use serde_json::json;

use crate::support::{Fixture, bytes, client, config, put};

const FOUR: NonZeroUsize = NonZeroUsize::new(4).unwrap();

fn place(repository: RemoteRepository) -> ImageRepository {
    ImageRepository::Remote(repository)
}

/// An image of a layer of its own and one that all images share; gives its manifest, which is put by digest.
async fn image(repository: &RemoteRepository, seed: usize) -> RawManifest {
    let platform = json!({"architecture": "amd64", "os": "linux", "seed": seed});
    let config = Bytes::from(platform.to_string());
    let mut config = put(repository, &config).await;
    config.media_type = MediaType::OciConfig;
    let layers = vec![
        put(repository, &bytes(1000)).await,
        put(repository, &bytes(2000 + seed)).await,
    ];
    let manifest = ImageManifest::new(Format::Oci, config, layers).to_raw();
    let reference = Reference::Digest(manifest.digest.clone());
    repository
        .put_manifest(&reference, &manifest)
        .await
        .unwrap();
    manifest
}

async fn index(repository: &RemoteRepository, entries: &[Descriptor]) -> RawManifest {
    // Indented, as other tools write: the bytes must stay.
    let document = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OciIndex,
        "manifests": entries,
        "annotations": {"kept": "as it is"},
    });
    let text = serde_json::to_vec_pretty(&document).unwrap();
    let raw = RawManifest::new(MediaType::OciIndex, text.into());
    let reference = Reference::Digest(raw.digest.clone());
    repository.put_manifest(&reference, &raw).await.unwrap();
    raw
}

/// An index of two images, an attestation of the first, and an index of a third image: 4 manifests, 1 index within.
async fn nested(repository: &RemoteRepository) -> RawManifest {
    let [first, second, third] = [
        image(repository, 1).await.descriptor(),
        image(repository, 2).await.descriptor(),
        image(repository, 3).await.descriptor(),
    ];
    let mut proof = image(repository, 4).await.descriptor();
    proof.platform = Some(Platform {
        architecture: "unknown".to_owned(),
        os: "unknown".to_owned(),
        ..Platform::linux(&oci::Arch::amd64())
    });
    let about = json!({"vnd.docker.reference.digest": first.digest});
    proof.rest.insert("annotations".to_owned(), about);
    let inner = index(repository, &[third]).await.descriptor();
    index(repository, &[first, second, proof, inner]).await
}

async fn copy(
    source: &ImageRepository,
    target: &ImageRepository,
    raw: &RawManifest,
) -> Result<CopyCounts, Error> {
    copy_manifests(source, target, &[raw.descriptor()], FOUR).await
}

/// Reads everything below `digest`; whatever is missing or damaged panics.
async fn read_all(place: &ImageRepository, digest: &Digest) -> Vec<RawManifest> {
    let mut read = Vec::new();
    let mut open = vec![digest.clone()];
    while let Some(digest) = open.pop() {
        let raw = place.manifest(&Reference::Digest(digest)).await.unwrap();
        match raw.parse().unwrap() {
            oci::Document::List(list) => {
                open.extend(list.manifests.into_iter().map(|entry| entry.digest));
            }
            oci::Document::Image(image) => {
                for blob in image.layers.iter().chain([&image.config]) {
                    place.blob_bytes(blob, u64::MAX).await.unwrap();
                }
            }
        }
        read.push(raw);
    }
    read
}

#[tokio::test]
async fn a_list_comes_whole_by_mounting_and_the_second_time_nothing_moves() {
    let fixture = Fixture::start().await;
    let client = client();
    let source = fixture.repository(&client, "ns/source");
    let raw = nested(&source).await;
    let (source, target) = (
        place(source),
        place(fixture.repository(&client, "ns/target")),
    );
    let counts = copy(&source, &target, &raw).await.unwrap();
    // Of each image a layer and the config; one layer is everybody's.
    let expected = CopyCounts {
        manifests: 6,
        mounted: 9,
        ..CopyCounts::default()
    };
    assert_eq!(counts, expected);
    assert_eq!(
        read_all(&target, &raw.digest).await,
        read_all(&source, &raw.digest).await
    );
    assert!(target.tags().await.unwrap().is_empty(), "no tag is set");

    fixture.registry.log().clear();
    let counts = copy(&source, &target, &raw).await.unwrap();
    let expected = CopyCounts {
        manifests_present: 6,
        ..CopyCounts::default()
    };
    assert_eq!(counts, expected);
    assert_eq!(
        fixture.count(&Method::PUT, "") + fixture.count(&Method::POST, ""),
        0
    );
}

#[tokio::test]
async fn what_is_not_mounted_is_streamed() {
    let fixture = Fixture::start().await;
    let client = client();
    let source = fixture.repository(&client, "ns/source");
    let raw = nested(&source).await;
    let faults = fixture.registry.faults();
    faults.add(Rule::new("mount=", Fault::RefuseMount));
    let (source, target) = (
        place(source),
        place(fixture.repository(&client, "ns/target")),
    );
    let counts = copy(&source, &target, &raw).await.unwrap();
    assert_eq!((counts.mounted, counts.copied, counts.manifests), (0, 9, 6));
    let layers = 1000 + 2001 + 2002 + 2003 + 2004;
    assert!(counts.copied_bytes > layers, "{counts:?}");
    assert_eq!(read_all(&target, &raw.digest).await.len(), 6);
}

#[tokio::test]
async fn a_copy_that_broke_off_is_completed_and_lists_come_last() {
    let (from, to) = (Fixture::start().await, Fixture::start().await);
    let client = client();
    let source = from.repository(&client, "ns/app");
    let raw = nested(&source).await;
    let (source, target) = (place(source), place(to.repository(&client, "ns/app")));
    let refused = Fault::Status {
        code: http::StatusCode::BAD_REQUEST,
        retry_after: None,
    };
    // Blobs and the images get through, the first list does not.
    let rule = Rule::new("/manifests/", refused).method(Method::PUT);
    to.registry.faults().add(rule.skip(4).times(1));
    copy(&source, &target, &raw).await.unwrap_err();
    let top = Reference::Digest(raw.digest.clone());
    assert_eq!(target.head_manifest(&top).await.unwrap(), None);
    to.registry.faults().clear();
    let counts = copy(&source, &target, &raw).await.unwrap();
    assert_eq!(
        (counts.manifests, counts.manifests_present, counts.copied),
        (2, 4, 0)
    );
    assert_eq!(read_all(&target, &raw.digest).await.len(), 6);
}

#[tokio::test]
async fn what_the_source_lacks_is_named_and_nothing_points_to_it() {
    let (from, to) = (Fixture::start().await, Fixture::start().await);
    let client = client();
    let source = from.repository(&client, "ns/app");
    let raw = nested(&source).await;
    let (source, target) = (place(source), place(to.repository(&client, "ns/app")));
    let shared = Digest::of(bytes(1000));
    let gone = Fault::Status {
        code: http::StatusCode::NOT_FOUND,
        retry_after: None,
    };
    let faults = from.registry.faults();
    faults.add(Rule::new(format!("/blobs/{shared}"), gone.clone()));
    let error = copy(&source, &target, &raw).await.unwrap_err();
    for part in [from.host(), shared.to_string()] {
        assert!(error.to_string().contains(&part), "{error}");
    }
    assert_eq!(to.count(&Method::PUT, "/manifests/"), 0);

    faults.clear();
    let child = &read_all(&source, &raw.digest).await[2];
    faults.add(Rule::new(format!("/manifests/{}", child.digest), gone));
    let error = copy(&source, &target, &raw).await.unwrap_err();
    assert!(matches!(error, Error::ManifestUnknown { .. }));
    for part in [from.host(), child.digest.to_string()] {
        assert!(error.to_string().contains(&part), "{error}");
    }
}

async fn layout(folder: &tempfile::TempDir) -> ImageRepository {
    let layout = Layout::create_or_open(folder.path()).await.unwrap();
    ImageRepository::Layout(layout)
}

/// Puts a manifest by digest and its config; the layers are the caller's matter.
async fn put_bare(place: &ImageRepository, manifest: &ImageManifest) -> RawManifest {
    let empty = BlobSource::Bytes(Bytes::from_static(b"{}"));
    place.put_blob(&manifest.config, &empty).await.unwrap();
    let raw = manifest.to_raw();
    let reference = Reference::Digest(raw.digest.clone());
    place.put_manifest(&reference, &raw).await.unwrap();
    raw
}

fn empty_config() -> Descriptor {
    crate::support::descriptor(&Bytes::from_static(b"{}"))
}

#[tokio::test]
async fn layers_that_are_kept_elsewhere_stay_there() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (source, target) = (layout(&from).await, layout(&to).await);
    let mut base = crate::support::descriptor(&bytes(5000));
    base.media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip".into();
    let urls = json!(["https://mcr.microsoft.com/v2/windows/blobs/x"]);
    base.rest.insert("urls".to_owned(), urls);
    let manifest = ImageManifest::new(Format::Docker, empty_config(), vec![base]);
    let manifest = put_bare(&source, &manifest).await;
    let counts = copy(&source, &target, &manifest).await.unwrap();
    let expected = (1, 1, 1);
    assert_eq!(
        (counts.elsewhere, counts.copied, counts.manifests),
        expected
    );
}

#[tokio::test]
async fn more_manifests_than_memory_is_given_for_are_refused() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (source, target) = (layout(&from).await, layout(&to).await);
    let mut entries = Vec::new();
    for number in 0..10 {
        let mut manifest = ImageManifest::new(Format::Oci, empty_config(), Vec::new());
        let note = format!("{number}{}", "x".repeat(7 << 20));
        manifest
            .rest
            .insert("annotations".to_owned(), json!({"note": note}));
        entries.push(put_bare(&source, &manifest).await.descriptor());
    }
    let error = copy_manifests(&source, &target, &entries, FOUR)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }));
    assert!(
        error.to_string().contains(&source.display_name()),
        "{error}"
    );
    assert_eq!(target.has_blob(&empty_config().digest).await.unwrap(), None);
}

#[tokio::test]
async fn lists_without_end_are_not_followed_for_ever() {
    let fixture = Fixture::start().await;
    let client = client();
    let repository = fixture.repository(&client, "ns/deep");
    let mut raw = image(&repository, 1).await;
    for _ in 0..9 {
        raw = index(&repository, &[raw.descriptor()]).await;
    }
    let (source, target) = (
        place(repository),
        place(fixture.repository(&client, "ns/target")),
    );
    let error = copy(&source, &target, &raw).await.unwrap_err();
    assert!(matches!(error, Error::TooDeep { .. }));
    assert!(error.to_string().contains("ns/deep"), "{error}");
}

#[tokio::test]
async fn through_a_directory_and_back_every_byte_stays() {
    let (from, to) = (Fixture::start().await, Fixture::start().await);
    let client = client();
    let source = from.repository(&client, "ns/app");
    let raw = nested(&source).await;
    let folder = tempfile::tempdir().unwrap();
    let (source, layout) = (place(source), layout(&folder).await);
    let target = place(to.repository(&client, "ns/app"));
    let counts = copy(&source, &layout, &raw).await.unwrap();
    assert_eq!((counts.manifests, counts.copied), (6, 9));
    let again = copy(&source, &layout, &raw).await.unwrap();
    assert_eq!((again.manifests, again.present, again.copied), (0, 9, 0));
    copy(&layout, &target, &raw).await.unwrap();
    assert_eq!(
        read_all(&target, &raw.digest).await,
        read_all(&source, &raw.digest).await
    );
}

#[tokio::test]
async fn each_registry_sees_its_own_credentials_alone() {
    let guarded = |user: &str| {
        let users = [(user.to_owned(), "secret".into())].into();
        Fixture::start_with(|config| config.auth = Some(Auth::Basic(users)))
    };
    let (from, to) = (guarded("reader").await, guarded("writer").await);
    let credentials = Credentials::none()
        .with(
            &format!("{}/ns/source", from.host()),
            "reader",
            "secret".into(),
        )
        .with(
            &format!("{}/ns/target", to.host()),
            "writer",
            "secret".into(),
        );
    let mut config = config();
    config.credentials = credentials;
    let client = Client::new(config).unwrap();
    let source = from.repository(&client, "ns/source");
    let raw = nested(&source).await;
    let (source, target) = (place(source), place(to.repository(&client, "ns/target")));
    copy(&source, &target, &raw).await.unwrap();
    assert_eq!(read_all(&target, &raw.digest).await.len(), 6);
    for (fixture, user) in [(&from, "reader"), (&to, "writer")] {
        let entries = fixture.registry.log().entries();
        let mut users: Vec<_> = entries
            .iter()
            .filter_map(|entry| entry.user.clone())
            .collect();
        users.dedup();
        assert_eq!(users, [user]);
    }

    // The credentials are for one repository: another one of the same registry gets none.
    from.registry.log().clear();
    let other = from.repository(&client, "ns/other");
    let top = Reference::Digest(raw.digest.clone());
    assert!(matches!(
        other.manifest(&top).await,
        Err(Error::Unauthorized { .. })
    ));
    let entries = from.registry.log().entries();
    assert!(entries.iter().all(|entry| entry.user.is_none()));
}
