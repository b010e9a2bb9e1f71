//! Each fault as a client sees it.

use std::time::{Duration, Instant};

use registry::{Fault, Rule};
use reqwest::{Method, StatusCode};

use crate::support::{Fixture, code, digest, header, send};

/// A registry with a blob of 100,000 bytes in repository `a`, and the path of the blob.
async fn with_blob() -> (Fixture, String, Vec<u8>) {
    let fixture = Fixture::start().await;
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let blob = fixture.push_blob("a", &bytes).await;
    (fixture, format!("/v2/a/blobs/{blob}"), bytes)
}

#[tokio::test]
async fn a_status_is_answered_without_doing_anything() {
    let fixture = Fixture::start().await;
    let busy = Fault::Status {
        code: StatusCode::TOO_MANY_REQUESTS,
        retry_after: Some(Duration::from_secs(3)),
    };
    fixture
        .running
        .faults()
        .add(Rule::new("/uploads/", busy).method(Method::POST).times(1));
    let path = format!(
        "/v2/a/blobs/uploads/?digest={}",
        digest(&vec![1; 5_000_000])
    );
    let push = || {
        send(
            fixture
                .request(Method::POST, &path)
                .body(vec![1; 5_000_000]),
        )
    };
    let refused = push().await;
    assert_eq!(
        (refused.status().as_u16(), header(&refused, "retry-after")),
        (429, "3")
    );
    assert_eq!(code(refused).await, "TOOMANYREQUESTS");
    assert_eq!(
        fixture.get("/v2/_catalog").await.text().await.unwrap(),
        r#"{"repositories":[]}"#
    );
    assert_eq!(push().await.status(), 201);
}

#[tokio::test]
async fn a_cut_body_announces_all_and_sends_a_part() {
    let (fixture, path, bytes) = with_blob().await;
    for (after_bytes, expected) in [(40_000, 40_000), (0, 0), (1_000_000, 99_999)] {
        fixture.running.faults().clear();
        fixture
            .running
            .faults()
            .add(Rule::new(&path, Fault::CutBody { after_bytes }));
        assert_eq!(
            header(&fixture.head(&path).await, "content-length"),
            "100000"
        );
        let mut answer = fixture.get(&path).await;
        assert_eq!(header(&answer, "content-length"), "100000");
        let mut received = Vec::new();
        let ended = loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => received.extend_from_slice(&chunk),
                other => break other,
            }
        };
        assert!(ended.is_err(), "the connection broke");
        assert_eq!(received, bytes[..expected]);
    }
}

#[tokio::test]
async fn a_cut_request_keeps_what_came_before() {
    let fixture = Fixture::start().await;
    let upload = fixture.open_upload("a").await;
    let rule = Rule::new(
        "/uploads/",
        Fault::CutRequest {
            after_bytes: 700_000,
        },
    );
    fixture
        .running
        .faults()
        .add(rule.method(Method::PATCH).times(1));
    let bytes = vec![9; 1_000_000];
    let cut = fixture
        .request(Method::PATCH, &upload)
        .body(bytes.clone())
        .send()
        .await;
    assert!(cut.is_err());
    let status = fixture.get(&upload).await;
    assert_eq!(header(&status, "range"), "0-699999");
    let rest = fixture
        .request(Method::PATCH, &upload)
        .header("content-range", "700000-999999");
    assert_eq!(
        send(rest.body(bytes[700_000..].to_vec())).await.status(),
        202
    );
    let finish = format!("{upload}?digest={}", digest(&bytes));
    assert_eq!(
        send(fixture.request(Method::PUT, &finish)).await.status(),
        201
    );
}

