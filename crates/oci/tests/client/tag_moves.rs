//! Tags moved from where they were seen, and nowhere else.

use bytes::Bytes;
use http::Method;
use oci::{
    Client, Credentials, Digest, Error, ImageRepository, Layout, MediaType, RawManifest, Tag,
    TagState,
};
use registry::{Auth, Fault, Rule};

use crate::scripted::{Answer, Scripted};
use crate::support::{Fixture, client, config, put_image, tag};

fn v1() -> Tag {
    "v1".parse().unwrap()
}

fn empty_list(note: &str) -> RawManifest {
    let text = format!(r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"note":"{note}"}}}}"#);
    RawManifest::new(MediaType::OciIndex, Bytes::from(text))
}

async fn points_to(repository: &ImageRepository) -> Option<Digest> {
    let found = repository.head_manifest(&tag("v1")).await.unwrap();
    found.map(|descriptor| descriptor.digest)
}

#[tokio::test]
async fn a_tag_is_moved_from_where_it_was_seen() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create_or_open(folder.path()).await.unwrap();
    for place in [
        ImageRepository::Remote(repository),
        ImageRepository::Layout(layout),
    ] {
        let free = TagState::look(&place, &v1()).await.unwrap();
        assert_eq!(free.manifest(), None);
        let (one, two) = (empty_list("one"), empty_list("two"));
        free.move_to(&place, &one).await.unwrap();
        let seen = TagState::look(&place, &v1()).await.unwrap();
        assert_eq!(seen.manifest(), Some(&one));
        seen.move_to(&place, &two).await.unwrap();
        assert_eq!(points_to(&place).await, Some(two.digest.clone()));

        // Both looks are stale now.
        for stale in [&free, &seen] {
            let error = stale
                .move_to(&place, &empty_list("three"))
                .await
                .unwrap_err();
            assert!(matches!(error, Error::TagMoved { .. }));
            for part in [format!(":{}", v1()), two.digest.to_string()] {
                assert!(error.to_string().contains(&part), "{error}");
            }
        }
        assert_eq!(points_to(&place).await, Some(two.digest));
    }
}

#[tokio::test]
async fn a_tag_that_points_there_already_is_not_written() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let manifest = put_image(&repository, "v1").await;
    let place = ImageRepository::Remote(repository);
    let seen = TagState::look(&place, &v1()).await.unwrap();
    fixture.registry.log().clear();
    seen.move_to(&place, &manifest).await.unwrap();
    assert_eq!(fixture.count(&Method::PUT, ""), 0);
}

#[tokio::test]
async fn a_tag_that_somebody_moves_right_behind_us_is_told() {
    let fixture = Fixture::start().await;
    let repository = fixture.repository(&client(), "ns/app");
    let place = ImageRepository::Remote(repository);
    let free = TagState::look(&place, &v1()).await.unwrap();
    // The registry stores it and cannot show it any more: to us that is somebody else's deleting it.
    let gone = Fault::Status {
        code: http::StatusCode::NOT_FOUND,
        retry_after: None,
    };
    let rule = Rule::new("/manifests/v1", gone).method(Method::HEAD);
    fixture.registry.faults().add(rule.skip(1));
    let error = free.move_to(&place, &empty_list("one")).await.unwrap_err();
    assert!(matches!(error, Error::TagMoved { .. }));
    assert!(error.to_string().contains("is absent now"), "{error}");
}

/// A registry that, as Quay does, refuses access to a repository that does not exist, to those it knows.
async fn secretive(shows_absence_to_pushers: bool) -> Scripted {
    Scripted::start(move |own, seen| {
        let challenge = vec![(
            "www-authenticate",
            format!(
                r#"Bearer realm="http://{own}/token",service="x",scope="repository:ns/app:pull""#
            ),
        )];
        let refused = || Answer(401, challenge.clone(), Vec::new());
        let known = seen.authorization.as_deref();
        if seen.line.starts_with("GET /token") {
            // `jane:secret`
            let jane = known == Some("Basic amFuZTpzZWNyZXQ=");
            let pushes = seen.line.contains("push");
            let token = match (known, pushes) {
                (Some(_), _) if !jane => return Answer(401, Vec::new(), Vec::new()),
                (None, _) => "nobody",
                (_, false) => "pull",
                (_, true) => "push",
            };
            return Answer(
                200,
                Vec::new(),
                format!(r#"{{"token":"{token}"}}"#).into_bytes(),
            );
        }
        match (seen.line.as_str(), known) {
            ("GET /v2/", Some(_)) => Answer(200, Vec::new(), Vec::new()),
            (_, Some("Bearer push")) if shows_absence_to_pushers => {
                Answer(404, Vec::new(), Vec::new())
            }
            _ => refused(),
        }
    })
    .await
}

fn as_user(registry: &Scripted, user: Option<(&str, &str)>) -> ImageRepository {
    let mut config = config();
    if let Some((user, password)) = user {
        let key = format!("{}/ns/app", registry.host);
        config.credentials = Credentials::none().with(&key, user, password.into());
    }
    let client = Client::new(config).unwrap();
    let name = format!("{}/ns/app", registry.host).parse().unwrap();
    ImageRepository::Remote(client.repository(&name))
}

#[tokio::test]
async fn a_refusal_means_absent_only_to_those_the_registry_knows() {
    let registry = secretive(true).await;
    let jane = as_user(&registry, Some(("jane", "secret")));
    let state = TagState::look(&jane, &v1()).await.unwrap();
    assert_eq!(state.manifest(), None);
    for stranger in [None, Some(("jane", "wrong"))] {
        let place = as_user(&registry, stranger);
        let error = TagState::look(&place, &v1()).await.unwrap_err();
        assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
        assert!(!error.to_string().contains("wrong"), "{error}");
    }
}

#[tokio::test]
async fn absence_is_confirmed_by_the_right_to_push_before_anything_is_written() {
    for (shows, expected) in [(true, "PUT"), (false, "HEAD")] {
        let registry = secretive(shows).await;
        let jane = as_user(&registry, Some(("jane", "secret")));
        let state = TagState::look(&jane, &v1()).await.unwrap();
        state.move_to(&jane, &empty_list("one")).await.unwrap_err();
        let seen = registry.seen();
        let last = seen.iter().rfind(|seen| seen.line.contains("/manifests/"));
        let last = &last.unwrap().line;
        assert!(last.starts_with(expected), "{last}");
    }
}

#[tokio::test]
async fn a_refusal_by_basic_authentication_is_no_absence() {
    let users = [("jane".to_owned(), "secret".into())].into();
    let fixture = Fixture::start_with(|config| config.auth = Some(Auth::Basic(users))).await;
    for user in [None, Some(("jane", "wrong"))] {
        let mut config = config();
        if let Some((user, password)) = user {
            config.credentials = Credentials::none().with(&fixture.host(), user, password.into());
        }
        let client = Client::new(config).unwrap();
        let place = ImageRepository::Remote(fixture.repository(&client, "ns/app"));
        let error = TagState::look(&place, &v1()).await.unwrap_err();
        assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    }
}
