//! The document, the page, and that the service keeps to what they say.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use jsonschema::Validator;
use serde_json::{Value, json};
use support::{Answer, Server, open, proxied};

const DOCUMENT: &str = "/api/v1/openapi.json";
const JSON: &str = "\r\ncontent-type: application/json";

/// What there is to do: method, path with an id in it, description.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            all.push((
                method.to_ascii_uppercase(),
                path.replace("{id}", "1"),
                operation.clone(),
            ));
        }
    }
    all
}

/// Fails unless `answer` is one that the document has for the operation: status, content type and body.
#[track_caller]
fn assert_documented(document: &Value, operation: &Value, answer: &Answer) {
    let name = operation["operationId"].as_str().unwrap();
    let described = &operation["responses"][answer.status.to_string()];
    assert!(
        described.is_object(),
        "{name} answered {}, which is not documented: {}",
        answer.status,
        answer.body
    );
    let described = match described["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => described,
    };
    let media_type = answer.header("content-type").unwrap();
    let essence = media_type.split(';').next().unwrap();
    let content = &described["content"][essence];
    assert!(content.is_object(), "{name}: {media_type}");
    assert!(answer.header("x-request-id").is_some(), "{name}");
    if essence.ends_with("json") {
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let errors: Vec<String> = validator(document, &content["schema"])
            .iter_errors(&body)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{name} {body}: {errors:?}");
    }
}

fn validator(document: &Value, schema: &Value) -> Validator {
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    jsonschema::draft202012::new(&schema).unwrap()
}

#[tokio::test]
async fn page_and_document_are_served_for_browsers_and_programs() {
    let server = Server::start(proxied()).await;
    let page = server.get("/").await;
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(page.body.contains("<style>") && page.body.contains("/api/v1/builds/add"));
    let document = server.get(DOCUMENT).await;
    assert_eq!(document.status, 200);
    assert_eq!(document.json()["openapi"], "3.1.0");
    server.send("POST", DOCUMENT, "", "").await.is_error(405);
}

#[tokio::test]
async fn every_example_is_accepted_and_answered_as_documented() {
    let server = Server::start(open()).await;
    let document = server.get(DOCUMENT).await.json();
    let operations = operations(&document);
    let mut submits = 0;
    for (method, path, operation) in &operations {
        if method != "POST" || operation["requestBody"].is_null() {
            continue;
        }
        let content = &operation["requestBody"]["content"]["application/json"];
        let example = &content["example"];
        assert!(
            validator(&document, &content["schema"]).is_valid(example),
            "{example}"
        );
        let answer = server.post(path, example).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.body);
        assert_documented(&document, operation, &answer);
        submits += 1;
    }
    assert_eq!(submits, 10);
    // Its stream of events has an end then.
    let answer = server.post("/api/v1/builds/1/cancel", &json!({})).await;
    let cancel = &document["paths"]["/api/v1/builds/{id}/cancel"]["post"];
    assert_documented(&document, cancel, &answer);
    assert_eq!(answer.status, 200);
    for (method, path, operation) in &operations {
        if method == "GET" {
            assert_documented(&document, operation, &server.get(path).await);
            let verbose = server.get(&format!("{path}?verbose=1")).await;
            assert_documented(&document, operation, &verbose);
        }
    }
}

#[tokio::test]
async fn every_refusal_is_documented() {
    let open = Server::start(open()).await;
    let closed = Server::start(proxied()).await;
    open.add("r/index:1").await;
    // Its stream of events has an end then.
    open.post("/api/v1/builds/1/cancel", &json!({})).await;
    let document = open.get(DOCUMENT).await.json();
    let problem = "\r\naccept: application/problem+json";
    let mut statuses = std::collections::BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        for (server, headers, body) in [
            (&open, String::new(), ""),
            (&open, JSON.to_owned(), "{"),
            (&open, JSON.to_owned(), "[]"),
            (&open, JSON.to_owned(), "{}"),
            (
                &open,
                JSON.to_owned(),
                "{\"bundles\": 1, \"state\": 1, \"build_requests\": [1]}",
            ),
            (
                &open,
                format!("{JSON}{problem}"),
                "{\"bundles\": 1, \"state\": 1, \"build_requests\": [1]}",
            ),
            (
                &open,
                format!("{JSON}\r\nx-remote-user: eve"),
                "{\"state\": 1}",
            ),
            (&closed, JSON.to_owned(), "{}"),
            (&closed, format!("{JSON}{problem}"), "{}"),
        ] {
            let answer = server.send(&method, &path, &headers, body).await;
            assert_documented(&document, &operation, &answer);
            statuses.insert(answer.status);
        }
    }
    for status in [200, 400, 401, 403, 404, 409, 415] {
        assert!(
            statuses.contains(&status),
            "{status} was not seen: {statuses:?}"
        );
    }
}

#[tokio::test]
async fn the_documented_parameters_of_the_list_are_those_it_reads() {
    let server = Server::start(open()).await;
    server.add("r/index:1").await;
    let document = server.get(DOCUMENT).await.json();
    let parameters = document["paths"]["/api/v1/builds"]["get"]["parameters"]
        .as_array()
        .unwrap();
    let fit = json!({
        "page": "1", "per_page": "3", "verbose": "true", "state": "in_progress", "request_type": "add", "batch": "1", "user": "eve",
        "cursor": "?", "from_index": "r/index:1", "from_index_startswith": "r/index", "index_image": "r/index:1",
    });
    let plain = server.get("/api/v1/builds").await.json();
    for parameter in parameters {
        let name = parameter["name"].as_str().unwrap();
        let value = fit[name].as_str().unwrap();
        let answer = server
            .get(&format!("/api/v1/builds?{name}={value}"))
            .await
            .json();
        match name {
            "cursor" => assert!(answer["error"].as_str().unwrap().contains("`cursor`")),
            "page" => assert_eq!(answer, plain),
            "verbose" => assert!(answer["items"][0]["state_history"].is_array()),
            _ => assert!(
                answer["meta"]["first"]
                    .as_str()
                    .unwrap()
                    .contains(&format!("{name}=")),
                "{name} is not read"
            ),
        }
        let schema = validator(&document, &parameter["schema"]);
        let value = value
            .parse::<u64>()
            .map_or_else(|_| json!(value), |number| json!(number));
        assert!(schema.is_valid(&value), "{name}");
    }
    assert_eq!(parameters.len(), fit.as_object().unwrap().len());
    let links = server
        .get("/api/v1/builds?state=failed&request_type=rm&batch=1&user=eve&from_index=r/index:1&from_index_startswith=r&index_image=r/index:1")
        .await
        .json()["meta"]["first"]
        .clone();
    let repeated = links.as_str().unwrap().matches('=').count();
    let expected = parameters.len() - 2;
    assert_eq!(
        repeated, expected,
        "{links}: all but `verbose` and `cursor`"
    );
}
