//! What workers of other programs report.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

#[macro_use]
mod support;

use api::{Patch, RequestType};
use serde_json::{Value, json};
use store::{Error, Form, ListFilter, Page, ResultFields, State};
use support::{Fixture, update};

fn patch(body: &Value) -> Patch {
    Patch::parse(body.as_object().unwrap(), RequestType::Add).unwrap()
}

async fn a_final_state_is_left_by_nothing_and_says_so_in_known_words(fixture: Fixture) {
    for (state, other, text) in [
        (
            "complete",
            "failed",
            "A complete request cannot change states",
        ),
        (
            "failed",
            "in_progress",
            "A failed request cannot change states",
        ),
    ] {
        let id = fixture.submit("r/index:1").await;
        let ended = patch(&json!({"state": state, "state_reason": "it ended"}));
        let view = fixture.store.patch(id, &ended).await.unwrap();
        assert_eq!(view.state.name(), state);

        let body = json!({"state": other, "state_reason": "again", "index_image": "r/late:1"});
        let refused = fixture.store.patch(id, &patch(&body)).await.unwrap_err();
        assert!(matches!(refused, Error::StateIsFinal { .. }));
        assert_eq!(refused.to_string(), text);
        let view = fixture.store.request(id).await.unwrap().unwrap();
        assert_eq!((view.state.name(), view.state_history.len()), (state, 2));
        assert_eq!(view.result.index_image, None, "nothing of it is applied");
    }
}

async fn a_final_state_may_have_another_reason_and_other_fields(fixture: Fixture) {
    let id = fixture.submit("r/index:1").await;
    let say = async |reason: &str| {
        let body = json!({"state": "complete", "state_reason": reason});
        let view = fixture.store.patch(id, &patch(&body)).await.unwrap();
        view.state_history.len()
    };
    assert_eq!(say("one").await, 2);
    assert_eq!(say("one").await, 2, "the same again adds nothing");
    assert_eq!(say("two").await, 3);
    assert_eq!(say("one").await, 4);
    let later = patch(&json!({"index_image": "r/built:1", "arches": ["s390x"]}));
    fixture.store.patch(id, &later).await.unwrap();
    let more = patch(&json!({"arches": ["amd64", "s390x"]}));
    let view = fixture.store.patch(id, &more).await.unwrap();
    assert_eq!(view.state_history.len(), 4);
    assert_eq!(view.result.arches.unwrap(), ["amd64", "s390x"]);
    assert_eq!(view.result.index_image.as_deref(), Some("r/built:1"));
    let found = ListFilter {
        index_image: Some("r/built:1".into()),
        ..ListFilter::default()
    };
    let page = Page {
        number: 1,
        per_page: 20,
        form: Form::Short,
    };
    assert_eq!(fixture.store.list(&found, page).await.unwrap().total, 1);
}

async fn a_patch_takes_the_request_from_the_worker_who_holds_it(fixture: Fixture) {
    let id = fixture.submit("r/index:1").await;
    let job = fixture.claim().await;
    let progress = patch(&json!({"state": "in_progress", "state_reason": "elsewhere"}));
    fixture.store.patch(id, &progress).await.unwrap();
    let working = update(State::InProgress, "working", ResultFields::default());
    fixture.store.report(&job.lease, &working).await.unwrap();

    let ended = patch(&json!({"state": "failed", "state_reason": "it ended"}));
    fixture.store.patch(id, &ended).await.unwrap();
    assert_eq!(fixture.count("job").await, 0);
    let late = fixture.store.report(&job.lease, &working).await;
    assert!(late.unwrap_err().is_job_lost());
    fixture.claims_nothing().await;
}

async fn the_mapping_of_a_patch_is_seen_in_its_answer(fixture: Fixture) {
    let bundles = json!({"bundles": ["r/b2:1", "r/b1:1"]});
    let id = fixture.add(&bundles, None).await.id;
    let body = json!({"bundle_mapping": {"op": ["r/b1:1", "r/b2:1", "r/other:1"]}});
    let view = fixture.store.patch(id, &patch(&body)).await.unwrap();
    assert_eq!(view.bundle_mapping["op"], ["r/b2:1", "r/b1:1"]);
    let known = fixture.store.request_type(id).await.unwrap();
    assert_eq!(known, Some(RequestType::Add));
}

async fn what_is_not_there_cannot_be_patched(fixture: Fixture) {
    let outcome = fixture.store.patch(77, &Patch::default()).await;
    assert!(matches!(
        outcome,
        Err(Error::NoSuchRequest { request_id: 77 })
    ));
    assert_eq!(fixture.store.request_type(77).await.unwrap(), None);
}

/// Texts that one of the databases cannot keep as they are, or not in an index.
async fn strange_texts_are_kept_and_found(fixture: Fixture) {
    let long = format!("r/{}:1", uuids(200));
    let id = fixture
        .add(&json!({"from_index": long}), Some("al\0ice"))
        .await
        .id;
    let body = json!({"state": "failed", "state_reason": "a\u{0}b", "index_image": "r/a\u{0}b:1"});
    let view = fixture.store.patch(id, &patch(&body)).await.unwrap();
    assert_eq!(view.state_reason, "a\u{fffd}b");
    assert_eq!(view.payload.from_index(), Some(long.as_str()));
    let page = Page {
        number: 1,
        per_page: 20,
        form: Form::Verbose,
    };
    for filter in [
        ListFilter {
            from_index: Some(long.clone()),
            ..ListFilter::default()
        },
        ListFilter {
            index_image: Some("r/a\0b:1".into()),
            ..ListFilter::default()
        },
        ListFilter {
            user: Some("al\0ice".into()),
            ..ListFilter::default()
        },
    ] {
        assert_eq!(fixture.store.list(&filter, page).await.unwrap().total, 1);
    }
}

/// Text that does not get shorter by compression.
fn uuids(count: usize) -> String {
    (0..count)
        .map(|_| uuid::Uuid::new_v4().simple().to_string())
        .collect()
}

on_each_database!(
    a_final_state_is_left_by_nothing_and_says_so_in_known_words,
    a_final_state_may_have_another_reason_and_other_fields,
    a_patch_takes_the_request_from_the_worker_who_holds_it,
    the_mapping_of_a_patch_is_seen_in_its_answer,
    what_is_not_there_cannot_be_patched,
    strange_texts_are_kept_and_found,
);
