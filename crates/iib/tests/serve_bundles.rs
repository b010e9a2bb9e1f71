//! Requests on bundles through REST, with credentials of their own: the service has none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use oci::{Client, Credentials, PullSpec};
use registry::{Auth, Password};
use reqwest::StatusCode;
use samples::Bundle;
use serde_json::{Value, json};
use support::service::Setup;
use support::tools::{DockerRegistry, available};
use support::{Site, World, assert_names, client};

const PASSWORD: &str = "right-0c1d2e3f";
/// `robot` with the right and with a wrong password, as Docker configurations have them.
const RIGHT: &str = "cm9ib3Q6cmlnaHQtMGMxZDJlM2Y=";
const WRONG: &str = "cm9ib3Q6d3JvbmctNGE1YjZjN2Q=";

/// `robot` with the right password in the password file of Debian's registry.
const USERS: &str = "robot:$2b$04$1u.lExDxL.beQcoorwryqegEKAUY/xdiZ6PCpCbym3L1Hz0hssiIi\n";

fn robot(host: &str) -> Credentials {
    Credentials::none().with(host, "robot", PASSWORD.to_owned().into())
}

/// A Docker configuration for a registry.
fn auths(host: &str, auth: &str) -> Value {
    json!({"auths": {host: {"auth": auth}}})
}

/// A bundle whose one container is `image`.
fn bundle(package: &str, image: &str) -> Bundle {
    let csv = format!(
        "# ours\nkind: ClusterServiceVersion\nmetadata:\n  name: {package}.v1.0.0\nspec:\n  version: 1.0.0\n  install:\n    strategy: deployment\n    spec:\n      deployments:\n      - name: controller\n        spec:\n          template:\n            spec:\n              containers:\n              - name: manager\n                image: \"{image}\" # the manager\n"
    );
    Bundle::simple(package, "1.0.0", "stable", None).with_file("manifests/csv.yaml", &csv)
}

async fn push(site: &Site, client: &Client, bundle: &Bundle) -> PullSpec {
    let repository = site.repository(&format!("bundles/{}", bundle.package));
    samples::push_bundle(client, &repository, bundle)
        .await
        .unwrap()
}

