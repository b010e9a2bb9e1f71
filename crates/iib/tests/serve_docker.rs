//! Every request on index images through REST, for every kind of index, with real bundles: Debian's registry holds the images, and
//! what is published is read by the tools that users have.
//!
//! The bundles lie beside the project; without them the test is skipped, except where `CI` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use support::assert_names;
use support::containers::Copied;
use support::service::{Service, Setup};
use support::tools::{DockerRegistry, available};

const ARCHES: [&str; 2] = ["amd64", "s390x"];
const DATABASE_LABEL: &str = "operators.operatorframework.io.index.database.v1";
const CONFIGS_LABEL: &str = "operators.operatorframework.io.index.configs.v1";
const HIDDEN: &str = "var/lib/iib/_hidden/do.not.edit.db";
const PUSH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/tools/push_bundles.py"
);

/// The bundles of the test: the folder of each, and the name it has in a catalog.
const BUNDLES: [(&str, &str); 6] = [
    ("etcd/0.9.0", "etcdoperator.v0.9.0"),
    ("etcd/0.9.2", "etcdoperator.v0.9.2"),
    ("pelorus-operator/0.0.1", "pelorus-operator.v0.0.1"),
    ("pelorus-operator/0.0.2", "pelorus-operator.v0.0.2"),
    ("cockroachdb/5.0.3", "cockroachdb.v5.0.3"),
    ("prometheus/0.14.0", "prometheusoperator.0.14.0"),
];

/// What an image holds, as a container sees it.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// The names of the bundles in its database.
    Sqlite(BTreeSet<String>),
    FileBased {
        /// The names of the bundles in its catalog.
        catalog: BTreeSet<String>,
        /// Those in its hidden database.
        hidden: BTreeSet<String>,
    },
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn sqlite(bundles: &[&str]) -> Content {
    Content::Sqlite(names(bundles))
}

fn file_based(catalog: &[&str], hidden: &[&str]) -> Content {
    Content::FileBased {
        catalog: names(catalog),
        hidden: names(hidden),
    }
}

struct Scene {
    registry: DockerRegistry,
    service: Service,
    binary: String,
    /// The pull specs of the bundles, by folder.
    bundles: BTreeMap<String, String>,
}

impl Scene {
    async fn start(corpus: &Path) -> Self {
        let registry = DockerRegistry::start().await;
        let binary = registry.site.binary_image_for(&ARCHES).await.to_string();
        let mut bundles = BTreeMap::new();
        for (folder, _) in BUNDLES {
            let path = corpus.join("bundles").join(folder);
            let path = path.to_str().unwrap();
            let args = [PUSH, "--registry", &registry.site.host, path];
            let printed = registry.run("python3", &args).await;
            let image = printed.split_whitespace().next_back().unwrap();
            bundles.insert(folder.to_owned(), image.to_owned());
        }
        let setup = Setup::new(&registry.site);
        // The bundles have no label that says which OCP versions they are for.
        let allowed = format!(
            "[build]\nno_ocp_label_allow_list = [\"{}/\"]",
            registry.site.host
        );
        setup.replace("[build]", &allowed);
        let service = setup.start().await;
        Self {
            registry,
            service,
            binary,
            bundles,
        }
    }

