//! OCI image layouts keep what was put into them, whoever else writes and whatever breaks.

use std::path::Path;

use bytes::Bytes;
use futures::TryStreamExt as _;
use oci::{
    BlobPlacement, BlobSource, Descriptor, Digest, Error, Format, ImageName, ImageRepository,
    Layout, LayoutError, ManifestList, MediaType, RawManifest, Reference, Tag,
};
use tempfile::TempDir;

async fn empty() -> (TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create_or_open(folder.path().join("new/layout"))
        .await
        .unwrap();
    (folder, layout)
}

fn tag(text: &str) -> Reference {
    Reference::Tag(text.parse().unwrap())
}

fn list(format: Format) -> RawManifest {
    ManifestList::new(format, Vec::new()).to_raw()
}

fn blob(content: &'static str) -> (Descriptor, BlobSource) {
    let size = content.len().try_into().unwrap();
    let descriptor = Descriptor::new(MediaType::DockerLayer, size, Digest::of(content));
    (
        descriptor,
        BlobSource::Bytes(Bytes::from_static(content.as_bytes())),
    )
}

fn file_count(path: &Path) -> usize {
    std::fs::read_dir(path).unwrap().count()
}

#[tokio::test]
async fn manifests_come_back_by_tag_and_by_digest_with_their_type() {
    let (_folder, layout) = empty().await;
    for (name, manifest) in [("docker", list(Format::Docker)), ("oci", list(Format::Oci))] {
        layout.put_manifest(&tag(name), &manifest).await.unwrap();
        let by_digest = Reference::Digest(manifest.digest.clone());
        for reference in [tag(name), by_digest] {
            assert_eq!(layout.manifest(&reference).await.unwrap(), manifest);
            let head = layout.head_manifest(&reference).await.unwrap();
            assert_eq!(head, Some(manifest.descriptor()));
        }
    }
    let tags: Vec<Tag> = vec!["docker".parse().unwrap(), "oci".parse().unwrap()];
    assert_eq!(layout.tags().await.unwrap(), tags);
}