#[tokio::test]
async fn a_cut_beyond_the_end_of_a_request_cuts_at_its_end() {
    let fixture = Fixture::start().await;
    fixture.running.faults().add(Rule::new(
        "/uploads/",
        Fault::CutRequest { after_bytes: 1000 },
    ));
    let path = format!("/v2/a/blobs/uploads/?digest={}", digest(b"short"));
    assert!(
        fixture
            .request(Method::POST, &path)
            .body("short")
            .send()
            .await
            .is_err()
    );
    assert_eq!(
        fixture
            .head(&format!("/v2/a/blobs/{}", digest(b"short")))
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn a_slow_body_takes_its_time_and_is_whole() {
    let (fixture, path, bytes) = with_blob().await;
    let slow = Fault::Slow {
        chunk_bytes: 30_000,
        delay: Duration::from_millis(10),
    };
    fixture.running.faults().add(Rule::new(&path, slow));
    let began = Instant::now();
    assert_eq!(fixture.get(&path).await.bytes().await.unwrap(), bytes);
    assert!(began.elapsed() >= Duration::from_millis(40));
}

#[tokio::test]
async fn a_stalled_request_is_never_answered() {
    let fixture = Fixture::start().await;
    fixture
        .running
        .faults()
        .add(Rule::new("/v2/", Fault::Stall).times(1));
    let stalled = fixture
        .request(Method::GET, "/v2/")
        .timeout(Duration::from_millis(100))
        .send()
        .await;
    assert!(stalled.unwrap_err().is_timeout());
    assert_eq!(fixture.get("/v2/").await.status(), 200);
}

#[tokio::test]
async fn a_wrong_digest_is_one_bit_off() {
    let (fixture, path, bytes) = with_blob().await;
    fixture
        .running
        .faults()
        .add(Rule::new(&path, Fault::WrongDigest).times(1));
    let got = fixture.get(&path).await.bytes().await.unwrap();
    let differing = got.iter().zip(&bytes).filter(|(a, b)| a != b).count();
    assert_eq!((got.len(), differing), (bytes.len(), 1));
    assert_eq!(fixture.get(&path).await.bytes().await.unwrap(), bytes);
}

#[tokio::test]
async fn a_refused_mount_is_an_upload() {
    let (fixture, path, _) = with_blob().await;
    let blob = path.rsplit('/').next().unwrap();
    fixture
        .running
        .faults()
        .add(Rule::new("", Fault::RefuseMount).times(1));
    let mount = || {
        let path = format!("/v2/b/blobs/uploads/?mount={blob}&from=a");
        send(fixture.request(Method::POST, &path))
    };
    let refused = mount().await;
    assert_eq!(refused.status(), 202);
    assert_eq!(
        fixture.get(header(&refused, "location")).await.status(),
        204
    );
    assert_eq!(mount().await.status(), 201);
}

#[tokio::test]
async fn a_dropped_connection_gives_no_answer() {
    let fixture = Fixture::start().await;
    fixture
        .running
        .faults()
        .add(Rule::new("/v2/", Fault::DropConnection).skip(1).times(1));
    assert_eq!(fixture.get("/v2/").await.status(), 200);
    assert!(fixture.request(Method::GET, "/v2/").send().await.is_err());
    assert_eq!(fixture.get("/v2/").await.status(), 200);
    let statuses: Vec<_> = fixture
        .running
        .log()
        .entries()
        .iter()
        .map(|entry| entry.status)
        .collect();
    assert_eq!(statuses, [Some(StatusCode::OK), None, Some(StatusCode::OK)]);
}

#[tokio::test]
async fn a_hidden_tag_is_listed_and_not_found() {
    let fixture = Fixture::start().await;
    fixture.push_image("a", "v1", b"layer").await;
    fixture
        .running
        .faults()
        .add(Rule::new("/manifests/v1", Fault::NotFound).times(2));
    let hidden = fixture.get("/v2/a/manifests/v1").await;
    assert_eq!(hidden.status(), 404);
    assert_eq!(code(hidden).await, "MANIFEST_UNKNOWN");
    assert_eq!(
        fixture.get("/v2/a/tags/list").await.text().await.unwrap(),
        r#"{"name":"a","tags":["v1"]}"#
    );
    assert_eq!(fixture.head("/v2/a/manifests/v1").await.status(), 404);
    assert_eq!(fixture.head("/v2/a/manifests/v1").await.status(), 200);
    assert_eq!(fixture.running.faults().struck(), 2);
}

#[tokio::test]
async fn a_hidden_blob_is_not_found() {
    let (fixture, path, bytes) = with_blob().await;
    fixture
        .running
        .faults()
        .add(Rule::new("", Fault::NotFound).times(1));
    // What is no blob and no manifest cannot be hidden.
    assert_eq!(fixture.get("/v2/").await.status(), 200);
    let hidden = fixture.get(&path).await;
    assert_eq!(hidden.status(), 404);
    assert_eq!(code(hidden).await, "BLOB_UNKNOWN");
    assert_eq!(fixture.get(&path).await.bytes().await.unwrap(), bytes);
}
