//! Images whose manifests are of no type that can be worked on, such as those of old registries.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use axum::http::header::CONTENT_TYPE;
use axum::routing::any;
use builder::{AddRequest, BinaryImage, Checkpoint, Error, RelatedRequest, Role};
use oci::{ImageName, PullSpec};
use samples::Bundle;
use support::{Observer, World, listen};

const SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const UNKNOWN: &str = "application/vnd.example.chart.v7+json";

/// A registry whose manifests are all of one type.
async fn registry_of(media_type: &'static str) -> PullSpec {
    let body = r#"{"schemaVersion": 1, "name": "ns/old", "tag": "v1", "fsLayers": []}"#;
    let manifest = any(async move || ([(CONTENT_TYPE, media_type)], body));
    let router = axum::Router::new().route("/v2/ns/old/manifests/{reference}", manifest);
    let host = listen(router).await;
    format!("{host}/ns/old:v1").parse().unwrap()
}

/// The error tells the type of the image, what the image is for, and what to do.
#[track_caller]
fn check(error: &Error, expected: Role, image: &PullSpec, of_type: &str) {
    let Error::UnsupportedType {
        role, media_type, ..
    } = error
    else {
        panic!("{}", error.report())
    };
    assert_eq!((*role, media_type.as_str()), (expected, of_type));
    let text = error.report();
    let named = format!("the {expected} `{image}` is of type `{of_type}`");
    for part in [named.as_str(), "Docker v2 schema 2"] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
}

#[tokio::test]
async fn images_of_other_types_are_refused_whatever_they_are_to_an_addition() {
    type Put = fn(&mut AddRequest, PullSpec);
    let world = World::open().await;
    let binary = world.repository("binary");
    samples::push_binary_image(&world.client, &binary, &["amd64"], 0)
        .await
        .unwrap();
    let alpha = Bundle::simple("alpha", "1.0.0", "stable", None);
    let request = world.request(world.bundle(&alpha).await, "1");
    let places: [(Role, Put); 3] = [
        (Role::Bundle, |request, image| request.bundles.push(image)),
        (Role::FromIndex, |request, image| {
            request.index.from_index = Some(ImageName::Registry(image));
        }),
        (Role::BinaryImage, |request, image| {
            request.index.binary_image = Some(BinaryImage::Image(ImageName::Registry(image)));
        }),
    ];
    for media_type in [SIGNED, SCHEMA_1, UNKNOWN] {
        let image = registry_of(media_type).await;
        for (role, put) in places {
            let mut request = request.clone();
            put(&mut request, image.clone());
            let error = world.add(&request, &Observer::default()).await.unwrap_err();
            check(&error, role, &image, media_type);
        }
    }
    assert!(world.tags("iib-build").await.is_empty());
}

#[tokio::test]
async fn the_same_holds_for_requests_on_bundles() {
    let world = World::open().await;
    let (builder, observer) = (&world.builder, Observer::default());
    for media_type in [SIGNED, UNKNOWN] {
        let image = registry_of(media_type).await;
        let regenerate = world.regenerate(&image, "1");
        let regenerated = builder.regenerate(&regenerate, &observer, Checkpoint::default());
        let error = regenerated.await.unwrap_err();
        check(&error, Role::FromBundle, &image, media_type);
        let related = RelatedRequest {
            parent: ImageName::Registry(image.clone()),
            organization: None,
            direct_only: false,
            auths: None,
        };
        let related = builder.related_bundles(&related, &observer, Checkpoint::default());
        check(
            &related.await.unwrap_err(),
            Role::ParentBundle,
            &image,
            media_type,
        );
    }
    assert!(world.tags("iib-build").await.is_empty());
}
