//! Pushing, reading and deleting manifests.

use crate::support::{Fixture, INDEX, MANIFEST, code, digest, header, image};

#[tokio::test]
async fn a_manifest_is_found_by_tag_and_by_digest() {
    let fixture = Fixture::start().await;
    let pushed = fixture.push_image("a/b", "v1", b"layer").await;
    let expected = image(&digest(b"{}"), &digest(b"layer"));
    for reference in ["v1", &pushed] {
        let path = format!("/v2/a/b/manifests/{reference}");
        let head = fixture.head(&path).await;
        assert_eq!(head.status(), 200);
        assert_eq!(header(&head, "content-length"), expected.len().to_string());
        let got = fixture.get(&path).await;
        assert_eq!(
            (
                header(&got, "docker-content-digest"),
                header(&got, "content-type")
            ),
            (pushed.as_str(), MANIFEST)
        );
        assert_eq!(got.text().await.unwrap(), expected);
    }
    for absent in ["v2", "..", &digest(b"absent")] {
        let got = fixture
            .get(&format!("/v2/a/b/manifests/{}", absent.replace('.', "%2E")))
            .await;
        assert_eq!(got.status(), 404, "{absent}");
    }
}

#[tokio::test]
async fn a_manifest_without_its_blobs_is_refused() {
    let fixture = Fixture::start().await;
    let config = fixture.push_blob("a", b"{}").await;
    // Another repository's blob does not count.
    let layer = fixture.push_blob("b", b"layer").await;
    let refused = fixture
        .put_manifest("a", "v1", MANIFEST, &image(&config, &layer))
        .await;
    assert_eq!(refused.status(), 400);
    let body: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(body["errors"][0]["code"], "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(body["errors"][0]["detail"]["digest"], layer);
    assert_eq!(fixture.head("/v2/a/manifests/v1").await.status(), 404);
}

#[tokio::test]
async fn an_index_needs_its_children() {
    let fixture = Fixture::start().await;
    let child = fixture.push_image("a", "child", b"layer").await;
    let index = |child: &str| {
        serde_json::json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [{ "mediaType": MANIFEST, "digest": child, "size": 1 }],
        })
        .to_string()
    };
    let refused = fixture
        .put_manifest("a", "v1", INDEX, &index(&digest(b"absent")))
        .await;
    assert_eq!(code(refused).await, "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(
        fixture
            .put_manifest("a", "v1", INDEX, &index(&child))
            .await
            .status(),
        201
    );
}

#[tokio::test]
async fn layers_that_live_elsewhere_need_not_be_pushed() {
    let fixture = Fixture::start().await;
    let config = fixture.push_blob("a", b"{}").await;
    let mut body: serde_json::Value =
        serde_json::from_str(&image(&config, &digest(b"foreign"))).unwrap();
    body["layers"][0]["urls"] = serde_json::json!(["https://example.com/layer"]);
    assert_eq!(
        fixture
            .put_manifest("a", "v1", MANIFEST, &body.to_string())
            .await
            .status(),
        201
    );
}

#[tokio::test]
async fn what_is_no_manifest_is_refused() {
    let fixture = Fixture::start_with(|config| config.max_manifest_bytes = 1000).await;
    fixture.push_image("a", "v1", b"layer").await;
    let good = image(&digest(b"{}"), &digest(b"layer"));
    let long = format!("{good}{}", " ".repeat(1000));
    for (reference, media_type, body, status, expected) in [
        ("v2", INDEX, good.as_str(), 400, "MANIFEST_INVALID"),
        ("v2", "text/plain", &good, 400, "MANIFEST_INVALID"),
        ("v2", MANIFEST, "{", 400, "MANIFEST_INVALID"),
        (
            "v2",
            MANIFEST,
            r#"{"schemaVersion":1}"#,
            400,
            "MANIFEST_INVALID",
        ),
        ("v2", MANIFEST, &long, 413, "SIZE_INVALID"),
        ("-", MANIFEST, &good, 400, "TAG_INVALID"),
        (&digest(b"other"), MANIFEST, &good, 400, "DIGEST_INVALID"),
    ] {
        let refused = fixture.put_manifest("a", reference, media_type, body).await;
        assert_eq!(
            (refused.status().as_u16(), code(refused).await.as_str()),
            (status, expected)
        );
    }
    assert_eq!(
        fixture
            .put_manifest("a", &digest(good.as_bytes()), MANIFEST, &good)
            .await
            .status(),
        201
    );
}

#[tokio::test]
async fn deleting_a_tag_keeps_the_manifest_and_deleting_the_manifest_takes_its_tags() {
    let fixture = Fixture::start().await;
    let kept = fixture.push_image("a", "kept", b"one").await;
    let gone = fixture.push_image("a", "v1", b"two").await;
    fixture.push_image("a", "v2", b"two").await;
    assert_eq!(fixture.delete("/v2/a/manifests/v1").await.status(), 202);
    assert_eq!(fixture.delete("/v2/a/manifests/v1").await.status(), 404);
    assert_eq!(
        fixture
            .head(&format!("/v2/a/manifests/{gone}"))
            .await
            .status(),
        200
    );
    assert_eq!(
        fixture
            .delete(&format!("/v2/a/manifests/{gone}"))
            .await
            .status(),
        202
    );
    for absent in [gone.as_str(), "v2"] {
        assert_eq!(
            fixture
                .head(&format!("/v2/a/manifests/{absent}"))
                .await
                .status(),
            404
        );
    }
    let got = fixture.head("/v2/a/manifests/kept").await;
    assert_eq!(header(&got, "docker-content-digest"), kept);
}
