//! Fragments and bundles into file-based indexes: which layers come of it, and what the image then holds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use builder::{
    AddRequest, Built, Checkpoint, ContentError, Error, FragmentsAdded, FragmentsRequest,
    GraphUpdateMode, LayerKind, RelatedImages,
};
use catalog::cache::{self, Integrity};
use catalog::fbc::Catalog;
use oci::{Arch, ImageName, Limits, PullSpec};
use samples::Bundle;
use support::files::{FILE_BASED, HIDDEN, json, package};
use support::{Observer, World};

struct Index {
    world: World,
}

impl Index {
    /// A world with a binary image and the file-based index `index:v1` of another tool.
    async fn start(files: &[(String, String)]) -> Self {
        let world = World::open().await;
        samples::push_binary_image(
            &world.client,
            &world.repository("binary"),
            &["amd64", "s390x"],
            0,
        )
        .await
        .unwrap();
        let index = Self { world };
        index.push("index", "v1", files, true).await;
        index
    }

    async fn push(&self, path: &str, tag: &str, files: &[(String, String)], is_index: bool) {
        let labels: &[_] = if is_index { &[FILE_BASED] } else { &[] };
        self.world
            .push_catalog(path, tag, labels, files, None)
            .await;
    }

    fn request(&self, from: &str, fragments: &[&str], tag: &str) -> FragmentsRequest {
        let add = self.world.request(self.world.name("none:latest"), tag);
        let mut index = add.index;
        index.from_index = Some(ImageName::Registry(self.world.name(from)));
        index.add_arches = ["amd64", "s390x"]
            .iter()
            .map(|arch| arch.parse::<Arch>().unwrap())
            .collect();
        FragmentsRequest {
            fragments: fragments.iter().map(|path| self.world.name(path)).collect(),
            index,
        }
    }

    async fn add(&self, request: &FragmentsRequest) -> Result<FragmentsAdded, Error> {
        self.world
            .builder
            .add_fragments(request, &Observer::default(), Checkpoint::default())
            .await
    }

    /// Pushes `files` as the fragment `f:<tag>`, adds it to `from` and checks what came of it against `expected` packages.
    async fn change(&self, from: &str, tag: &str, files: &[(String, String)]) -> Built {
        self.push("f", tag, files, false).await;
        let fragment = format!("f:{tag}");
        let added = self
            .add(&self.request(from, &[&fragment], tag))
            .await
            .unwrap_or_else(|error| panic!("{}", error.report()));
        added.built
    }

    /// Takes the result `tag` apart: its catalog and cache belong together, for every architecture the same.
    async fn unpack(&self, tag: &str) -> Unpacked {
        let name = ImageName::Registry(self.world.name(&format!("iib-build:{tag}")));
        let repository = name.open(&self.world.client).await.unwrap();
        let raw = repository.manifest(&name.reference()).await.unwrap();
        let oci::Document::List(list) = raw.parse().unwrap() else {
            panic!("a list")
        };
        let mut layers = BTreeSet::new();
        let mut unpacked = None;
        for entry in &list.manifests {
            let (manifest, config) = self.world.image("iib-build", &entry.digest).await;
            assert_eq!(manifest.layers.len(), config.rootfs.diff_ids.len());
            let ours: Vec<String> = manifest.layers[1..]
                .iter()
                .map(|layer| layer.digest.to_string())
                .collect();
            layers.insert(ours);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().to_owned();
            let tree = |directory: &'static str, to: PathBuf| {
                let (repository, manifest) = (&repository, &manifest);
                async move {
                    oci::extract_tree(repository, manifest, directory, &to, &Limits::index())
                        .await
                        .unwrap()
                }
            };
            assert!(tree("/configs", path.join("configs")).await);
            assert!(tree("/tmp/cache", path.join("cache")).await);
            let database = path.join("hidden.db");
            let hidden =
                oci::extract_file(&repository, &manifest, HIDDEN, &database, &Limits::index())
                    .await
                    .unwrap();
            unpacked = Some(Unpacked {
                folder,
                has_database: hidden.is_some(),
            });
        }
        assert_eq!(layers.len(), 1, "one set of layers for all architectures");
        let unpacked = unpacked.unwrap();
        let integrity = cache::check(&unpacked.configs(), &unpacked.folder.path().join("cache"));
        assert!(
            matches!(integrity, Ok(Integrity::Current { .. })),
            "{integrity:?}"
        );
        unpacked
    }
}