    fn images<'a>(&'a self, folders: &[&str]) -> Vec<&'a str> {
        let images = folders.iter().map(|folder| self.bundles[*folder].as_str());
        images.collect()
    }

    async fn ended(&self, path: &str, mut payload: Value) -> Value {
        payload["binary_image"] = json!(self.binary);
        let id = self.service.submit(path, &payload).await;
        self.service.ended(id).await
    }

    /// Has a request done, looks at what came of it, and gives the index image.
    async fn makes(&self, path: &str, payload: Value, expected: &Content) -> String {
        let request = self.ended(path, payload).await;
        assert_eq!(request["state"], "complete", "{request}");
        assert_eq!(request["arches"], json!(ARCHES), "{request}");
        let image = request["index_image"].as_str().unwrap().to_owned();
        for arch in ARCHES {
            let content = self.content(&image, arch).await;
            assert_eq!(&content, expected, "{path} {image} for {arch}");
        }
        // Merges have no such field.
        if let Some(resolved) = request["index_image_resolved"].as_str() {
            let digest = resolved.split_once('@').unwrap().1;
            assert_eq!(self.registry.digest_seen(&image).await, digest);
        }
        image
    }

    async fn refuses(&self, path: &str, payload: Value, parts: &[&str]) {
        let request = self.ended(path, payload).await;
        assert_eq!(request["state"], "failed", "{request}");
        assert_names(request["state_reason"].as_str().unwrap(), parts);
    }

    /// What an image holds for an architecture, by skopeo, buildah and sqlite3.
    async fn content(&self, image: &str, arch: &str) -> Content {
        let name = format!("docker://{image}");
        let args = ["inspect", "--config", "--override-arch", arch, &name];
        let config: Value =
            serde_json::from_str(&self.registry.run("skopeo", &args).await).unwrap();
        assert_eq!(config["architecture"], arch);
        let labels = &config["config"]["Labels"];
        let root = self.registry.mount(image, arch).await.root;
        if let Some(database) = labels[DATABASE_LABEL].as_str() {
            assert_eq!(labels[CONFIGS_LABEL], Value::Null, "{labels}");
            let path = root.join(database.trim_start_matches('/'));
            return Content::Sqlite(self.in_database(&path).await);
        }
        let configs = root.join(
            labels[CONFIGS_LABEL]
                .as_str()
                .unwrap()
                .trim_start_matches('/'),
        );
        let cache = root.join("tmp/cache");
        let [catalog, cache] = [&configs, &cache].map(|path| path.to_str().unwrap());
        let check = ["catalog", "cache", catalog, "--cache-dir", cache, "--check"];
        self.registry.site.iib(&check).await.ok();
        Content::FileBased {
            catalog: in_catalog(&configs),
            hidden: self.in_database(&root.join(HIDDEN)).await,
        }
    }

    async fn in_database(&self, path: &Path) -> BTreeSet<String> {
        let args = ["-readonly", path.to_str().unwrap()];
        let ask = async |sql| {
            self.registry
                .run("sqlite3", &[&args[..], &[sql]].concat())
                .await
        };
        assert_eq!(ask("PRAGMA integrity_check").await, "ok\n");
        let printed = ask("SELECT name FROM operatorbundle").await;
        printed.lines().map(str::to_owned).collect()
    }

    /// An image with the catalog of bundles and nothing else, as a developer makes it with buildah.
    async fn catalog_image(&self, name: &str, folders: &[&str]) -> String {
        let configs = self.registry.path(&name.replace(':', "-"));
        for folder in folders {
            let rendered = self
                .registry
                .site
                .iib(&["catalog", "render", &self.bundles[*folder]])
                .await
                .ok();
            let (package, bundle) = (folder.split('/').next().unwrap(), name_of(folder));
            let frame = format!(
                r#"{{"schema":"olm.package","name":"{package}","defaultChannel":"alpha"}}
{{"schema":"olm.channel","package":"{package}","name":"alpha","entries":[{{"name":"{bundle}"}}]}}
"#
            );
            std::fs::create_dir_all(configs.join(package)).unwrap();
            std::fs::write(
                configs.join(package).join("catalog.json"),
                frame + &rendered,
            )
            .unwrap();
        }
        let copied = Copied {
            from: &configs,
            to: "/configs",
            owner: "0:0",
        };
        let label = format!("{CONFIGS_LABEL}=/configs");
        self.registry
            .push_built(name, &ARCHES, &[copied], &["--label", &label])
            .await;
        format!("{}/{name}", self.registry.site.host)
    }
}

impl DockerRegistry {
    /// The digest of what a name points to, as skopeo sees it.
    async fn digest_seen(&self, image: &str) -> String {
        let raw = self
            .run(
                "skopeo",
                &["inspect", "--raw", &format!("docker://{image}")],
            )
            .await;
        oci::Digest::of(raw).to_string()
    }
}

fn name_of(folder: &str) -> &'static str {
    let found = BUNDLES.iter().find(|(of, _)| *of == folder);
    found.unwrap().1
}

/// The names of the bundles in the files below a directory.
fn in_catalog(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut in_catalog(&path));
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        let blobs = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
        let bundles = blobs
            .map(Result::unwrap)
            .filter(|blob| blob["schema"] == "olm.bundle");
        found.extend(bundles.map(|blob| blob["name"].as_str().unwrap().to_owned()));
    }
    found
}

impl Scene {
    fn add(&self, from_index: Option<&str>, folders: &[&str]) -> Value {
        match from_index {
            Some(index) => json!({"from_index": index, "bundles": self.images(folders)}),
            None => json!({"bundles": self.images(folders), "add_arches": ARCHES}),
        }
    }
}

fn merge(source: &str, target: &str) -> Value {
    json!({"source_from_index": source, "target_index": target, "ignore_bundle_ocp_version": true})
}

