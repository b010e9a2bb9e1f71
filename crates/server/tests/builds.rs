//! The endpoints of requests: add, show, list.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use serde_json::{Value, json};
use server::ServerConfig;
use store::State;
use support::{Answer, Server, open, payload};

const ADD: &str = "/api/v1/builds/add";

#[tokio::test]
async fn an_accepted_addition_is_shown_verbose_and_reads_back_equal() {
    let server = Server::start(open()).await;
    let answer = server.post(ADD, &payload("r/index:1")).await;
    assert_eq!(answer.status, 201);
    let view = answer.json();
    assert_eq!(
        (view["state"].as_str(), view["request_type"].as_str()),
        (Some("in_progress"), Some("add"))
    );
    assert_eq!(view["state_history"].as_array().unwrap().len(), 1);
    assert!(view.get("logs").is_none());
    assert_eq!(
        server
            .get(&format!("/api/v1/builds/{}", view["id"]))
            .await
            .body,
        answer.body
    );
}

#[tokio::test]
async fn a_refused_addition_names_every_problem_and_leaves_nothing() {
    let server = Server::start(open()).await;
    let text = server
        .post(ADD, &json!({"bundles": 5, "surprise": 1}))
        .await
        .is_error(400);
    for part in ["bundles", "surprise", "from_index", "binary_image"] {
        assert!(text.contains(part), "{text}");
    }
    let mut overwriting = payload("r/index:1");
    overwriting["overwrite_from_index"] = true.into();
    server.post_as("bob", ADD, &overwriting).await.is_error(403);
    assert_eq!(
        server.get("/api/v1/builds").await.json()["meta"]["total"],
        0
    );
    assert_eq!(
        server.post(ADD, &overwriting).await.status,
        201,
        "nobody is logged in"
    );
}

#[tokio::test]
async fn a_token_is_in_no_answer() {
    let server = Server::start(open()).await;
    let mut body = payload("r/index:1");
    body["overwrite_from_index"] = true.into();
    body["overwrite_from_index_token"] = "user:s3cr3t".into();
    body["cnr_token"] = "s3cr3t".into();
    let answer = server.post_as("alice", ADD, &body).await;
    let id = answer.json()["id"].to_string();
    for text in [
        answer.body,
        server.get(&format!("/api/v1/builds/{id}")).await.body,
        server.get("/api/v1/builds?verbose=1").await.body,
    ] {
        assert!(
            !text.contains("s3cr3t") && !text.contains("token"),
            "{text}"
        );
    }
    body["overwrite_from_index"] = false.into();
    assert!(
        !server
            .post(ADD, &body)
            .await
            .is_error(400)
            .contains("s3cr3t")
    );
}

#[tokio::test]
async fn pages_link_to_each_other_with_the_filters_in_use() {
    let server = Server::start(ServerConfig {
        max_per_page: 2,
        ..open()
    })
    .await;
    for _ in 0..5 {
        server.add("r/index:1").await;
    }
    server.add("r/other:1").await;
    let page = async |query: &str| {
        server
            .get(&format!("/api/v1/builds?from_index=r/index:1{query}"))
            .await
            .json()
    };
    let middle = page("&page=2&per_page=99999999999999999999&verbose=true").await;
    let link = |number: u8| {
        format!(
            "http://iib.example/api/v1/builds?page={number}&per_page=2&from_index=r%2Findex%3A1"
        )
    };
    let expected = json!({
        "first": link(1), "last": link(3), "next": link(3), "page": 2, "pages": 3, "per_page": 2, "previous": link(1), "total": 5,
    });
    assert_eq!(middle["meta"], expected);
    assert!(middle["items"][0].get("state_history").is_some());
    assert!(
        page("&verbose=yes").await["items"][0]
            .get("state_history")
            .is_none()
    );
    let ids: Vec<_> = middle["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids.len(), 2);
    assert!(ids[0] > ids[1]);
    assert_eq!(page("&page=3").await["meta"]["next"], Value::Null);

    let empty = server.get("/api/v1/builds?user=nobody").await.json();
    assert_eq!(
        (&empty["meta"]["pages"], &empty["meta"]["page"]),
        (&json!(0), &json!(1))
    );
    assert!(empty["meta"]["last"].as_str().unwrap().contains("page=0&"));
}

#[tokio::test]
async fn unfit_query_values_are_refused_as_the_contract_says() {
    let server = Server::start(open()).await;
    server.add("r/index:1").await;
    for query in [
        "page=0",
        "page=-1",
        "page=abc",
        "page=",
        "page=1.5",
        "page=2",
        "page=99999999999999999999",
        "per_page=0",
        "per_page=-1",
        "per_page=abc",
        "per_page=",
    ] {
        server
            .get(&format!("/api/v1/builds?{query}"))
            .await
            .is_error(404);
    }
    for query in [
        "state=done",
        "state=Complete",
        "request_type=regenerate_bundle",
        "request_type=ADD",
        "batch=0",
        "batch=-1",
        "batch=abc",
        "batch=1.5",
        "batch=",
        "from_index=r/never:1",
        "from_index=r/index",
        "from_index_startswith=s",
        "from_index_startswith=%25",
        "index_image=x",
    ] {
        server
            .get(&format!("/api/v1/builds?{query}"))
            .await
            .is_error(400);
    }
    for (query, total) in [
        ("state=&request_type=&user=", 1),
        ("surprise=1", 1),
        ("request_type=generic", 0),
        ("batch=987654321", 0),
        ("batch=99999999999999999999", 0),
        ("from_index_startswith=r/ind", 1),
        ("index_image=r/index:1", 0),
        ("state=in_progress&batch=1", 1),
        ("from_index=r/opm:1", 0),
    ] {
        let list = server.get(&format!("/api/v1/builds?{query}")).await.json();
        assert_eq!(list["meta"]["total"], total, "{query}");
    }
}

#[tokio::test]
async fn a_binary_image_may_be_left_out_where_one_is_configured() {
    let images = [("v4.20".to_owned(), "r/opm:v4.20".to_owned())].into();
    let config = ServerConfig {
        binary_image_config: [(api::Scope::Prod, images)].into(),
        ..open()
    };
    let server = Server::start(config).await;
    let body = json!({"bundles": ["r/bundle:1"], "from_index": "r/index:1"});
    assert_eq!(
        server.post(ADD, &body).await.json()["binary_image"],
        Value::Null
    );
}

/// The path and query of a `Link` to the next page.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let (address, relation) = link.split_once(">; ").unwrap();
    assert_eq!(relation, "rel=\"next\"");
    // The head was made lower case, which a cursor does not survive.
    let at = answer
        .raw_head
        .to_ascii_lowercase()
        .find(&format!("link: {address}"))?
        + "link: <".len();
    let address = &answer.raw_head[at..at + address.len() - 1];
    Some(
        address
            .strip_prefix("http://iib.example")
            .unwrap()
            .to_owned(),
    )
}