struct Unpacked {
    folder: tempfile::TempDir,
    has_database: bool,
}

impl Unpacked {
    fn configs(&self) -> PathBuf {
        self.folder.path().join("configs")
    }

    fn bundles(&self) -> Vec<String> {
        let catalog = Catalog::read_tree(&self.configs()).unwrap();
        let mut names: Vec<String> = catalog
            .bundles
            .into_iter()
            .map(|bundle| bundle.name)
            .collect();
        names.sort();
        names
    }

    fn database_packages(&self) -> Vec<String> {
        let database = indexdb::IndexDb::open_unchanged(&self.folder.path().join("hidden.db"), 0);
        let packages = database.unwrap().packages().unwrap();
        packages.into_iter().map(|package| package.name).collect()
    }
}

fn kinds(built: &Built) -> Vec<(LayerKind, bool)> {
    built
        .layers
        .iter()
        .map(|layer| (layer.kind, layer.is_new))
        .collect()
}

use LayerKind::{Base, Cache, Database, Delta};

#[tokio::test]
async fn a_foreign_index_is_written_anew_once_and_then_grows_by_deltas() {
    let index = Index::start(&[json("alpha", 2), json("beta", 1)]).await;
    let first = index.change("index:v1", "1", &[json("gamma", 1)]).await;
    assert_eq!(kinds(&first), [(Base, true), (Cache, true)]);
    assert_eq!(first.images.len(), 2);
    let unpacked = index.unpack("1").await;
    assert_eq!(
        unpacked.bundles(),
        ["alpha.v1", "alpha.v2", "beta.v1", "gamma.v1"]
    );
    assert!(!unpacked.has_database);

    let second = index.change("iib-build:1", "2", &[json("beta", 3)]).await;
    assert_eq!(
        kinds(&second),
        [(Base, false), (Cache, false), (Delta, true)]
    );
    assert_eq!(
        index.unpack("2").await.bundles(),
        [
            "alpha.v1", "alpha.v2", "beta.v1", "beta.v2", "beta.v3", "gamma.v1"
        ]
    );
    // The new layer and the two configs, and nothing else.
    assert_eq!(second.blobs.pushed, 3);

    let third = index
        .change("iib-build:2", "3", &[json("delta", 1), json("alpha", 1)])
        .await;
    assert_eq!(third.layers.len(), 4);
    assert_eq!(
        index.unpack("3").await.bundles(),
        [
            "alpha.v1", "beta.v1", "beta.v2", "beta.v3", "delta.v1", "gamma.v1"
        ]
    );
}

#[tokio::test]
async fn a_warm_builder_reads_the_fragment_and_manifests_alone() {
    let big: Vec<(String, String)> = (0..40).map(|n| json(&format!("p{n}"), 20)).collect();
    let index = Index::start(&big).await;
    index.change("index:v1", "1", &[json("first", 1)]).await;
    index.change("iib-build:1", "2", &[json("second", 1)]).await;
    let warm = index.change("iib-build:2", "3", &[json("third", 1)]).await;
    assert!(warm.usage.bytes_read < 16_000, "{:?}", warm.usage);
    assert!(warm.usage.requests <= 12 + 8 * 2, "{:?}", warm.usage);

    // A builder that has seen nothing makes the same image.
    let cold_world = support::rebuilt(&index.world, "other-work");
    let request = index.request("iib-build:2", &["f:3"], "4");
    let cold = cold_world
        .add_fragments(&request, &Observer::default(), Checkpoint::default())
        .await
        .unwrap();
    assert_eq!(cold.built.digest, warm.digest);
    assert!(cold.built.usage.bytes_read > warm.usage.bytes_read);
}

