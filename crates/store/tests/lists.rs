//! Lists: filters, pages, and what they cost.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

#[macro_use]
mod support;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use api::RequestType;
use serde_json::json;
use store::{Error, Form, ListFilter, Listing, Page, ResultFields, State, Stretch};
use support::Fixture;

const PAGE: Page = Page {
    number: 1,
    per_page: 20,
    form: Form::Short,
};

async fn ids(fixture: &Fixture, filter: ListFilter) -> Vec<i64> {
    fixture
        .store
        .list(&filter, PAGE)
        .await
        .unwrap()
        .items
        .iter()
        .map(|view| view.id)
        .collect()
}

fn from_index(reference: &str) -> ListFilter {
    ListFilter {
        from_index: Some(reference.into()),
        ..ListFilter::default()
    }
}

fn prefix(text: &str) -> ListFilter {
    ListFilter {
        from_index_startswith: Some(text.into()),
        ..ListFilter::default()
    }
}

async fn lists_are_newest_first_and_cut_into_pages(fixture: Fixture) {
    let mut all = Vec::new();
    for _ in 0..5 {
        all.insert(0, fixture.submit("r/index:1").await);
    }
    let page = async |number| -> Listing {
        fixture
            .store
            .list(
                &ListFilter::default(),
                Page {
                    number,
                    per_page: 2,
                    ..PAGE
                },
            )
            .await
            .unwrap()
    };
    for (number, expected) in [
        (1, &all[..2]),
        (2, &all[2..4]),
        (3, &all[4..]),
        (4, &[]),
        (u64::MAX, &[]),
    ] {
        let listing = page(number).await;
        assert_eq!(listing.total, 5);
        assert_eq!(
            listing.items.iter().map(|view| view.id).collect::<Vec<_>>(),
            expected,
            "page {number}"
        );
    }
}

async fn filters_combine(fixture: Fixture) {
    let one = fixture
        .add(&json!({"from_index": "r/one:1"}), Some("alice"))
        .await;
    let two = fixture
        .add(&json!({"from_index": "r/two:1"}), Some("Alice"))
        .await;
    let job = fixture.claim().await;
    let fields = ResultFields {
        index_image: Some("r/built:1".into()),
        ..ResultFields::default()
    };
    fixture.finish(&job, State::Complete, fields).await;

    let check = async |fill: &dyn Fn(&mut ListFilter), expected: &[i64]| {
        let mut filter = ListFilter::default();
        fill(&mut filter);
        assert_eq!(ids(&fixture, filter.clone()).await, expected, "{filter:?}");
    };
    check(&|filter| filter.state = Some(State::Complete), &[one.id]).await;
    check(
        &|filter| filter.request_type = Some(RequestType::Add),
        &[two.id, one.id],
    )
    .await;
    check(&|filter| filter.request_type = Some(RequestType::Rm), &[]).await;
    check(&|filter| filter.batch = Some(two.batch), &[two.id]).await;
    check(&|filter| filter.user = Some("alice".into()), &[one.id]).await;
    check(&|filter| filter.user = Some("nobody".into()), &[]).await;
    check(
        &|filter| filter.from_index = Some("r/two:1".into()),
        &[two.id],
    )
    .await;
    check(
        &|filter| filter.index_image = Some("r/built:1".into()),
        &[one.id],
    )
    .await;
    let complete_of = |batch: i64| {
        move |filter: &mut ListFilter| {
            *filter = ListFilter {
                state: Some(State::Complete),
                batch: Some(batch),
                ..prefix("r/")
            };
        }
    };
    check(&complete_of(two.batch), &[]).await;
    check(&complete_of(one.batch), &[one.id]).await;
}

async fn an_image_nobody_mentioned_is_an_error_and_one_in_another_role_is_not(fixture: Fixture) {
    let id = fixture.submit("r/index:1").await;
    assert!(ids(&fixture, from_index("r/opm:1")).await.is_empty());
    assert!(
        ids(
            &fixture,
            ListFilter {
                index_image: Some("r/index:1".into()),
                ..ListFilter::default()
            }
        )
        .await
        .is_empty()
    );
    for unknown in [
        from_index("r/index"),
        from_index("R/index:1"),
        prefix("s/"),
        prefix("r/index:10"),
    ] {
        let outcome = fixture.store.list(&unknown, PAGE).await;
        assert!(
            matches!(outcome, Err(Error::UnknownImage { .. })),
            "{unknown:?}"
        );
    }
    assert_eq!(ids(&fixture, prefix("r/ind")).await, [id]);
    assert!(ids(&fixture, prefix("r/opm")).await.is_empty());
}

async fn a_prefix_means_itself(fixture: Fixture) {
    let percent = fixture.submit("r/a%b:1").await;
    let plain = fixture.submit("r/axb:1").await;
    assert_eq!(ids(&fixture, prefix("r/a")).await, [plain, percent]);
    assert_eq!(ids(&fixture, prefix("r/a%")).await, [percent]);
    for wildcard in ["r/a_", "%", "r/%", "R/a"] {
        assert!(
            fixture.store.list(&prefix(wildcard), PAGE).await.is_err(),
            "{wildcard}"
        );
    }
}

