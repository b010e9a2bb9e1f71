//! Moving the from-index's tag: only from the image the request was prepared with, only while the request is ours.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;
use builder::{
    AddRequest, Added, BinaryImage, Builder, BuilderConfig, Checkpoint, Error, Facts,
    GraphUpdateMode, Output, OutputRepository, Overwrite, OverwriteToken, Phase, Reporter, Stopped,
};
use oci::{Client, ClientConfig, Credentials, ImageName, PullSpec, Reference, Repository, Tag};
use registry::{Auth, Config, Password, Running, Server};
use samples::Bundle;
use tempfile::TempDir;

struct World {
    registry: Running,
    client: Client,
    builder: Builder,
    dir: TempDir,
}

impl World {
    async fn start(auth: Option<Auth>, credentials: impl FnOnce(&str) -> Credentials) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(([127, 0, 0, 1], 0).into(), dir.path().join("registry"));
        config.fsync = false;
        config.auth = auth;
        let registry = Server::start(config).await.unwrap();
        let credentials = credentials(&registry.addr().to_string());
        let config = ClientConfig {
            credentials: credentials.clone(),
            ..ClientConfig::default()
        };
        let client = Client::new(config).unwrap();
        let builder = Builder::new(
            client.clone(),
            credentials,
            BuilderConfig::new(dir.path().join("work")),
        );
        Self {
            registry,
            client,
            builder,
            dir,
        }
    }

    async fn open() -> Self {
        Self::start(None, |_| Credentials::none()).await
    }

    fn repository(&self, path: &str) -> Repository {
        format!("{}/{path}", self.registry.addr()).parse().unwrap()
    }

    fn name(&self, path: &str) -> PullSpec {
        format!("{}/{path}", self.registry.addr()).parse().unwrap()
    }

    async fn bundle(&self, bundle: &Bundle) -> PullSpec {
        samples::push_bundle(&self.client, &self.repository("bundles/b"), bundle)
            .await
            .unwrap()
    }

    fn request(&self, bundle: PullSpec, tag: &str) -> AddRequest {
        AddRequest {
            bundles: vec![bundle],
            from_index: None,
            binary_image: Some(BinaryImage::Image(ImageName::Registry(
                self.name("binary:latest"),
            ))),
            add_arches: BTreeSet::from(["amd64".parse().unwrap()]),
            overwrite: Overwrite::No,
            distribution_scope: None,
            graph_update_mode: GraphUpdateMode::Replaces,
            output: Output {
                repository: OutputRepository::Registry(self.repository("iib-build")),
                tag: tag.parse().unwrap(),
                build_tags: Vec::new(),
            },
        }
    }

    /// An index `index:v1` with one bundle, and a request to add another one and overwrite it.
    async fn overwriting(&self) -> AddRequest {
        samples::push_binary_image(&self.client, &self.repository("binary"), &["amd64"], 0)
            .await
            .unwrap();
        let first = self
            .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
            .await;
        let mut seed = self.request(first, "v1");
        seed.output.repository = OutputRepository::Registry(self.repository("index"));
        self.add(&seed, &Observer::default()).await.unwrap();
        let second = self
            .bundle(&Bundle::simple("beta", "1.0.0", "stable", None))
            .await;
        let mut request = self.request(second, "7");
        request.from_index = Some(ImageName::Registry(self.name("index:v1")));
        request.overwrite = Overwrite::Yes;
        request
    }

    async fn add(&self, request: &AddRequest, reporter: &Observer<'_>) -> Result<Added, Error> {
        self.builder
            .add(request, reporter, Checkpoint::default())
            .await
    }

    async fn digest(&self, path: &str, tag: &str) -> Option<String> {
        let reference = Reference::Tag(tag.parse().unwrap());
        let found = self
            .client
            .repository(&self.repository(path))
            .head_manifest(&reference)
            .await
            .unwrap();
        found.map(|descriptor| descriptor.digest.to_string())
    }

    /// Points `path:tag` at the binary image, as a stranger would.
    async fn move_tag(&self, path: &str, tag: &str) {
        let binary = self.client.repository(&self.repository("binary"));
        let raw = binary
            .manifest(&Reference::Tag(Tag::latest()))
            .await
            .unwrap();
        let target = self.client.repository(&self.repository(path));
        let oci::Document::List(list) = raw.parse().unwrap() else {
            panic!("a list")
        };
        for entry in &list.manifests {
            let reference = Reference::Digest(entry.digest.clone());
            let child = binary.manifest(&reference).await.unwrap();
            let oci::Document::Image(image) = child.parse().unwrap() else {
                panic!("an image")
            };
            for blob in image.layers.iter().chain([&image.config]) {
                target.copy_blob_from(&binary, blob).await.unwrap();
            }
            target.put_manifest(&reference, &child).await.unwrap();
        }
        target
            .put_manifest(&Reference::Tag(tag.parse().unwrap()), &raw)
            .await
            .unwrap();
    }
}

/// Watches a request, moves a tag or stops it when a phase begins.
#[derive(Default)]
struct Observer<'world> {
    moves_tag_at: Option<(Phase, &'world World)>,
    stops_at: Option<Phase>,
    lost: bool,
    checkpoints: Mutex<Vec<Checkpoint>>,
}