/// Whether a text is in any file below a directory.
fn is_anywhere(directory: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(directory).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_anywhere(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_made_anew_with_credentials_that_nobody_else_sees() {
    let users = [("robot".to_owned(), Password::new(PASSWORD))];
    let world = World::start_with(|config| config.auth = Some(Auth::Basic(users.into()))).await;
    made_anew(&world, &client(robot(&world.host))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_with_debians_registry() {
    if !available(&["docker-registry"]) {
        return;
    }
    let registry = DockerRegistry::start_for(USERS, robot).await;
    made_anew(&registry.site, &registry.site.client).await;
}

/// Both kinds of requests on bundles of a registry that lets nobody in but `robot`, with the right and a wrong password.
async fn made_anew(site: &Site, client: &Client) {
    let operand = push(site, client, &bundle("operand", "quay.io/x/y@sha256:00")).await;
    let from = push(site, client, &bundle("app", &operand.to_string())).await;
    let setup = Setup::new(site);
    setup.configure(
        "[[bundles.organizations.example]]\ntype = \"package_name_suffix\"\nsuffix = \"-ex\"\n\
         [[bundles.organizations.example]]\ntype = \"related_bundles\"\n",
    );
    let service = setup.start().await;
    let host = site.host.clone();
    let submit = |auth: &str| json!({"from_bundle_image": from.to_string(), "organization": "example", "registry_auths": auths(&host, auth)});

    let id = service.submit("regenerate-bundle", &submit(RIGHT)).await;
    let request = service.ended(id).await;
    assert_eq!(request["state"], "complete", "{request}");
    let made = format!("{}/iib-build:{id}", site.host);
    assert_eq!(request["bundle_image"], made.as_str(), "{request}");
    let (status, related) = service.get(&format!("builds/{id}/related_bundles")).await;
    assert_eq!((status, related.as_str()), (StatusCode::OK, "[]"));

    let report = async |id: i64| -> Value {
        let (status, text) = service.get(&format!("builds/{id}/report")).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    };
    let result = report(id).await["result"].clone();
    assert_eq!(result["bundle_image"], made.as_str(), "{result}");
    let edit = &result["files"]["metadata/annotations.yaml"][0];
    assert_eq!(
        (&edit["line"], &edit["after"]),
        (&json!(2), &json!("app-ex"))
    );
    assert_eq!(result["blobs"]["pushed"], 2, "{result}");

    let wrong = service.submit("regenerate-bundle", &submit(WRONG)).await;
    let failed = service.ended(wrong).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    let reason = failed["state_reason"].as_str().unwrap();
    assert_names(reason, &["bundles/app", "registry_auths", &site.host]);

    let payload = json!({"parent_bundle_image": from.to_string(), "registry_auths": auths(&site.host, RIGHT)});
    let id = service.submit("recursive-related-bundles", &payload).await;
    let request = service.ended(id).await;
    assert_eq!(request["state"], "complete", "{request}");
    let (status, nested) = service.get(&format!("builds/{id}/nested-bundles")).await;
    let expected = json!([from.to_string()]).to_string();
    assert_eq!((status, nested), (StatusCode::OK, expected));
    let listed = report(id).await["result"]["nested_bundles"].clone();
    assert_eq!(listed, json!([from.to_string()]));

    let (_, all) = service.get("builds?verbose=true").await;
    let said = service.said();
    for secret in [PASSWORD, "wrong-4a5b6c7d", RIGHT, WRONG] {
        assert!(!all.contains(secret), "an answer has the secret");
        assert!(!said.contains(secret), "the log has the secret");
        assert!(!is_anywhere(&setup.data, secret), "a file has the secret");
    }
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_left_fails_its_request() {
    let world = World::start().await;
    let operand = bundle("operand", "quay.io/x/y@sha256:00");
    let operand = world.bundle(&operand).await;
    let from = world.bundle(&bundle("app", &operand.to_string())).await;
    let setup = Setup::new(&world);
    let service = setup.start().await;
    for (path, parameter, directory) in [
        ("regenerate-bundle", "from_bundle_image", "related_bundles"),
        (
            "recursive-related-bundles",
            "parent_bundle_image",
            "recursive_related_bundles",
        ),
    ] {
        let place = setup.data.join(directory);
        std::fs::remove_dir(&place).unwrap();
        std::fs::write(&place, "").unwrap();
        let id = service
            .submit(path, &json!({parameter: from.to_string()}))
            .await;
        let failed = service.ended(id).await;
        assert_eq!(failed["state"], "failed", "{failed}");
        let file = place.join(format!("{id}_"));
        let reason = failed["state_reason"].as_str().unwrap();
        assert_names(reason, &[file.to_str().unwrap(), "could not be written"]);
    }
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_bundles_is_made_anew() {
    let world = World::start().await;
    let operand = world
        .bundle(&bundle("operand", "quay.io/x/y@sha256:00"))
        .await;
    let mut requests = Vec::new();
    for number in 0..10 {
        let from = world
            .bundle(&bundle(&format!("app{number}"), &operand.to_string()))
            .await;
        requests.push(json!({"from_bundle_image": from.to_string()}));
    }
    let service = Setup::new(&world).start().await;
    let batch = json!({"build_requests": requests});
    let accepted = service.post("builds/regenerate-bundle-batch", &batch).await;
    for request in accepted.as_array().unwrap() {
        let ended = service.ended(request["id"].as_i64().unwrap()).await;
        assert_eq!(ended["state"], "complete", "{ended}");
    }
    assert_eq!(service.terminate().await, Some(0));
}
