//! Listing tags.

use crate::scripted::{Answer, Scripted};
use crate::support::{Fixture, client, put_image};

#[tokio::test]
async fn tags_are_listed_in_order() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    for tag in ["v2", "v1", "v10"] {
        put_image(&repository, tag).await;
    }
    let tags: Vec<String> = repository
        .tags()
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(tags, ["v1", "v10", "v2"]);
}

#[tokio::test]
async fn a_repository_that_does_not_exist_is_told_by_name() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/nowhere");
    let error = repository.tags().await.unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("ns/nowhere"),
        "{error}"
    );
}

#[tokio::test]
async fn pages_are_followed_and_what_is_no_tag_is_left_out() {
    let registry = Scripted::start(|host, seen| {
        let page = |body: &str, next: Option<String>| {
            let link = next.map(|next| ("link", format!(r#"<{next}>; rel="next""#)));
            Answer(200, link.into_iter().collect(), body.as_bytes().to_vec())
        };
        match seen.line.as_str() {
            "GET /v2/app/tags/list?n=1000" => page(
                r#"{"tags":["a","!"]}"#,
                Some("/v2/app/tags/list?page=2".to_owned()),
            ),
            "GET /v2/app/tags/list?page=2" => page(
                r#"{"tags":null}"#,
                Some(format!("http://{host}/v2/app/tags/list?page=3")),
            ),
            _ => page(r#"{"tags":["b"]}"#, None),
        }
    })
    .await;
    let client = client();
    let repository = client.repository(&format!("{}/app", registry.host).parse().unwrap());
    let tags: Vec<String> = repository
        .tags()
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(tags, ["a", "b"]);
    assert_eq!(registry.seen().len(), 3);
}