async fn a_page_costs_the_same_number_of_statements_whatever_its_size(fixture: Fixture) {
    for number in 0..30 {
        fixture.submit(&format!("r/index:{number}")).await;
    }
    let cost = async |per_page| {
        let before = fixture.statements.load(Ordering::SeqCst);
        let page = Page {
            number: 1,
            per_page,
            form: Form::Verbose,
        };
        let listing = fixture.store.list(&prefix("r/"), page).await.unwrap();
        assert_eq!(u64::try_from(listing.items.len()).unwrap(), per_page);
        fixture.statements.load(Ordering::SeqCst) - before
    };
    let small = cost(1).await;
    assert_eq!(small, cost(30).await);
    assert!((4..=8).contains(&small), "{small} statements are counted");
}

/// The numbers of a list, stretch by stretch, and what each of these cost.
async fn walk(
    fixture: &Fixture,
    filter: &ListFilter,
    limit: u64,
    meanwhile: impl AsyncFn(),
) -> (Vec<Vec<i64>>, BTreeSet<usize>) {
    let (mut seen, mut costs) = (Vec::new(), BTreeSet::new());
    let mut below = i64::MAX;
    loop {
        let before = fixture.statements.load(Ordering::SeqCst);
        let stretch = Stretch {
            below,
            limit,
            form: Form::Verbose,
        };
        let listing = fixture.store.list_below(filter, stretch).await.unwrap();
        costs.insert(fixture.statements.load(Ordering::SeqCst) - before);
        seen.push(listing.items.iter().map(|view| view.id).collect());
        match listing.next_below {
            Some(next) => below = next,
            None => return (seen, costs),
        }
        meanwhile().await;
    }
}

async fn a_list_is_walked_whatever_is_submitted_meanwhile(fixture: Fixture) {
    for number in 0..9 {
        fixture.submit(&format!("r/index:{}", number % 2)).await;
    }
    let even = from_index("r/index:0");
    let (seen, costs) = walk(&fixture, &ListFilter::default(), 3, async || {
        fixture.submit("r/index:0").await;
    })
    .await;
    assert_eq!(seen, [vec![9, 8, 7], vec![6, 5, 4], vec![3, 2, 1]]);
    assert_eq!(costs.len(), 1, "{costs:?}: no page costs more than another");
    let (seen, costs) = walk(&fixture, &even, 3, async || {
        fixture.submit("r/index:0").await;
    })
    .await;
    assert_eq!(seen, [vec![11, 10, 9], vec![7, 5, 3], vec![1]]);
    assert_eq!(costs.len(), 1, "{costs:?}");

    let none = fixture
        .store
        .list_below(
            &even,
            Stretch {
                below: 1,
                limit: 3,
                form: Form::Short,
            },
        )
        .await
        .unwrap();
    assert!(none.items.is_empty() && none.next_below.is_none());
    assert_eq!(none.total, 9, "all that fit, as on every page");
}

async fn a_page_says_where_the_next_one_starts(fixture: Fixture) {
    for _ in 0..4 {
        fixture.submit("r/index:1").await;
    }
    for filter in [ListFilter::default(), from_index("r/index:1")] {
        for (number, expected) in [(1, Some(3)), (2, None), (3, None)] {
            let page = Page {
                number,
                per_page: 2,
                ..PAGE
            };
            let listing = fixture.store.list(&filter, page).await.unwrap();
            assert_eq!(listing.next_below, expected, "page {number} of {filter:?}");
        }
    }
}

#[tokio::test]
async fn a_stretch_is_looked_up_by_the_number_above_it() {
    let fixture = Fixture::sqlite().await;
    let connection = rusqlite::Connection::open(fixture.directory.path().join("iib.db")).unwrap();
    for (filter, expected) in [
        ("", "SEARCH request USING INTEGER PRIMARY KEY (rowid<?)"),
        (
            "state = 1 AND",
            "SEARCH request USING INDEX request_by_state (state=? AND id<?)",
        ),
        (
            "user_name = 'a' AND",
            "SEARCH request USING INDEX request_by_user_name (user_name=? AND id<?)",
        ),
    ] {
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT * FROM request WHERE {filter} id < 5 ORDER BY id DESC LIMIT 20"
        );
        let plan: String = connection.query_row(&sql, [], |row| row.get(3)).unwrap();
        assert_eq!(plan, expected);
    }
}

#[tokio::test]
async fn every_filter_is_answered_by_an_index() {
    let fixture = Fixture::sqlite().await;
    let connection = rusqlite::Connection::open(fixture.directory.path().join("iib.db")).unwrap();
    for column in [
        "batch_id",
        "request_type",
        "user_name",
        "state",
        "from_index",
        "index_image",
    ] {
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT * FROM request WHERE {column} = 1 ORDER BY id DESC LIMIT 20"
        );
        let plan: String = connection.query_row(&sql, [], |row| row.get(3)).unwrap();
        assert!(
            plan.contains(&format!("USING INDEX request_by_{column}")),
            "{plan}"
        );
    }
    let range =
        "EXPLAIN QUERY PLAN SELECT reference FROM image WHERE reference >= 'a' AND reference < 'b'";
    let plan: String = connection.query_row(range, [], |row| row.get(3)).unwrap();
    assert!(plan.starts_with("SEARCH image USING"), "{plan}");
}

on_each_database!(
    lists_are_newest_first_and_cut_into_pages,
    filters_combine,
    an_image_nobody_mentioned_is_an_error_and_one_in_another_role_is_not,
    a_prefix_means_itself,
    a_page_costs_the_same_number_of_statements_whatever_its_size,
    a_list_is_walked_whatever_is_submitted_meanwhile,
    a_page_says_where_the_next_one_starts,
);
