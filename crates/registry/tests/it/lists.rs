//! Listing tags and repositories.

use crate::support::{Fixture, code, header};

/// Follows the links from `path` and gives the pages.
async fn pages(fixture: &Fixture, path: &str, field: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next.take() {
        let page = fixture.get(&path).await;
        if page.headers().contains_key("link") {
            let link = header(&page, "link").strip_prefix('<').expect("a link");
            next = link.strip_suffix(">; rel=\"next\"").map(str::to_owned);
        }
        let body: serde_json::Value = page.json().await.expect("lists are JSON");
        let names = body[field].as_array().expect("a list of names");
        pages.push(
            names
                .iter()
                .map(|name| name.as_str().expect("a name").to_owned())
                .collect(),
        );
    }
    pages
}

#[tokio::test]
async fn tags_are_sorted_and_paged() {
    let fixture = Fixture::start().await;
    for tag in ["v10", "latest", "v2", "Z", "v1"] {
        fixture.push_image("a/b", tag, b"layer").await;
    }
    let all = ["Z", "latest", "v1", "v10", "v2"];
    assert_eq!(
        pages(&fixture, "/v2/a/b/tags/list", "tags").await,
        [all.to_vec()]
    );
    let paged = pages(&fixture, "/v2/a/b/tags/list?n=2", "tags").await;
    assert_eq!(paged, [vec!["Z", "latest"], vec!["v1", "v10"], vec!["v2"]]);
    assert_eq!(
        pages(&fixture, "/v2/a/b/tags/list?n=5", "tags").await,
        [all.to_vec()]
    );
    assert_eq!(
        pages(&fixture, "/v2/a/b/tags/list?n=0", "tags").await,
        [Vec::<String>::new()]
    );
    assert_eq!(
        pages(&fixture, "/v2/a/b/tags/list?last=v1", "tags").await,
        [["v10", "v2"]]
    );
    assert_eq!(
        code(fixture.get("/v2/a/b/tags/list?n=x").await).await,
        "PAGINATION_NUMBER_INVALID"
    );
    assert_eq!(
        code(fixture.get("/v2/a/tags/list").await).await,
        "NAME_UNKNOWN"
    );
}

#[tokio::test]
async fn repositories_are_sorted_and_paged() {
    let fixture = Fixture::start().await;
    for name in ["b", "a/b/c", "a", "a-b"] {
        fixture.push_blob(name, b"blob").await;
    }
    assert_eq!(
        pages(&fixture, "/v2/_catalog", "repositories").await,
        [["a", "a-b", "a/b/c", "b"]]
    );
    let paged = pages(&fixture, "/v2/_catalog?n=3", "repositories").await;
    assert_eq!(paged, [vec!["a", "a-b", "a/b/c"], vec!["b"]]);
}
