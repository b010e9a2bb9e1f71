//! What requests say they changed and took, and what they would: reports and dry runs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use reqwest::StatusCode;
use samples::Bundle;
use serde_json::{Value, json};
use support::World;
use support::service::{Service, Setup};

async fn bundle(world: &World, version: &str, replaces: Option<&str>) -> String {
    let bundle = Bundle::simple("demo", version, "stable", replaces);
    world.bundle(&bundle).await.to_string()
}

async fn add(service: &Service, bundle: &str, binary: &str, from_index: Option<&Value>) -> Value {
    let mut payload = json!({"bundles": [bundle], "binary_image": binary, "add_arches": ["amd64"]});
    if let Some(from_index) = from_index {
        payload["from_index"] = from_index.clone();
    }
    let id = service.add(&payload).await;
    service.ended(id).await
}

async fn report(service: &Service, request: &Value) -> Value {
    let (status, text) = service
        .get(&format!("builds/{}/report", request["id"]))
        .await;
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_tells_what_changed_what_it_took_and_when_nothing_did() {
    let world = World::start().await;
    let binary = world.binary_image().await.to_string();
    let first = bundle(&world, "1.0.0", None).await;
    let second = bundle(&world, "1.1.0", Some("demo.v1.0.0")).await;
    let setup = Setup::new(&world);
    let service = setup.start().await;

    let made = add(&service, &first, &binary, None).await;
    assert_eq!(made["state"], "complete", "{made}");
    assert!(
        made.get("report").is_none(),
        "the contract has no such key: {made}"
    );
    let told = report(&service, &made).await;
    assert_eq!(told["request_type"], "add");
    assert_eq!(told["state"], "complete");
    assert_eq!(told["attempt"], 1);
    let stages: Vec<&str> = told["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| stage["stage"].as_str().unwrap())
        .collect();
    assert_eq!(
        stages,
        [
            "resolving-bundles",
            "resolving-images",
            "building",
            "publishing"
        ]
    );
    let result = &told["result"];
    assert_eq!(result["index_image"], made["index_image"]);
    assert_eq!(result["same_catalog"], false);
    assert!(result["blobs"]["pushed"].as_u64().unwrap() > 0, "{result}");
    assert!(result["network"]["requests"].as_u64().unwrap() > 0);
    assert_eq!(result["catalog"]["packages"][0]["name"], "demo");
    assert_eq!(result["catalog"]["packages"][0]["change"], "added");

    let from = &made["index_image"];
    let changed = add(&service, &second, &binary, Some(from)).await;
    let told = report(&service, &changed).await;
    let effect = &told["result"]["catalog"]["packages"][0]["channels"][0]["effects"][0]["text"];
    let effect = effect.as_str().unwrap();
    assert_eq!(
        effect,
        "clusters on `demo.v1.0.0` are offered `demo.v1.1.0`"
    );
    let log = service
        .get(&format!("builds/{}/logs", changed["id"]))
        .await
        .1;
    assert!(log.contains(effect), "{log}");
    let server = format!("http://{}", service.address());
    let id = changed["id"].to_string();
    let shown = world
        .iib(&["request", "get", &id, "--server", &server])
        .await
        .ok();
    support::assert_names(&shown, &["took", "publishing", "demo: changed", effect]);
    let shown = world
        .iib(&["request", "get", &id, "--server", &server, "-o", "json"])
        .await
        .ok();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["report"], told);

    // There already: nothing of the catalog is pushed, and all results are there.
    let again = add(&service, &second, &binary, Some(&changed["index_image"])).await;
    assert_eq!(again["state"], "complete", "{again}");
    let told = report(&service, &again).await;
    assert_eq!(told["result"]["same_catalog"], true, "{told}");
    assert_eq!(told["result"]["blobs"]["pushed"], 0, "{told}");
    assert_eq!(
        told["result"]["digest"].as_str().unwrap(),
        changed["index_image_resolved"]
            .as_str()
            .unwrap()
            .rsplit('@')
            .next()
            .unwrap()
    );
    let log = service.get(&format!("builds/{}/logs", again["id"])).await.1;
    assert!(log.contains("nothing changed"), "{log}");

    let failed = add(&service, &format!("{}/none:v1", world.host), &binary, None).await;
    assert_eq!(failed["state"], "failed");
    let told = report(&service, &failed).await;
    assert_eq!(told["result"], Value::Null);
    assert_eq!(told["state_reason"], failed["state_reason"]);
    let (status, text) = service.get("builds/4711/report").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{text}");
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_everything_and_writes_nothing() {
    let world = World::start().await;
    let binary = world.binary_image().await.to_string();
    let first = bundle(&world, "1.0.0", None).await;
    let second = bundle(&world, "1.1.0", Some("demo.v1.0.0")).await;
    let index = format!("{}/index:v1", world.host);
    let build = async |arguments: &[&str]| {
        let common = ["--binary-image", &binary];
        world
            .iib(&[&["index"], arguments, &common[..]].concat())
            .await
    };
    build(&[
        "add",
        "--bundles",
        &first,
        "--arch",
        "amd64",
        "--to",
        &index,
    ])
    .await
    .ok();
    let before = world.digest("index", "v1").await;

    let candidate = format!("{}/index:candidate", world.host);
    let add = [
        "add",
        "--bundles",
        &second,
        "--from-index",
        &index,
        "--overwrite-from-index",
        "--to",
        &candidate,
    ];
    let planned = [&add[..], &["--dry-run"]].concat();
    let text = build(&planned).await.ok();
    support::assert_names(
        &text,
        &[
            "dry run",
            "clusters on `demo.v1.0.0` are offered `demo.v1.1.0`",
            "flowchart",
            "pushed",
        ],
    );
    let plan = build(&[&planned[..], &["-o", "json"]].concat()).await.ok();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["dry_run"], true);
    assert_eq!(world.digest("index", "candidate").await, None);
    assert_eq!(world.digest("index", "v1").await, before);
    let place = world.dir.path().join("layout");
    let to = format!("oci:{}:v1", place.display());
    build(&[
        "add",
        "--bundles",
        &second,
        "--from-index",
        &index,
        "--to",
        &to,
        "--dry-run",
    ])
    .await
    .ok();
    assert!(!place.exists());

    // What was planned is what is done.
    let done = build(&[&add[..], &["-o", "json"]].concat()).await.ok();
    let done: Value = serde_json::from_str(&done).unwrap();
    assert_eq!(done["digest"], plan["digest"]);
    assert_eq!(done["blobs"], plan["blobs"]);
    assert_eq!(done["catalog"], plan["catalog"]);
    assert_ne!(world.digest("index", "v1").await, before);

    // What would be refused is refused.
    let missing = format!("{}/none:v1", world.host);
    let refused = build(&[
        "add",
        "--bundles",
        &missing,
        "--arch",
        "amd64",
        "--to",
        &candidate,
        "--dry-run",
    ])
    .await
    .failed();
    support::assert_names(&refused, &[&missing]);
}
