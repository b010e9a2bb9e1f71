//! Reading and deleting blobs.

use reqwest::Method;

use crate::support::{Fixture, code, digest, header, send};

#[tokio::test]
async fn the_root_says_what_it_is() {
    let fixture = Fixture::start().await;
    let pong = fixture.get("/v2/").await;
    assert_eq!(pong.status(), 200);
    assert_eq!(
        header(&pong, "docker-distribution-api-version"),
        "registry/2.0"
    );
    assert_eq!(fixture.get("/v1/").await.status(), 404);
    assert_eq!(fixture.delete("/v2/").await.status(), 405);
}

#[tokio::test]
async fn a_blob_comes_back_as_it_was_pushed() {
    let fixture = Fixture::start().await;
    let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let blob = fixture.push_blob("a/b", &bytes).await;
    let path = format!("/v2/a/b/blobs/{blob}");
    let head = fixture.head(&path).await;
    assert_eq!(
        (head.status().as_u16(), header(&head, "content-length")),
        (200, "12000000")
    );
    assert_eq!(header(&head, "docker-content-digest"), blob);
    let got = fixture.get(&path.replace("sha256:", "sha256%3A")).await;
    assert_eq!(got.bytes().await.unwrap(), bytes);
}

#[tokio::test]
async fn ranges_are_parts_of_the_blob() {
    let fixture = Fixture::start().await;
    let blob = fixture.push_blob("a", b"0123456789").await;
    let range = |range: &str| {
        let request = fixture.request(Method::GET, &format!("/v2/a/blobs/{blob}"));
        send(request.header("range", range.to_owned()))
    };
    let part = range("bytes=2-4").await;
    assert_eq!(
        (part.status().as_u16(), header(&part, "content-range")),
        (206, "bytes 2-4/10")
    );
    assert_eq!(part.text().await.unwrap(), "234");
    assert_eq!(range("bytes=-3").await.text().await.unwrap(), "789");
    let beyond = range("bytes=10-").await;
    assert_eq!(
        (beyond.status().as_u16(), header(&beyond, "content-range")),
        (416, "bytes */10")
    );
    assert_eq!(range("bytes=0-1,3-4").await.status(), 200);
}

#[tokio::test]
async fn unknown_blobs_are_not_found_and_odd_digests_refused() {
    let fixture = Fixture::start().await;
    let absent = fixture
        .get(&format!("/v2/a/blobs/{}", digest(b"absent")))
        .await;
    assert_eq!(absent.status(), 404);
    assert_eq!(code(absent).await, "BLOB_UNKNOWN");
    let odd = fixture.get("/v2/a/blobs/sha256:zz").await;
    assert_eq!(
        (odd.status().as_u16(), code(odd).await.as_str()),
        (400, "DIGEST_INVALID")
    );
    let name = fixture.get(&format!("/v2/A/blobs/{}", digest(b""))).await;
    assert_eq!(
        (name.status().as_u16(), code(name).await.as_str()),
        (400, "NAME_INVALID")
    );
}

#[tokio::test]
async fn a_blob_belongs_to_the_repositories_that_have_it() {
    let fixture = Fixture::start().await;
    let blob = fixture.push_blob("a", b"shared").await;
    fixture.push_blob("b", b"shared").await;
    assert_eq!(
        fixture.head(&format!("/v2/c/blobs/{blob}")).await.status(),
        404
    );
    assert_eq!(
        fixture
            .delete(&format!("/v2/a/blobs/{blob}"))
            .await
            .status(),
        202
    );
    assert_eq!(
        fixture
            .delete(&format!("/v2/a/blobs/{blob}"))
            .await
            .status(),
        404
    );
    assert_eq!(
        fixture.head(&format!("/v2/a/blobs/{blob}")).await.status(),
        404
    );
    assert_eq!(
        fixture
            .get(&format!("/v2/b/blobs/{blob}"))
            .await
            .text()
            .await
            .unwrap(),
        "shared"
    );
}

#[tokio::test]
async fn a_blob_whose_bytes_vanished_is_unknown() {
    let fixture = Fixture::start().await;
    let blob = fixture.push_blob("a", b"to vanish").await;
    let file = fixture
        .root
        .path()
        .join("blobs/sha256")
        .join(&blob["sha256:".len()..]);
    std::fs::remove_file(file).unwrap();
    assert_eq!(
        fixture.head(&format!("/v2/a/blobs/{blob}")).await.status(),
        404
    );
    let got = fixture.get(&format!("/v2/a/blobs/{blob}")).await;
    assert_eq!(
        (got.status().as_u16(), code(got).await.as_str()),
        (404, "BLOB_UNKNOWN")
    );
}
