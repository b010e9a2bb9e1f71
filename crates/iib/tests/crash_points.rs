//! The process dies right before or right after every write to a registry and every transaction of the store, for every type of request: after a
//! restart the request ends as it would have, exactly once, and nothing is left behind.
//!
//! The points are not chosen but counted: an undisturbed run writes down all it comes to. `cargo xtask crash` dies at each of them; as a test, at some.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use http::Method;
use oci::{ImageRepository, Reference, Tag};
use samples::Bundle;
use serde_json::{Value, json};
use store::Database;
use support::service::{Service, Setup};
use support::{World, scratch};

/// Of so many points one is tried, where not all are.
const STRIDE: usize = 11;

/// What happens by the clock, and so not at the same place in every run.
const BY_THE_CLOCK: [&str; 2] = ["Renew", "Forget"];

/// A type of request, and what it starts from: `index:KIND` is copied to a tag of its own for every run.
struct Kind {
    /// Of the path `builds/…`.
    path: &'static str,
    base: &'static str,
    payload: fn(&Inputs, &str) -> Value,
}

struct Inputs {
    host: String,
    bundles: Vec<String>,
    fragment: String,
    /// An index to merge.
    source: String,
    /// A bundle that names another one by its tag.
    parent: String,
}

const KINDS: [Kind; 9] = [
    Kind {
        path: "add",
        base: "sqlite",
        payload: |inputs, index| json!({"bundles": inputs.bundles[2..], "from_index": index, "overwrite_from_index": true}),
    },
    Kind {
        path: "add",
        base: "files",
        payload: |inputs, index| json!({"bundles": inputs.bundles[2..], "from_index": index, "overwrite_from_index": true, "build_tags": ["more"]}),
    },
    Kind {
        path: "rm",
        base: "sqlite",
        payload: |_, index| json!({"operators": ["alpha"], "from_index": index, "overwrite_from_index": true}),
    },
    Kind {
        path: "fbc-operations",
        base: "files",
        payload: |inputs, index| json!({"fbc_fragments": [inputs.fragment], "from_index": index, "overwrite_from_index": true}),
    },
    Kind {
        path: "add-deprecations",
        base: "files",
        payload: |_, index| {
            let schema = json!({"schema": "olm.deprecations", "package": "alpha",
                "entries": [{"reference": {"schema": "olm.package"}, "message": "use beta"}]});
            json!({"operator_package": "alpha", "deprecation_schema": schema.to_string(), "from_index": index, "overwrite_from_index": true})
        },
    },
    Kind {
        path: "merge-index-image",
        base: "files",
        payload: |inputs, index| json!({"source_from_index": inputs.source, "target_index": index, "overwrite_target_index": true, "overwrite_target_index_token": "user:token"}),
    },
    Kind {
        path: "create-empty-index",
        base: "sqlite",
        payload: |_, index| json!({"from_index": index, "output_fbc": true}),
    },
    Kind {
        path: "regenerate-bundle",
        base: "sqlite",
        payload: |inputs, _| json!({"from_bundle_image": inputs.parent}),
    },
    Kind {
        path: "recursive-related-bundles",
        base: "sqlite",
        payload: |inputs, _| json!({"parent_bundle_image": inputs.parent}),
    },
];

impl Kind {
    fn is_of_index(&self) -> bool {
        !self.path.contains("bundle")
    }

    fn pushes(&self) -> bool {
        self.path != "recursive-related-bundles"
    }
}

struct Matrix {
    world: World,
    setup: Setup,
    inputs: Inputs,
    runs: u32,
}

/// The number of a run, which names its repositories.
struct Place(u32);

impl Place {
    fn index(&self) -> String {
        format!("run-{}/index", self.0)
    }

    fn out(&self) -> String {
        format!("run-{}/out", self.0)
    }
}