fn deprecate(index: &str) -> Value {
    let schema = json!({"schema": "olm.deprecations", "package": "etcd",
        "entries": [{"reference": {"schema": "olm.package"}, "message": "old"}]});
    json!({"from_index": index, "operator_package": "etcd", "deprecation_schema": schema.to_string()})
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_on_every_kind_of_index() {
    let tools = ["docker-registry", "skopeo", "buildah", "sqlite3", "python3"];
    let Some(corpus) = golden::shared_directory("corpus") else {
        return;
    };
    if !available(&tools) {
        return;
    }
    let scene = Scene::start(&corpus).await;
    let fragment = scene
        .catalog_image("fragments:prometheus", &["prometheus/0.14.0"])
        .await;
    let [first, all] = on_sqlite(&scene, &fragment).await;
    on_file_based(&scene, &fragment, &first, &all).await;

    // Nothing that needs a hidden database is done where there is none.
    let plain = scene
        .catalog_image("plain:v1", &["prometheus/0.14.0"])
        .await;
    let add = scene.add(Some(&plain), &["cockroachdb/5.0.3"]);
    scene.refuses("add", add, &[&plain, HIDDEN]).await;
    assert_eq!(scene.service.terminate().await, Some(0));
}

/// An index with two bundles, and one with two more.
async fn on_sqlite(scene: &Scene, fragment: &str) -> [String; 2] {
    let [etcd, newer, pelorus, _, cockroach, _] = BUNDLES.map(|(_, name)| name);
    let add = scene.add(None, &["etcd/0.9.0", "pelorus-operator/0.0.1"]);
    let first = scene.makes("add", add, &sqlite(&[etcd, pelorus])).await;
    let add = scene.add(Some(&first), &["etcd/0.9.2", "cockroachdb/5.0.3"]);
    let held = sqlite(&[etcd, newer, pelorus, cockroach]);
    let all = scene.makes("add", add, &held).await;

    let rm = json!({"from_index": all, "operators": ["etcd", "cockroachdb"]});
    let removed = scene.makes("rm", rm, &sqlite(&[pelorus])).await;
    let merging = scene.makes("merge-index-image", merge(&removed, &all), &held);
    merging.await;
    let empty = json!({"from_index": all});
    scene.makes("create-empty-index", empty, &sqlite(&[])).await;

    let operations = json!({"from_index": first, "fbc_fragment": fragment});
    scene.refuses("fbc-operations", operations, &[&first]).await;
    let file_based = [first.as_str(), "file-based"];
    scene
        .refuses("add-deprecations", deprecate(&first), &file_based)
        .await;
    [first, all]
}

/// Begins with what comes of emptying the SQLite index `first`; `all` is another.
async fn on_file_based(scene: &Scene, fragment: &str, first: &str, all: &str) {
    let [etcd, newer, pelorus, later, cockroach, prometheus] = BUNDLES.map(|(_, name)| name);
    let empty = |index: &str| json!({"from_index": index, "output_fbc": true});
    let nothing = file_based(&[], &[]);
    let emptied = scene
        .makes("create-empty-index", empty(first), &nothing)
        .await;
    let folders = [
        "etcd/0.9.0",
        "pelorus-operator/0.0.1",
        "pelorus-operator/0.0.2",
    ];
    let held = [etcd, pelorus, later];
    let add = scene.add(Some(&emptied), &folders);
    let filled = scene.makes("add", add, &file_based(&held, &held)).await;
    let rm = json!({"from_index": filled, "operators": ["pelorus-operator"]});
    let removed = scene.makes("rm", rm, &file_based(&[etcd], &[etcd])).await;

    // What comes as a file-based catalog is not in the database.
    let operations = json!({"from_index": filled, "fbc_fragment": fragment});
    let opted = file_based(&[etcd, pelorus, later, prometheus], &held);
    let mixed = scene.makes("fbc-operations", operations, &opted).await;
    scene
        .makes("add-deprecations", deprecate(&mixed), &opted)
        .await;

    let of_both = [etcd, newer, pelorus, cockroach];
    scene
        .makes(
            "merge-index-image",
            merge(all, &removed),
            &file_based(&of_both, &of_both),
        )
        .await;
    scene
        .makes(
            "merge-index-image",
            merge(&removed, &filled),
            &file_based(&held, &held),
        )
        .await;
    scene
        .refuses("merge-index-image", merge(&filled, all), &[&filled, all])
        .await;
    scene
        .makes("create-empty-index", empty(&mixed), &nothing)
        .await;
}
