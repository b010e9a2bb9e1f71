//! Trying again: what for, how often, how soon.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use oci::{Error, Usage};
use registry::{Fault, Rule};

use crate::support::{Fixture, client, impatient_client, put_image, tag};

fn failing(code: u16, retry_after: Option<Duration>) -> Fault {
    Fault::Status {
        code: StatusCode::from_u16(code).unwrap(),
        retry_after,
    }
}

#[tokio::test]
async fn what_fails_in_passing_is_tried_again() {
    let fixture = Fixture::start().await;
    let client = client();
    let repository = fixture.repository(&client, "ns/app");
    put_image(&repository, "v1").await;
    for fault in [
        failing(500, None),
        failing(502, None),
        failing(503, None),
        failing(504, None),
        failing(429, None),
        Fault::DropConnection,
    ] {
        let before = client.usage();
        fixture
            .registry
            .faults()
            .add(Rule::new("/manifests/", fault).times(2));
        repository.manifest(&tag("v1")).await.unwrap();
        let Usage {
            retries, requests, ..
        } = client.usage() - before;
        assert_eq!((retries, requests), (2, 3));
    }
    fixture
        .registry
        .faults()
        .add(Rule::new("/manifests/", failing(503, None)).times(2));
    put_image(&repository, "v1").await;
}

#[tokio::test]
async fn the_budget_ends_and_the_error_says_what_the_registry_said() {
    let fixture = Fixture::start().await;
    fixture
        .registry
        .faults()
        .add(Rule::new("/manifests/", failing(503, None)));
    let repository = fixture.repository(&client(), "ns/app");
    let error = repository.manifest(&tag("v1")).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(error.to_string().contains("503"), "{error}");
    assert!(error.to_string().contains("ns/app:v1"), "{error}");
    assert_eq!(fixture.count(&Method::GET, "/manifests/"), 5);
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    for code in [400, 403, 404, 405, 501] {
        fixture.registry.log().clear();
        fixture
            .registry
            .faults()
            .add(Rule::new("/manifests/", failing(code, None)).times(1));
        assert!(repository.manifest(&tag("v1")).await.is_err());
        assert_eq!(fixture.count(&Method::GET, "/manifests/"), 1, "{code}");
    }
}

#[tokio::test]
async fn retry_after_is_honoured_up_to_its_bound() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    put_image(&repository, "v1").await;
    let hour = Some(Duration::from_hours(1));
    fixture
        .registry
        .faults()
        .add(Rule::new("/manifests/", failing(429, hour)).times(1));
    let started = Instant::now();
    repository.manifest(&tag("v1")).await.unwrap();
    assert!(
        started.elapsed() >= Duration::from_millis(60),
        "the bound of these tests"
    );
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_registry_that_never_answers_is_given_up() {
    let fixture = Fixture::start().await;
    fixture
        .registry
        .faults()
        .add(Rule::new("/manifests/", Fault::Stall));
    let repository = fixture.repository(&impatient_client(2), "ns/app");
    let error = repository.manifest(&tag("v1")).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    assert_eq!(fixture.count(&Method::GET, "/manifests/"), 2);
}

#[tokio::test]
async fn nobody_there_is_told_as_unreachable() {
    let repository = {
        let fixture = Fixture::start().await;
        let repository = fixture.repository(&impatient_client(2), "ns/app");
        fixture.registry.shutdown().await.unwrap();
        repository
    };
    let error = repository.tags().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.is_transient());
}