/// How a request ended.
#[derive(Debug, PartialEq, Eq)]
struct End {
    /// What its index's tag points to.
    tag: String,
    /// What its own tag points to.
    own: Option<String>,
    /// The list of bundles it leaves.
    bundles: String,
}

/// A bundle that says it is one, with these images in its containers.
fn parent(package: &str, images: &[String]) -> Bundle {
    let mut csv = format!(
        "kind: ClusterServiceVersion\nmetadata:\n  name: {package}.v1.0.0\nspec:\n  version: 1.0.0\n  install:\n    spec:\n      deployments:\n      - spec:\n          template:\n            spec:\n              containers: []\n"
    );
    for image in images {
        let container =
            format!("containers:\n              - name: c\n                image: {image}\n");
        csv = csv.replace("containers: []\n", &container);
    }
    let bundle = Bundle::simple(package, "1.0.0", "stable", None);
    let (path, annotations) = bundle.files[1].clone();
    let annotations = format!("{annotations}  com.redhat.delivery.operator.bundle: true\n");
    bundle
        .with_file("manifests/csv.yaml", &csv)
        .with_file(&path, &annotations)
}

impl Matrix {
    async fn start() -> Self {
        let world = World::start().await;
        let binary = world.binary_image().await.to_string();
        let mut bundles = Vec::new();
        for package in ["alpha", "beta", "gamma"] {
            let bundle = Bundle::simple(package, "1.0.0", "stable", None);
            let annotations = "metadata/annotations.yaml";
            let files = &bundle.files;
            let (_, text) = files.iter().find(|(path, _)| path == annotations).unwrap();
            let text = format!("{text}  com.redhat.openshift.versions: v4.5\n");
            bundles.push(world.bundle(&bundle.with_file(annotations, &text)).await);
        }
        let sqlite = world.index("sqlite", &[&bundles[0], &bundles[1]]).await;
        let source = world.index("source", &[&bundles[1], &bundles[2]]).await;
        let bundles: Vec<String> = bundles.iter().map(ToString::to_string).collect();
        let empty = format!("{}/index:empty", world.host);
        let files = format!("{}/index:files", world.host);
        let empty_args = ["index", "empty", "--file-based", "--from-index", &sqlite];
        let to = ["--binary-image", &binary, "--to"];
        world
            .iib(&[&empty_args[..], &to, &[&empty]].concat())
            .await
            .ok();
        let more = ["--from-index", &empty];
        world.add(&files, &[&bundles[0]], &more).await.ok();
        let fragment = world.catalog_image("fragment", "v1", &["delta"]).await;
        let child = world.bundle(&parent("child", &[])).await;
        let tag = format!("{}:v1.0.0", child.repository());
        let parent = world.bundle(&parent("parent", &[tag])).await.to_string();
        let setup = Setup::new(&world);
        setup.replace(
            "[worker]",
            "image_push_template = \"{registry}/run-0/out:{request_id}\"\n[worker]",
        );
        let inputs = Inputs {
            host: world.host.clone(),
            bundles,
            fragment,
            source,
            parent,
        };
        Self {
            world,
            setup,
            inputs,
            runs: 0,
        }
    }

    /// Repositories of its own for a run, so that nothing is there that an earlier one has pushed: `run-N/index` with `index:<base>` as `v1`, and
    /// `run-N/out` for the results.
    async fn place(&mut self, base: &str) -> Place {
        self.runs += 1;
        let place = Place(self.runs);
        let repository = |path: &str| {
            let path = self.world.repository(path);
            ImageRepository::Remote(self.world.client.repository(&path))
        };
        let (source, target) = (repository("index"), repository(&place.index()));
        let reference = |tag: &str| Reference::Tag(tag.parse::<Tag>().unwrap());
        let raw = source.manifest(&reference(base)).await.unwrap();
        let list = [raw.descriptor()];
        let at_once = NonZeroUsize::new(4).unwrap();
        oci::copy_manifests(&source, &target, &list, at_once)
            .await
            .unwrap();
        target.put_manifest(&reference("v1"), &raw).await.unwrap();
        let template = |run: u32| format!("/run-{run}/out:");
        self.setup
            .replace(&template(place.0 - 1), &template(place.0));
        place
    }