#[tokio::test]
async fn what_is_there_already_makes_no_layer() {
    let index = Index::start(&[json("alpha", 2)]).await;
    let first = index.change("index:v1", "1", &[json("beta", 1)]).await;
    let again = index.change("iib-build:1", "2", &[json("beta", 1)]).await;
    assert_eq!(kinds(&again), [(Base, false), (Cache, false)]);
    assert_eq!(again.digest, first.digest);
    assert_eq!(again.blobs.pushed, 0);
}

#[tokio::test]
async fn a_package_that_loses_a_file_has_the_catalog_written_anew() {
    let index = Index::start(&[json("alpha", 2)]).await;
    let mut files = vec![json("beta", 1)];
    files.push((
        "beta/extra.json".to_owned(),
        r#"{"schema":"olm.deprecations","package":"beta","entries":[{"reference":{"schema":"olm.package"},"message":"old"}]}"#
            .to_owned(),
    ));
    index.change("index:v1", "1", &files).await;
    let second = index.change("iib-build:1", "2", &[json("beta", 2)]).await;
    assert_eq!(kinds(&second), [(Base, true), (Cache, true)]);
    let unpacked = index.unpack("2").await;
    assert!(!unpacked.configs().join("beta/extra.json").exists());
    assert_eq!(
        unpacked.bundles(),
        ["alpha.v1", "alpha.v2", "beta.v1", "beta.v2"]
    );
}

#[tokio::test]
async fn the_seventeenth_delta_is_none() {
    let index = Index::start(&[json("alpha", 2)]).await;
    index.change("index:v1", "0", &[json("beta", 1)]).await;
    for number in 1..=16 {
        let from = format!("iib-build:{}", number - 1);
        let built = index
            .change(&from, &number.to_string(), &[json("beta", number + 1)])
            .await;
        assert_eq!(built.layers.len(), 2 + number);
    }
    let built = index.change("iib-build:16", "17", &[json("beta", 1)]).await;
    assert_eq!(kinds(&built), [(Base, true), (Cache, true)]);
    assert_eq!(index.unpack("16").await.bundles().len(), 2 + 17);
    assert_eq!(index.unpack("17").await.bundles().len(), 2 + 1);
}

#[tokio::test]
async fn packages_of_several_directories_are_judged_together() {
    let deprecations = (
        "_operator-deprecations-content/alpha/deprecations.json".to_owned(),
        r#"{"schema":"olm.deprecations","package":"alpha","entries":[{"reference":{"schema":"olm.bundle","name":"alpha.v1"},"message":"use 2"}]}"#
            .to_owned(),
    );
    let index = Index::start(&[json("alpha", 2), deprecations]).await;
    index.change("index:v1", "1", &[json("beta", 1)]).await;
    // The deprecations lie elsewhere, and stay.
    index.change("iib-build:1", "2", &[json("alpha", 3)]).await;
    let catalog = Catalog::read_tree(&index.unpack("2").await.configs()).unwrap();
    assert_eq!(catalog.deprecations.len(), 1);

    // And an alpha without the bundle they are about is refused, naming it.
    let other = package("alpha", 2).replace("alpha.v1", "alpha.v0");
    index
        .push("f", "3", &[("alpha/catalog.json".to_owned(), other)], false)
        .await;
    let refused = index
        .add(&index.request("iib-build:2", &["f:3"], "3"))
        .await;
    let text = refused.unwrap_err().report();
    assert!(text.contains("alpha.v1"), "{text}");
    assert_eq!(index.world.digest("iib-build", "3").await, None);
}