#[tokio::test]
async fn a_manifest_that_names_no_type_gets_the_one_of_its_shape() {
    let (_folder, layout) = empty().await;
    for (text, expected) in [
        (r#"{"schemaVersion":2,"manifests":[]}"#, MediaType::OciIndex),
        (r#"{"schemaVersion":2,"layers":[]}"#, MediaType::OciManifest),
    ] {
        let manifest = RawManifest::new(expected.clone(), Bytes::from_static(text.as_bytes()));
        let reference = Reference::Digest(manifest.digest.clone());
        layout.put_manifest(&reference, &manifest).await.unwrap();
        assert_eq!(
            layout.manifest(&reference).await.unwrap().media_type,
            expected
        );
    }
}

#[tokio::test]
async fn what_is_missing_is_not_found() {
    let (folder, layout) = empty().await;
    let (descriptor, _) = blob("absent");
    let by_digest = Reference::Digest(descriptor.digest.clone());
    for reference in [tag("absent"), by_digest] {
        assert!(
            layout
                .manifest(&reference)
                .await
                .unwrap_err()
                .is_not_found()
        );
        assert_eq!(layout.head_manifest(&reference).await.unwrap(), None);
    }
    assert_eq!(layout.has_blob(&descriptor.digest).await.unwrap(), None);
    assert!(layout.blob(&descriptor).await.unwrap_err().is_not_found());
    assert!(
        layout
            .blob_bytes(&descriptor, 100)
            .await
            .unwrap_err()
            .is_not_found()
    );
    let error = Layout::open(folder.path()).await.unwrap_err();
    assert!(
        matches!(error, Error::Layout(LayoutError::NotALayout { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_tag_moves_and_the_other_tags_and_unknown_fields_stay() {
    let (_folder, layout) = empty().await;
    let index_file = layout.path().join("index.json");
    let digest = Digest::of("x");
    let foreign = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"a/b","size":1,"digest":"{digest}","annotations":{{"k":"v"}}}}],"x":"y"}}"#
    );
    std::fs::write(&index_file, &foreign).unwrap();
    layout
        .put_manifest(&tag("a"), &list(Format::Docker))
        .await
        .unwrap();
    layout
        .put_manifest(&tag("b"), &list(Format::Docker))
        .await
        .unwrap();
    layout
        .put_manifest(&tag("a"), &list(Format::Oci))
        .await
        .unwrap();
    assert_eq!(layout.manifest(&tag("a")).await.unwrap(), list(Format::Oci));
    assert_eq!(
        layout.manifest(&tag("b")).await.unwrap(),
        list(Format::Docker)
    );
    let index = std::fs::read_to_string(&index_file).unwrap();
    assert!(
        index.contains(r#""annotations":{"k":"v"}"#) && index.contains(r#""x":"y""#),
        "{index}"
    );
}

#[tokio::test]
async fn the_only_image_without_a_tag_is_the_latest() {
    let (_folder, layout) = empty().await;
    let manifest = list(Format::Oci);
    layout.put_manifest(&tag("x"), &manifest).await.unwrap();
    let index_file = layout.path().join("index.json");
    let index = std::fs::read_to_string(&index_file).unwrap();
    assert!(
        layout
            .manifest(&tag("latest"))
            .await
            .unwrap_err()
            .is_not_found()
    );
    std::fs::write(&index_file, index.replace("image.ref.name", "other")).unwrap();
    assert_eq!(layout.manifest(&tag("latest")).await.unwrap(), manifest);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_keep_each_others_tags() {
    let (_folder, layout) = empty().await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..16 {
        let path = layout.path().to_owned();
        writers.spawn(async move {
            let own = Layout::create_or_open(path).await.unwrap();
            own.put_manifest(&tag(&format!("t{number}")), &list(Format::Oci))
                .await
                .unwrap();
        });
    }
    while let Some(result) = writers.join_next().await {
        result.unwrap();
    }
    assert_eq!(layout.tags().await.unwrap().len(), 16);
}

#[tokio::test]
async fn blobs_come_back_and_are_stored_once() {
    let (folder, layout) = empty().await;
    let (descriptor, source) = blob("some content");
    let file = folder.path().join("content");
    std::fs::write(&file, "some content").unwrap();
    layout
        .put_blob(&descriptor, &BlobSource::File(file))
        .await
        .unwrap();
    layout.put_blob(&descriptor, &source).await.unwrap();
    assert_eq!(layout.has_blob(&descriptor.digest).await.unwrap(), Some(12));
    assert_eq!(
        layout.blob_bytes(&descriptor, 12).await.unwrap(),
        "some content"
    );
    let error = layout.blob_bytes(&descriptor, 11).await.unwrap_err();
    assert!(
        matches!(error, Error::TooLarge { limit: 11, .. }),
        "{error}"
    );
    let pieces: Vec<Bytes> = layout
        .blob(&descriptor)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(pieces.concat(), b"some content");
}

#[tokio::test]
async fn content_that_is_not_what_its_descriptor_says_is_not_stored() {
    let (_folder, layout) = empty().await;
    let (descriptor, _) = blob("right");
    for wrong in ["wrong", "too long", "less"] {
        let error = layout
            .put_blob(&descriptor, &blob(wrong).1)
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::DigestMismatch { .. } | Error::SizeMismatch { .. }
            ),
            "{error}"
        );
    }
    let other = Reference::Digest(descriptor.digest.clone());
    let error = layout
        .put_manifest(&other, &list(Format::Oci))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    assert_eq!(file_count(&layout.path().join("blobs/sha256")), 0);
    // Nothing temporary is left: the marker, the index, its lock and the blobs.
    assert_eq!(file_count(layout.path()), 4);
}

#[tokio::test]
async fn a_damaged_blob_is_told_when_it_is_read() {
    let (_folder, layout) = empty().await;
    let (descriptor, source) = blob("right");
    layout.put_blob(&descriptor, &source).await.unwrap();
    let file = layout
        .path()
        .join("blobs/sha256")
        .join(descriptor.digest.hex());
    for damaged in ["wrong", "righ", "right!"] {
        std::fs::write(&file, damaged).unwrap();
        assert!(
            layout.blob_bytes(&descriptor, 100).await.is_err(),
            "{damaged}"
        );
        let stream = layout.blob(&descriptor).await.unwrap();
        assert!(
            stream.try_collect::<Vec<Bytes>>().await.is_err(),
            "{damaged}"
        );
    }
}

#[tokio::test]
async fn a_layout_stays_readable_after_a_crash_between_any_two_steps() {
    let (_folder, layout) = empty().await;
    layout
        .put_manifest(&tag("a"), &list(Format::Oci))
        .await
        .unwrap();
    // What a crash may leave: an unfinished file, an untagged blob, a lock nobody holds.
    std::fs::write(layout.path().join(".incoming-x"), "half").unwrap();
    let (descriptor, source) = blob("untagged");
    layout.put_blob(&descriptor, &source).await.unwrap();
    let again = Layout::open(layout.path()).await.unwrap();
    assert_eq!(again.manifest(&tag("a")).await.unwrap(), list(Format::Oci));
    again
        .put_manifest(&tag("b"), &list(Format::Oci))
        .await
        .unwrap();
    assert_eq!(again.tags().await.unwrap().len(), 2);
    // A crash before the marker: no layout yet, and creating goes on where it stopped.
    std::fs::remove_file(layout.path().join("oci-layout")).unwrap();
    assert!(Layout::open(layout.path()).await.is_err());
    let again = Layout::create_or_open(layout.path()).await.unwrap();
    assert_eq!(again.tags().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_layout_of_another_version_is_refused() {
    let (_folder, layout) = empty().await;
    let marker = layout.path().join("oci-layout");
    std::fs::write(marker, r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    for result in [
        Layout::open(layout.path()).await,
        Layout::create_or_open(layout.path()).await,
    ] {
        let error = result.unwrap_err();
        assert!(error.to_string().contains("`2.0.0`"), "{error}");
    }
}

#[tokio::test]
async fn blobs_are_copied_from_layout_to_layout_once() {
    let (_source_folder, source) = empty().await;
    let (_target_folder, target) = empty().await;
    let (descriptor, content) = blob("travels");
    source.put_blob(&descriptor, &content).await.unwrap();
    let (source, target) = (
        ImageRepository::Layout(source),
        ImageRepository::Layout(target),
    );
    let copied = target.copy_blob_from(&source, &descriptor).await.unwrap();
    assert_eq!(copied, BlobPlacement::Copied { bytes: 7 });
    let copied = target.copy_blob_from(&source, &descriptor).await.unwrap();
    assert_eq!(copied, BlobPlacement::Present);
    assert_eq!(target.blob_bytes(&descriptor, 7).await.unwrap(), "travels");
    assert_eq!(
        source.copy_blob_from(&target, &descriptor).await.unwrap(),
        BlobPlacement::Present
    );
}

#[test]
fn image_names_print_as_they_are_meant() {
    for (text, printed, reference) in [
        ("quay.io/a/b:v1", "quay.io/a/b:v1", "v1"),
        ("docker://quay.io/a/b:v1", "quay.io/a/b:v1", "v1"),
        ("oci:/some/where", "oci:/some/where", "latest"),
        ("oci:relative:v1", "oci:relative:v1", "v1"),
        ("oci:/a:b/c", "oci:/a:b/c", "latest"),
        ("oci:/a:b/c:v2", "oci:/a:b/c:v2", "v2"),
    ] {
        let name: ImageName = text.parse().unwrap();
        assert_eq!(name.to_string(), printed);
        assert_eq!(name.reference(), tag(reference), "{text}");
        assert_eq!(name.to_string().parse::<ImageName>().unwrap(), name);
    }
    let digest = Digest::of("x");
    let text = format!("oci:/a:b/c@{digest}");
    let name: ImageName = text.parse().unwrap();
    assert_eq!(name.to_string(), text);
    assert_eq!(name.reference(), Reference::Digest(digest.clone()));
    let no_path = format!("oci:@{digest}");
    for wrong in [
        "",
        "oci:",
        "oci::v1",
        "docker://",
        "quay.io/UPPER",
        &no_path,
    ] {
        assert!(wrong.parse::<ImageName>().is_err(), "{wrong}");
    }
}