    fn payload(&self, kind: &Kind, place: &Place) -> Value {
        let index = format!("{}/{}:v1", self.inputs.host, place.index());
        let mut payload = (kind.payload)(&self.inputs, &index);
        if kind.is_of_index() {
            payload["binary_image"] = json!(format!("{}/binary:latest", self.inputs.host));
        }
        payload
    }

    fn trace(&self) -> PathBuf {
        self.world.dir.path().join("trace")
    }

    /// Runs the request undisturbed, and says at which points the process may die and how it ended.
    async fn undisturbed(&mut self, kind: &Kind) -> (Vec<String>, End) {
        let place = self.place(kind.base).await;
        let trace = self.trace();
        let service = self
            .setup
            .start_with(&[("IIB_CRASH_TRACE", trace.to_str().unwrap())])
            .await;
        let before = std::fs::read_to_string(&trace).unwrap().lines().count();
        let (payload, key) = (self.payload(kind, &place), place.index());
        let id = service
            .submit_with_key(kind.path, &payload, &key)
            .await
            .unwrap();
        let request = service.ended(id).await;
        assert_eq!(request["state"], "complete", "{}: {request}", kind.path);
        let text = std::fs::read_to_string(&trace).unwrap();
        let points: Vec<String> = text
            .lines()
            .skip(before)
            .filter(|line| BY_THE_CLOCK.iter().all(|part| !line.contains(part)))
            .map(str::to_owned)
            .collect();
        let end = self.end_of(&service, id, &place).await;
        assert_eq!(end.own.is_some(), kind.pushes());
        assert_eq!(service.terminate().await, Some(0));
        (points, end)
    }

    async fn end_of(&self, service: &Service, id: i64, place: &Place) -> End {
        let (out, own) = (place.out(), id.to_string());
        let mut bundles = String::new();
        for list in ["related_bundles", "nested-bundles"] {
            // Those of other types say that they have none.
            let (status, text) = service.get(&format!("builds/{id}/{list}")).await;
            if status.is_success() {
                bundles.push_str(&text);
            }
        }
        End {
            tag: self.tag(place).await,
            own: self.world.digest(&out, &own).await,
            bundles,
        }
    }

    /// What the index's tag points to.
    async fn tag(&self, place: &Place) -> String {
        let index = place.index();
        self.world.digest(&index, "v1").await.unwrap()
    }

    /// Has the process die at `point`, restarts it, and checks the end. Says whether the point was reached.
    async fn die_at(&mut self, kind: &Kind, point: &str, expected: &End) -> bool {
        let place = self.place(kind.base).await;
        let (old, key) = (self.tag(&place).await, place.index());
        self.world.registry.log().clear();
        let payload = self.payload(kind, &place);
        let mut service = self.setup.start_with(&[("IIB_CRASH_AT", point)]).await;
        let told = service.submit_with_key(kind.path, &payload, &key).await;
        let died = died(&mut service, told).await;
        if !died {
            service.kill().await;
        }
        let between = self.tag(&place).await;
        assert!(
            between == old || between == expected.tag,
            "the tag is the old or the new index after `{point}`"
        );

        let service = self.setup.start().await;
        let id = service
            .submit_with_key(kind.path, &payload, &key)
            .await
            .unwrap();
        assert!(
            told.is_none_or(|told| told == id),
            "one request after `{point}`"
        );
        let request = service.ended(id).await;
        let whole = format!("{} after `{point}`: {request}", kind.path);
        assert_eq!(request["state"], "complete", "{whole}");
        let history = request["state_history"].as_array().unwrap();
        let ends = history.iter().filter(|entry| entry["state"] == "complete");
        assert_eq!(ends.count(), 1, "{whole}");
        let end = self.end_of(&service, id, &place).await;
        assert_eq!(end, *expected, "{whole}");
        self.tag_moved_once(&place, old != expected.tag, &whole);
        self.nothing_is_left(&service, &whole).await;
        assert_eq!(service.terminate().await, Some(0));
        died
    }