#[tokio::test]
async fn fragments_are_refused_with_a_reason() {
    let index = Index::start(&[json("alpha", 2)]).await;
    let broken = package("beta", 2).replace(
        "\"defaultChannel\":\"stable\"",
        "\"defaultChannel\":\"none\"",
    );
    for (tag, files, expected) in [
        ("1", vec![], "has no package directory"),
        (
            "2",
            vec![("loose.json".to_owned(), package("beta", 1))],
            "loose.json",
        ),
        (
            "3",
            vec![("Upper/catalog.json".to_owned(), package("beta", 1))],
            "Upper",
        ),
        (
            "4",
            vec![(
                "_operator-deprecations-content/x/y.json".to_owned(),
                package("beta", 1),
            )],
            "_operator-deprecations-content",
        ),
        ("5", vec![("beta/catalog.json".to_owned(), broken)], "beta"),
        (
            "6",
            vec![("beta/catalog.yaml".to_owned(), "- no blob".to_owned())],
            "beta/catalog.yaml",
        ),
    ] {
        index.push("f", tag, &files, false).await;
        let fragment = format!("f:{tag}");
        for from in ["index:v1"] {
            let refused = index.add(&index.request(from, &[&fragment], tag)).await;
            let text = refused.unwrap_err().report();
            assert!(text.contains(expected), "{tag}: {text}");
        }
        assert_eq!(index.world.digest("iib-build", tag).await, None);
    }
    let missing = index
        .add(&index.request("index:v1", &["f:none"], "9"))
        .await;
    let text = missing.unwrap_err().report();
    assert!(
        text.contains("fragment") && text.contains("f:none"),
        "{text}"
    );
    let not_index = index
        .add(&index.request("binary:latest", &["f:5"], "9"))
        .await;
    assert!(matches!(
        not_index,
        Err(Error::Content(ContentError::NotAnIndex { .. }))
    ));
}

#[tokio::test]
async fn of_two_fragments_with_one_package_the_later_counts() {
    let index = Index::start(&[json("alpha", 1)]).await;
    index
        .push("f", "a", &[json("beta", 1), json("gamma", 1)], false)
        .await;
    index.push("f", "b", &[json("beta", 3)], false).await;
    let added = index
        .add(&index.request("index:v1", &["f:a", "f:b"], "1"))
        .await
        .unwrap();
    assert_eq!(added.packages, ["beta", "gamma"]);
    let resolved = index.unpack("1").await.bundles();
    assert_eq!(
        resolved,
        ["alpha.v1", "beta.v1", "beta.v2", "beta.v3", "gamma.v1"]
    );
}

/// A file-based index of ours with the hidden database of `bundles`, as `iib-build:<tag>`.
async fn with_database(index: &Index, bundles: &[PullSpec], tag: &str) {
    let mut sqlite = index.world.request(bundles[0].clone(), "sqlite");
    sqlite.bundles = bundles.to_vec();
    index
        .world
        .add(&sqlite, &Observer::default())
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("index.db");
    let name = ImageName::Registry(index.world.name("iib-build:sqlite"));
    index
        .world
        .builder
        .extract_database(&name, &database)
        .await
        .unwrap();
    push_with_database(index, &database, tag).await;
}

/// Pushes what another tool would make of a database: its catalog, and the database hidden beside it.
async fn push_with_database(index: &Index, database: &Path, tag: &str) {
    let db = indexdb::IndexDb::open_unchanged(database, 0).unwrap();
    let mut rendered = db.catalog().unwrap();
    rendered.arrange();
    let files: Vec<(String, String)> = rendered
        .migrated(catalog::Profile::A)
        .iter()
        .map(|file| {
            let mut text = Vec::new();
            file.write(catalog::fbc::Output::Json, &mut text).unwrap();
            let path = format!("{}/catalog.json", file.package());
            (path, String::from_utf8(text).unwrap())
        })
        .collect();
    index
        .world
        .push_catalog("index", tag, &[FILE_BASED], &files, Some(database))
        .await;
}