#[async_trait]
impl Reporter for Observer<'_> {
    async fn phase(&self, phase: &Phase, _facts: &Facts) -> Result<(), Stopped> {
        if let Some((at, world)) = &self.moves_tag_at
            && at == phase
        {
            world.move_tag("index", "v1").await;
        }
        if self.stops_at.as_ref() == Some(phase) {
            return Err(Stopped {
                reason: "the test says so".to_owned(),
            });
        }
        Ok(())
    }

    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), Stopped> {
        self.checkpoints.lock().unwrap().push(checkpoint.clone());
        Ok(())
    }

    async fn confirm(&self) -> Result<(), Stopped> {
        if self.lost {
            Err(Stopped {
                reason: "the lease is lost".to_owned(),
            })
        } else {
            Ok(())
        }
    }
}

async fn moved_meanwhile(at: Phase) {
    let world = World::open().await;
    let request = world.overwriting().await;
    let reporter = Observer {
        moves_tag_at: Some((at, &world)),
        ..Observer::default()
    };
    let error = world.add(&request, &reporter).await.unwrap_err();
    assert!(matches!(error, Error::IndexChanged { .. }), "{error}");
    assert!(
        error.to_string().contains("submit the request again"),
        "{error}"
    );
    assert_eq!(
        world.digest("index", "v1").await,
        world.digest("binary", "latest").await,
        "the stranger's move stands"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_moved_while_the_result_was_built_is_left_alone() {
    moved_meanwhile(Phase::CreatingManifestList).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_moved_right_before_the_overwrite_is_left_alone() {
    moved_meanwhile(Phase::Overwriting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_request_publishes_nothing_more() {
    let world = World::open().await;
    let request = world.overwriting().await;
    let before = world.digest("index", "v1").await;
    let reporter = Observer {
        stops_at: Some(Phase::Overwriting),
        ..Observer::default()
    };
    assert!(matches!(
        world.add(&request, &reporter).await,
        Err(Error::Stopped(_))
    ));
    assert_eq!(world.digest("index", "v1").await, before);

    let other = AddRequest {
        output: Output {
            tag: "8".parse().unwrap(),
            ..request.output.clone()
        },
        ..request
    };
    let reporter = Observer {
        lost: true,
        ..Observer::default()
    };
    assert!(matches!(
        world.add(&other, &reporter).await,
        Err(Error::Stopped(_))
    ));
    assert_eq!(
        world.digest("iib-build", "8").await,
        None,
        "without the lease not even the own tag is set"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_request_reads_the_images_it_was_prepared_with() {
    let world = World::open().await;
    let mut request = world.overwriting().await;
    request.overwrite = Overwrite::No;
    let reporter = Observer {
        stops_at: Some(Phase::CheckingPresentBundles),
        ..Observer::default()
    };
    assert!(matches!(
        world.add(&request, &reporter).await,
        Err(Error::Stopped(_))
    ));
    let checkpoint = reporter.checkpoints.lock().unwrap().last().unwrap().clone();
    let prepared_with = checkpoint
        .inputs
        .as_ref()
        .unwrap()
        .from_index
        .clone()
        .unwrap();

    world.move_tag("index", "v1").await;
    let added = world
        .builder
        .add(&request, &Observer::default(), checkpoint)
        .await
        .unwrap();
    assert_eq!(added.bundles_added.len(), 1);
    let resolved = world.builder.inspect(&added_name(&added)).await.unwrap();
    assert_eq!(
        resolved.packages.len(),
        2,
        "the bundle was added to the index of the first attempt, {prepared_with}"
    );
}

fn added_name(added: &Added) -> ImageName {
    added
        .facts
        .index_image_resolved
        .as_ref()
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwrite_token_is_used_for_its_repository_alone() {
    let users = BTreeMap::from([
        ("service".to_owned(), Password::new("s")),
        ("owner".to_owned(), Password::new("o")),
    ]);
    let world = World::start(Some(Auth::Token(users)), |host| {
        Credentials::none().with(host, "service", "s".to_owned().into())
    })
    .await;
    let mut request = world.overwriting().await;
    let before = world.digest("index", "v1").await;
    request.overwrite = Overwrite::WithToken(OverwriteToken::parse("owner:o").unwrap());
    world.add(&request, &Observer::default()).await.unwrap();
    let after = world.digest("index", "v1").await;
    assert_ne!(before, after);

    request.overwrite = Overwrite::WithToken(OverwriteToken::parse("owner:wrong-secret").unwrap());
    request.output.tag = "9".parse().unwrap();
    let error = world.add(&request, &Observer::default()).await.unwrap_err();
    assert!(
        !format!("{error:?}{}", error.report()).contains("wrong-secret"),
        "{error:?}"
    );
    assert!(
        error
            .report()
            .contains(&world.repository("index").to_string()),
        "{}",
        error.report()
    );
    assert_eq!(world.digest("index", "v1").await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_named_by_digest_cannot_be_overwritten() {
    let world = World::open().await;
    let mut request = world.overwriting().await;
    let digest = world.digest("index", "v1").await.unwrap();
    request.from_index = Some(ImageName::Registry(world.name(&format!("index@{digest}"))));
    let error = world.add(&request, &Observer::default()).await.unwrap_err();
    assert!(matches!(error, Error::OverwriteNeedsTag { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_directories_do_not_outlive_their_request() {
    let world = World::open().await;
    let request = world.overwriting().await;
    world.add(&request, &Observer::default()).await.unwrap();
    let left: Vec<_> = std::fs::read_dir(world.dir.path().join("work"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
