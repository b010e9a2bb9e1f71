//! Calls to a real service.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

use std::net::SocketAddr;
use std::time::Duration;

use api::batch::BatchKind;
use api::{RequestType, State};
use client::{
    Add, Batch, Client, ClientConfig, Error, IndexOptions, ListQuery, News, Retries, Rm, Submission,
};
use serde_json::json;
use server::{LiveConfig, ServerConfig};
use store::{SealingKey, Store, StoreConfig, Update, WorkerId};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

struct Service {
    client: Client,
    address: SocketAddr,
    store: Store,
    shutdown: CancellationToken,
    _directory: TempDir,
}

async fn start(login_disabled: bool) -> Service {
    let directory = tempfile::tempdir().unwrap();
    let key = SealingKey::load_or_generate(&directory.path().join("key")).unwrap();
    let database = directory
        .path()
        .join("iib.db")
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let store = Store::open(&StoreConfig {
        migrate: true,
        ..StoreConfig::new(database, key)
    })
    .await
    .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let config = LiveConfig::from(ServerConfig {
        login_disabled,
        ..ServerConfig::default()
    });
    tokio::spawn(server::serve(
        listener,
        config,
        store.clone(),
        shutdown.clone(),
    ));
    Service {
        client: client(address),
        address,
        store,
        shutdown,
        _directory: directory,
    }
}

fn client(address: SocketAddr) -> Client {
    let config = ClientConfig {
        poll: (Duration::from_millis(10), Duration::from_millis(50)),
        retries: Retries {
            attempts: 2,
            base: Duration::from_millis(5),
            ..Retries::default()
        },
        ..ClientConfig::new(format!("http://{address}").parse().unwrap())
    };
    Client::new(config).unwrap()
}