fn add_request(index: &Index, from: &str, bundle: PullSpec, tag: &str) -> AddRequest {
    AddRequest {
        gating: None,
        bundles: vec![bundle],
        deprecations: Vec::new(),
        graph_update_mode: GraphUpdateMode::Replaces,
        related_images: RelatedImages::Any,
        index: index.request(from, &[], tag).index,
    }
}

#[tokio::test]
async fn bundles_go_through_the_hidden_database() {
    let index = Index::start(&[json("alpha", 1)]).await;
    let world = &index.world;
    let one = world
        .bundle(&Bundle::simple("one", "1.0.0", "stable", None))
        .await;
    let two = world
        .bundle(&Bundle::simple("two", "1.0.0", "stable", None))
        .await;
    with_database(&index, &[one.clone(), two], "db").await;

    let next = world
        .bundle(&Bundle::simple(
            "one",
            "1.1.0",
            "stable",
            Some("one.v1.0.0"),
        ))
        .await;
    let first = world
        .add(
            &add_request(&index, "index:db", next, "1"),
            &Observer::default(),
        )
        .await
        .unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(
        kinds(&first.built),
        [(Base, true), (Cache, true), (Database, true)]
    );
    let unpacked = index.unpack("1").await;
    assert_eq!(
        unpacked.bundles(),
        ["one.v1.0.0", "one.v1.1.0", "two.v1.0.0"]
    );
    assert_eq!(unpacked.database_packages(), ["one", "two"]);

    // Warm: one package rendered, one delta, the database once.
    let next = world
        .bundle(&Bundle::simple(
            "one",
            "1.2.0",
            "stable",
            Some("one.v1.1.0"),
        ))
        .await;
    let second = world
        .add(
            &add_request(&index, "iib-build:1", next, "2"),
            &Observer::default(),
        )
        .await
        .unwrap();
    assert_eq!(
        kinds(&second.built),
        [
            (Base, false),
            (Cache, false),
            (Database, true),
            (Delta, true)
        ]
    );
    assert_eq!(index.unpack("2").await.bundles().len(), 4);

    // What is there already is not added again.
    let third = world
        .add(
            &add_request(&index, "iib-build:2", one, "3"),
            &Observer::default(),
        )
        .await
        .unwrap();
    assert_eq!(third.bundles_added, []);
    assert_eq!(third.bundles_present.len(), 1);
    assert_eq!(third.built.digest, second.built.digest);

    // A fragment takes its package out of the database.
    let opted = index.change("iib-build:3", "4", &[json("two", 2)]).await;
    assert_eq!(
        kinds(&opted),
        [
            (Base, false),
            (Cache, false),
            (Database, true),
            (Delta, false),
            (Delta, true)
        ]
    );
    let unpacked = index.unpack("4").await;
    assert_eq!(unpacked.database_packages(), ["one"]);
    assert_eq!(
        unpacked.bundles(),
        ["one.v1.0.0", "one.v1.1.0", "one.v1.2.0", "two.v1", "two.v2"]
    );

    // From then on only fragments change it.
    let late = world
        .bundle(&Bundle::simple("two", "9.0.0", "stable", None))
        .await;
    let refused = world
        .add(
            &add_request(&index, "iib-build:4", late, "5"),
            &Observer::default(),
        )
        .await;
    let text = refused.unwrap_err().report();
    assert!(
        text.contains("`two`") && text.contains("fragment"),
        "{text}"
    );
}

#[tokio::test]
async fn requests_may_run_on_any_thread() {
    fn is_send<T: Send>(work: T) -> T {
        work
    }
    let index = Index::start(&[json("alpha", 1)]).await;
    let request = index.request("index:v1", &["f:none"], "1");
    let observer = Observer::default();
    let work = is_send(index.world.builder.add_fragments(
        &request,
        &observer,
        Checkpoint::default(),
    ));
    assert!(work.await.is_err());
}