fn ids(answer: &Answer) -> Vec<i64> {
    let body = answer.json();
    let items = body["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_list_is_followed_by_its_links_whatever_is_submitted_meanwhile() {
    let server = Server::start(open()).await;
    for number in 0..6 {
        server.add(&format!("r/index:{}", number % 2)).await;
    }
    let mut path =
        "/api/v1/builds?per_page=2&verbose=1&state=in_progress&from_index_startswith=r/index:"
            .to_owned();
    let mut seen = Vec::new();
    let mut numbers = Vec::new();
    loop {
        let answer = server.get(&path).await;
        seen.push(ids(&answer));
        let body = answer.json();
        let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["items", "meta"], "the body is the contract's");
        numbers.push(body["meta"]["page"].as_u64().unwrap());
        assert!(
            body["items"][0]["state_history"].is_array(),
            "the form is kept"
        );
        assert!(!body["meta"].to_string().contains("cursor"));
        let Some(link) = next(&answer) else { break };
        for part in [
            "per_page=2",
            "state=in_progress",
            "from_index_startswith=",
            "cursor=",
        ] {
            assert!(link.contains(part), "{link}");
        }
        assert!(
            !link.contains("&page=") && !link.contains("?page="),
            "{link}"
        );
        path = link;
        server.add("r/index:0").await;
    }
    assert_eq!(seen, [[6, 5], [4, 3], [2, 1]]);
    assert_eq!(numbers, [1, 2, 3]);

    let second = server.get("/api/v1/builds?page=2&per_page=3").await;
    let third = server.get(&next(&second).unwrap()).await;
    assert_eq!((ids(&second), ids(&third)), (vec![5, 4, 3], vec![2, 1]));
    assert_eq!(next(&third), None);
    assert_eq!(
        server
            .get("/api/v1/builds?user=nobody")
            .await
            .header("link"),
        None
    );
}

#[tokio::test]
async fn what_has_left_the_filter_is_missing_and_the_rest_stays_in_place() {
    let server = Server::start(open()).await;
    for _ in 0..4 {
        server.add("r/index:1").await;
    }
    let first = server
        .get("/api/v1/builds?per_page=2&state=in_progress")
        .await;
    assert_eq!(ids(&first), [4, 3]);
    for _ in 0..3 {
        server.end_oldest(State::Failed).await;
    }
    // By number there is no such page any more.
    let by_number = first.json()["meta"]["next"].as_str().unwrap().to_owned();
    let by_number = by_number.strip_prefix("http://iib.example").unwrap();
    server.get(by_number).await.is_error(404);
    let by_link = server.get(&next(&first).unwrap()).await;
    assert_eq!((by_link.status, ids(&by_link)), (200, vec![]));
    let meta = &by_link.json()["meta"];
    assert_eq!(
        (&meta["page"], &meta["pages"], &meta["total"]),
        (&json!(2), &json!(1), &json!(1))
    );
}

#[tokio::test]
async fn a_garbled_cursor_is_named() {
    let server = Server::start(open()).await;
    for _ in 0..3 {
        server.add("r/index:1").await;
    }
    let link = next(&server.get("/api/v1/builds?per_page=1").await).unwrap();
    for wrong in [
        "/api/v1/builds?cursor=".to_owned(),
        "/api/v1/builds?cursor=2".to_owned(),
        format!("{link}&page=2"),
        link.replace("cursor=A", "cursor=B"),
        link.replace("cursor=A", "cursor="),
    ] {
        let text = server.get(&wrong).await.is_error(400);
        assert!(text.contains("`cursor`"), "{wrong}: {text}");
    }
    assert_eq!(server.get(&link).await.status, 200);
}