/// A way to `service` on which the answer to the first POST gets lost: it is cut off once the answer has begun to come.
async fn losing_an_answer(service: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut lost = false;
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(service).await.unwrap();
            let mut first = [0; 4];
            near.read_exact(&mut first).await.unwrap();
            far.write_all(&first).await.unwrap();
            let loses = !lost && &first == b"POST";
            lost |= loses;
            tokio::spawn(async move {
                if !loses {
                    return drop(copy_bidirectional(&mut near, &mut far).await);
                }
                let (mut from_near, _to_near) = near.split();
                let (mut from_far, mut to_far) = far.split();
                tokio::select! {
                    sent = copy(&mut from_near, &mut to_far) => panic!("no answer came: {sent:?}"),
                    answered = from_far.read_u8() => assert_eq!(answered.unwrap(), b'H'),
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_submit_whose_answer_got_lost_is_repeated_and_is_the_same_request() {
    let service = start(true).await;
    let submitted = client(losing_an_answer(service.address).await)
        .submit(&add())
        .await
        .unwrap();
    assert_eq!(submitted.id, 1);
    let all = service.client.list(&ListQuery::default()).await.unwrap();
    assert_eq!((all.meta.total, all.items[0].id), (1, 1));

    let item = json!({"operators": ["op"], "from_index": "r/index:1", "binary_image": "r/opm:1"});
    let batch = Batch {
        build_requests: vec![item.clone(), item],
        annotations: None,
    };
    let client = client(losing_an_answer(service.address).await);
    let batch = client.submit_batch(BatchKind::AddRm, &batch).await.unwrap();
    let ids: Vec<i64> = batch.iter().map(|request| request.id).collect();
    assert_eq!(ids, [2, 3]);
    let all = service.client.list(&ListQuery::default()).await.unwrap();
    assert_eq!(all.meta.total, 3);
    service.shutdown.cancel();
}

fn index() -> IndexOptions {
    IndexOptions {
        from_index: Some("r/index:1".into()),
        binary_image: Some("r/opm:1".into()),
        ..IndexOptions::default()
    }
}

fn add() -> Submission {
    Submission::Add(Add {
        bundles: vec!["r/bundle:1".into()],
        index: index(),
        ..Add::default()
    })
}

/// Ends the oldest unfinished request as a worker would.
async fn end_oldest(store: &Store, state: State) {
    let job = store
        .claim(&WorkerId::random(), Duration::from_mins(1))
        .await
        .unwrap()
        .unwrap();
    let update = Update {
        state,
        state_reason: "it ended".into(),
        fields: store::ResultFields::default(),
    };
    store.finish(&job.lease, &update).await.unwrap();
}

#[tokio::test]
async fn what_is_submitted_can_be_shown_and_listed() {
    let service = start(true).await;
    let added = service.client.submit(&add()).await.unwrap();
    let removed = Submission::Rm(Rm {
        operators: vec!["op".into()],
        index: index(),
    });
    let removed = service.client.submit(&removed).await.unwrap();
    assert_eq!((added.id, added.state), (1, State::InProgress));
    assert_eq!(removed.request_type, "rm");
    assert_eq!(service.client.show(1).await.unwrap(), added);
    assert_eq!(added.json["bundles"], json!(["r/bundle:1"]));
    assert_eq!(added.text("from_index"), Some("r/index:1"));
    let query = ListQuery {
        request_type: Some(RequestType::Add),
        from_index: Some("r/index:1".into()),
        verbose: true,
        ..ListQuery::default()
    };
    let page = service.client.list(&query).await.unwrap();
    assert_eq!((page.items, page.meta.total), (vec![added], 1));

    let batch = Batch {
        build_requests: vec![
            json!({"operators": ["op"], "from_index": "r/index:1", "binary_image": "r/opm:1"}),
        ],
        annotations: None,
    };
    let batch = service
        .client
        .submit_batch(BatchKind::AddRm, &batch)
        .await
        .unwrap();
    assert_eq!(batch.len(), 1);
    service.shutdown.cancel();
}

#[tokio::test]
async fn a_request_is_followed_to_its_end_whichever_way_it_ends() {
    let service = start(true).await;
    for state in [State::Complete, State::Failed] {
        let id = service.client.submit(&add()).await.unwrap().id;
        let mut steps = Vec::new();
        let follow = service.client.follow(id, |news| match news {
            News::Step(step) => steps.push((step.state, step.state_reason)),
            News::Log(line) => panic!("nothing was logged: {line}"),
        });
        let (ended, ()) = tokio::join!(follow, end_oldest(&service.store, state));
        assert_eq!(ended.unwrap().state, state);
        assert_eq!(steps.len(), 2, "{steps:?}");
        assert_eq!(steps[0].0, State::InProgress);
        assert_eq!(steps[1], (state, "it ended".to_owned()));
    }
}

#[tokio::test]
async fn every_problem_of_a_payload_is_told() {
    let service = start(true).await;
    let wrong = Submission::Add(Add {
        bundles: vec!["no-tag".into()],
        index: IndexOptions {
            build_tags: vec![String::new()],
            ..IndexOptions::default()
        },
        ..Add::default()
    });
    let error = service.client.submit(&wrong).await.unwrap_err();
    let complaint = error.complaint().unwrap();
    assert_eq!(
        (complaint.status, complaint.code.as_deref()),
        (400, Some("invalid-payload"))
    );
    let fields: Vec<&str> = complaint
        .problems
        .iter()
        .map(|(field, _)| field.as_str())
        .collect();
    for field in ["bundles", "build_tags", "from_index", "binary_image"] {
        assert!(fields.contains(&field), "{field} {fields:?}");
        assert!(
            error.to_string().contains(&format!("\n  `{field}` ")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn what_the_service_does_not_have_or_allow_is_said_with_the_remedy() {
    let service = start(true).await;
    let error = service.client.show(99).await.unwrap_err();
    assert_eq!(error.complaint().unwrap().status, 404);
    let error = service.client.logs(99).await.unwrap_err();
    assert_eq!(error.complaint().unwrap().status, 404);
    let closed = start(false).await;
    let error = closed.client.submit(&add()).await.unwrap_err();
    assert_eq!(error.complaint().unwrap().status, 401);
    assert!(error.to_string().contains("--token-file"), "{error}");
}

#[tokio::test]
async fn a_service_that_is_away_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = ClientConfig {
        retries: Retries {
            attempts: 2,
            base: Duration::from_millis(1),
            ..Retries::default()
        },
        ..ClientConfig::new(format!("http://{address}").parse().unwrap())
    };
    let client = Client::new(config).unwrap();
    for error in [
        client.show(1).await.unwrap_err(),
        client.submit(&add()).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}

#[test]
fn tokens_travel_in_the_clear_only_when_that_is_allowed() {
    let config = ClientConfig::new("http://iib.example".parse().unwrap());
    let error = Client::new(config.clone()).unwrap_err();
    assert!(matches!(&error, Error::Exposed { .. }) && error.to_string().contains("--insecure"));
    let allowed = ClientConfig {
        insecure: true,
        token: Some("a\nb".into()),
        ..config
    };
    assert!(matches!(Client::new(allowed.clone()), Err(Error::Token)));
    let fine = ClientConfig {
        token: Some("hunter2".into()),
        ..allowed.clone()
    };
    let printed = format!("{:?}", Client::new(fine).unwrap());
    assert!(!printed.contains("hunter2"), "{printed}");
    let no_ca = ClientConfig {
        token: None,
        ca: vec![b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_vec()],
        ..allowed
    };
    assert!(matches!(Client::new(no_ca), Err(Error::Setup { .. })));
}