    fn tag_moved_once(&self, place: &Place, moves: bool, whole: &str) {
        let path = format!("/{}/manifests/v1", place.index());
        let log = self.world.registry.log().entries();
        let puts = log.iter().filter(|entry| {
            let is_done = entry.status.is_some_and(|status| status.is_success());
            entry.method == Method::PUT && entry.path.ends_with(&path) && is_done
        });
        assert_eq!(puts.count(), usize::from(moves), "{whole}");
    }

    async fn nothing_is_left(&self, service: &Service, whole: &str) {
        let work = std::fs::read_dir(self.setup.data.join("work")).unwrap();
        let work: Vec<_> = work.collect();
        assert!(work.is_empty(), "{work:?} {whole}");
        let database = self.setup.data.join("iib.db");
        let database = Database::Sqlite(database);
        for table in ["job", "secret", "outbox"] {
            let sql = format!("SELECT count(*) FROM {table}");
            let count = scratch::number(&database, &sql).await;
            assert_eq!(count, 0, "{table} {whole}");
        }
        let (status, _) = service.get("healthcheck").await;
        assert!(status.is_success(), "{whole}");
    }
}

/// Waits until the process has died, or the request it told of has ended without that.
async fn died(service: &mut Service, told: Option<i64>) -> bool {
    for _ in 0..600 {
        if service.is_gone() {
            return true;
        }
        if let Some(id) = told
            && let Some(request) = service.look(id).await
            && request["state"] != "in_progress"
        {
            // It may die right after it has told of the end.
            tokio::time::sleep(Duration::from_millis(300)).await;
            return service.is_gone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the service neither died nor did its work");
}

/// Which points are tried: `all` of them, or some.
#[expect(
    clippy::disallowed_methods,
    reason = "how much is tried is the environment's to say"
)]
fn tries_all() -> bool {
    std::env::var("IIB_CRASH_POINTS").is_ok_and(|text| text == "all")
}

async fn check(numbers: impl IntoIterator<Item = usize>) {
    let all = tries_all();
    let mut matrix = Matrix::start().await;
    for number in numbers {
        let kind = &KINDS[number];
        let (points, expected) = matrix.undisturbed(kind).await;
        let name = format!("{} on {}", kind.path, kind.base);
        let parts = ["store::submit", "Report", "Claim", "manifest.put"];
        for part in &parts[..3 + usize::from(kind.pushes())] {
            assert!(
                points.iter().any(|point| point.contains(part)),
                "{part} {points:?}"
            );
        }
        let chosen: BTreeSet<&String> = points
            .iter()
            .enumerate()
            .filter(|(at, point)| all || at % STRIDE == number || point.contains("push::Record"))
            .map(|(_, point)| point)
            .collect();
        let mut missed = Vec::new();
        for point in &chosen {
            if !matrix.die_at(kind, point, &expected).await {
                missed.push(point.as_str());
            }
        }
        let (tried, count) = (chosen.len(), points.len());
        assert!(
            missed.is_empty(),
            "{name}: of {tried} points tried, of {count} there are, these were not reached: {missed:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_indexes() {
    check([0, 2, 6]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn file_based_indexes() {
    check([1, 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deprecations_and_merges() {
    check([4, 5]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles() {
    check([7, 8]).await;
}

/// A point that is never reached changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_a_death_is_judged_alike() {
    let mut matrix = Matrix::start().await;
    let (_, expected) = matrix.undisturbed(&KINDS[0]).await;
    assert!(
        !matrix
            .die_at(&KINDS[0], "before nothing#1", &expected)
            .await
    );
}
