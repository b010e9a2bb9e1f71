//! The document describes what there is, all of it, and the page shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::{DOCUMENTATION, operations};

type Routes = BTreeSet<(String, String)>;

fn document() -> Value {
    serde_json::from_str(&DOCUMENTATION.json).unwrap()
}

/// Method and path of everything the router has. It can be asked only by printing it; what is printed is read strictly.
fn routes() -> Routes {
    let printed = format!("{:?}", crate::router::routes());
    // The fallback's own routes are printed behind these.
    let (printed, _) = printed.split_once("fallback_router").unwrap();
    let mut paths = BTreeMap::new();
    let mut methods = BTreeMap::new();
    for part in printed.split("RouteId(").skip(1) {
        let (id, rest) = part.split_once("): ").unwrap();
        if let Some(path) = rest.strip_prefix('"') {
            paths.insert(id, path.split('"').next().unwrap());
        } else if rest.starts_with("MethodRouter") {
            let taken = [
                "get", "head", "delete", "options", "patch", "post", "put", "trace",
            ]
            .into_iter()
            .filter(|method| rest.contains(&format!(" {method}: BoxedHandler")));
            methods.insert(id, taken.collect::<Vec<_>>());
        } else {
            // From path to id, which says nothing new.
            assert!(rest.starts_with([',', '}']) || rest.is_empty(), "{rest}");
        }
    }
    assert_eq!(
        paths.keys().collect::<Vec<_>>(),
        methods.keys().collect::<Vec<_>>()
    );
    paths
        .into_iter()
        .flat_map(|(id, path)| {
            methods[id]
                .iter()
                .map(move |method| ((*method).to_owned(), path.to_owned()))
        })
        .collect()
}

#[test]
fn every_route_is_documented_and_nothing_else() {
    let document = document();
    let documented: Routes = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(|method| (method.clone(), path.clone()))
        })
        .collect();
    let routes = routes();
    assert!(routes.len() >= 19, "{routes:?}");
    assert_eq!(
        documented, routes,
        "describe new endpoints in openapi/operations.rs"
    );
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a developer asks for the file to be written"
)]
fn the_committed_document_is_this_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &DOCUMENTATION.json).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == DOCUMENTATION.json,
        "docs/openapi.json is stale; renew it with `UPDATE=1 cargo test -p server --lib openapi`"
    );
}

#[test]
fn references_lead_somewhere_and_names_are_used_once() {
    let document = document();
    let mut references = 0;
    for rest in DOCUMENTATION.json.split("\"$ref\": \"#").skip(1) {
        let pointer = rest.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        references += 1;
    }
    assert!(references > 200, "{references}");
    let operations = operations::all();
    let described: Vec<Value> = operations
        .iter()
        .map(operations::Operation::describe)
        .collect();
    let names: BTreeSet<&str> = described
        .iter()
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), operations.len());
}

#[test]
fn the_page_shows_every_operation_and_needs_nothing_from_elsewhere() {
    let html = &DOCUMENTATION.page.html;
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let page = roxmltree::Document::parse_with_options(html, options).unwrap();
    let ids: Vec<&str> = page
        .descendants()
        .filter_map(|node| node.attribute("id"))
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    let mut links = 0;
    for node in page.descendants() {
        assert!(!["script", "link", "img", "iframe", "form"].contains(&node.tag_name().name()));
        assert!(node.attribute("src").is_none() && node.attribute("style").is_none());
        if let Some(target) = node.attribute("href") {
            match target.strip_prefix('#') {
                Some(id) => assert!(ids.contains(&id), "{target}"),
                None => assert!(document()["paths"][target]["get"].is_object(), "{target}"),
            }
            links += 1;
        }
    }
    let operations = operations::all();
    assert!(links > operations.len());
    for operation in &operations {
        assert!(html.contains(operation.summary), "{}", operation.summary);
        if let Some((_, example)) = &operation.body {
            assert!(!example.to_string().contains('\''), "{example}");
        }
    }
    assert!(!html.contains("url(") && !html.contains("@import"));
    assert!(
        !html.contains("<code>null</code></td>"),
        "an example is missing"
    );
}
