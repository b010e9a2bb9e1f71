//! Uploading blobs.

use reqwest::Method;

use crate::support::{Fixture, code, digest, header, send};

#[tokio::test]
async fn chunks_make_a_blob() {
    let fixture = Fixture::start().await;
    let upload = fixture.open_upload("a/b").await;
    let first = fixture
        .request(Method::PATCH, &upload)
        .header("content-range", "0-4");
    let first = send(first.body("hello")).await;
    assert_eq!(
        (first.status().as_u16(), header(&first, "range")),
        (202, "0-4")
    );
    let second = send(fixture.request(Method::PATCH, &upload).body(", world")).await;
    assert_eq!(header(&second, "range"), "0-11");
    let status = fixture.get(&upload).await;
    assert_eq!(
        (status.status().as_u16(), header(&status, "range")),
        (204, "0-11")
    );
    let blob = digest(b"hello, world!");
    let done = fixture.request(Method::PUT, &format!("{upload}?digest={blob}"));
    let done = send(done.header("content-range", "12-12").body("!")).await;
    assert_eq!(
        (
            done.status().as_u16(),
            header(&done, "docker-content-digest")
        ),
        (201, blob.as_str())
    );
    let got = fixture.get(header(&done, "location")).await;
    assert_eq!(got.text().await.unwrap(), "hello, world!");
    assert_eq!(
        code(fixture.get(&upload).await).await,
        "BLOB_UPLOAD_UNKNOWN"
    );
}

#[tokio::test]
async fn a_chunk_at_the_wrong_place_is_told_the_right_one() {
    let fixture = Fixture::start().await;
    let upload = fixture.open_upload("a").await;
    send(fixture.request(Method::PATCH, &upload).body("hello")).await;
    let chunk = |range: &str| {
        let request = fixture.request(Method::PATCH, &upload);
        send(
            request
                .header("content-range", range.to_owned())
                .body("xyz"),
        )
    };
    let gap = chunk("7-9").await;
    assert_eq!((gap.status().as_u16(), header(&gap, "range")), (416, "0-4"));
    assert_eq!(header(&gap, "location"), upload);
    assert_eq!(code(chunk("5-6").await).await, "SIZE_INVALID");
    assert_eq!(code(chunk("five-six").await).await, "BLOB_UPLOAD_INVALID");
    assert_eq!(header(&chunk("5-7").await, "range"), "0-7");
}

#[tokio::test]
async fn a_wrong_digest_stores_nothing() {
    let fixture = Fixture::start().await;
    let claimed = digest(b"claimed");
    let path = format!("/v2/a/blobs/uploads/?digest={claimed}");
    let pushed = send(fixture.request(Method::POST, &path).body("actual")).await;
    assert_eq!(
        (pushed.status().as_u16(), code(pushed).await.as_str()),
        (400, "DIGEST_INVALID")
    );
    for digest in [claimed, digest(b"actual")] {
        assert_eq!(
            fixture
                .head(&format!("/v2/a/blobs/{digest}"))
                .await
                .status(),
            404
        );
    }
    let upload = fixture.open_upload("a").await;
    let missing = send(fixture.request(Method::PUT, &upload)).await;
    assert_eq!(
        (missing.status().as_u16(), code(missing).await.as_str()),
        (400, "DIGEST_INVALID")
    );
}

#[tokio::test]
async fn cancelled_uploads_are_unknown_and_leave_nothing() {
    let fixture = Fixture::start().await;
    let upload = fixture.open_upload("a").await;
    let elsewhere = upload.replace("/v2/a/", "/v2/b/");
    assert_eq!(fixture.get(&elsewhere).await.status(), 404);
    assert_eq!(fixture.delete(&upload).await.status(), 204);
    assert_eq!(fixture.delete(&upload).await.status(), 404);
    let left = std::fs::read_dir(fixture.root.path().join("uploads"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn mounting_moves_no_bytes() {
    let fixture = Fixture::start().await;
    let blob = fixture.push_blob("source", b"mounted").await;
    let mounted = format!("/v2/to/here/blobs/uploads/?mount={blob}&from=source");
    let mounted = send(fixture.request(Method::POST, &mounted)).await;
    assert_eq!(
        (
            mounted.status().as_u16(),
            header(&mounted, "docker-content-digest")
        ),
        (201, blob.as_str())
    );
    assert_eq!(
        fixture
            .get(&format!("/v2/to/here/blobs/{blob}"))
            .await
            .text()
            .await
            .unwrap(),
        "mounted"
    );
}

#[tokio::test]
async fn a_mount_the_source_cannot_serve_becomes_an_upload() {
    let fixture = Fixture::start().await;
    let blob = digest(b"not there");
    for query in [format!("mount={blob}&from=source"), format!("mount={blob}")] {
        let opened = fixture.request(Method::POST, &format!("/v2/a/blobs/uploads/?{query}"));
        let opened = send(opened).await;
        assert_eq!(opened.status(), 202);
        let done = format!("{}?digest={blob}", header(&opened, "location"));
        let done = send(fixture.request(Method::PUT, &done).body("not there")).await;
        assert_eq!(done.status(), 201);
    }
}
