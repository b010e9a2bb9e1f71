//! Lists whose entries leave their platform to their images' configs.

use bytes::Bytes;
use oci::{
    Descriptor, Error, Format, ImageManifest, ImageRepository, Listed, ManifestError, ManifestList,
    MediaType, RawManifest, Reference, RemoteRepository, read_listed,
};

use crate::support::{Fixture, client, put};

/// An image with `config`, put by digest.
async fn image(repository: &RemoteRepository, kind: MediaType, config: &str) -> RawManifest {
    let mut config = put(repository, &Bytes::from(config.to_owned())).await;
    config.media_type = kind;
    let raw = ImageManifest::new(Format::Oci, config, Vec::new()).to_raw();
    let reference = Reference::Digest(raw.digest.clone());
    repository.put_manifest(&reference, &raw).await.unwrap();
    raw
}

fn names(listed: &Listed) -> Vec<String> {
    let list = listed.to_list();
    list.named().map(|(name, _)| name.to_string()).collect()
}

#[tokio::test]
async fn the_config_says_the_platform_where_the_entry_does_not() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let mut entries: Vec<Descriptor> = Vec::new();
    for (kind, config) in [
        (
            MediaType::OciConfig,
            r#"{"architecture":"arm","os":"linux","variant":"v6","rootfs":{}}"#,
        ),
        (
            MediaType::OciConfig,
            r#"{"architecture":"amd64","os":"windows","os.version":"10.0.20348.1"}"#,
        ),
        // A signature as cosign writes it, and an artifact.
        (
            MediaType::OciConfig,
            r#"{"architecture":"","os":"","rootfs":{"type":"layers"}}"#,
        ),
        ("application/vnd.oci.empty.v1+json".into(), "{}"),
    ] {
        entries.push(image(&repository, kind, config).await.descriptor());
    }
    let raw = ManifestList::new(Format::Oci, entries.clone()).to_raw();
    let place = ImageRepository::Remote(repository);
    let listed = read_listed(&place, &raw).await.unwrap();
    let other = MediaType::OciManifest.to_string();
    assert_eq!(
        names(&listed),
        ["arm/v6", "windows/amd64 10.0.20348", &other, &other]
    );
    // What is published again is what was written, without what the configs say.
    assert_eq!(listed.to_list().to_raw(), raw);
    let reference = Reference::Digest(entries[0].digest.clone());
    let raw = place.manifest(&reference).await.unwrap();
    let single = read_listed(&place, &raw).await.unwrap();
    assert_eq!(names(&single), ["arm/v6"]);
}

#[tokio::test]
async fn an_image_whose_config_is_none_is_named() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let broken = image(&repository, MediaType::OciConfig, "{").await;
    let list = ManifestList::new(Format::Oci, vec![broken.descriptor()]).to_raw();
    let place = ImageRepository::Remote(repository);
    for raw in [&broken, &list] {
        let error = read_listed(&place, raw).await.unwrap_err();
        let expected = matches!(error, Error::Manifest(ManifestError::NoPlatform { .. }));
        assert!(expected, "{error:?}");
        let digest = broken.digest.to_string();
        assert!(error.to_string().contains(&digest), "{error}");
    }
}
