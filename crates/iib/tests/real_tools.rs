//! What independent tools see of an index that `iib index add` published to Debian's `docker-registry`, and what we see of their images.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use samples::{ARCHES, Bundle};
use serde_json::{Value, json};
use support::assert_names;
use support::tools::{DockerRegistry, available};

const DATABASE_LABEL: &str = "operators.operatorframework.io.index.database.v1";

/// A registry with the four-architecture index `index:v4.19` of the sample bundles in it.
async fn published() -> DockerRegistry {
    let registry = DockerRegistry::start().await;
    let to = format!("{}/index:v4.19", registry.site.host);
    add_samples(&registry, &to, &[]).await;
    registry
}

/// Makes an index of the sample bundles at `to`.
async fn add_samples(registry: &DockerRegistry, to: &str, more: &[&str]) {
    registry.site.binary_image_for(&ARCHES).await;
    let mut bundles = Vec::new();
    for bundle in &samples::bundles() {
        bundles.push(registry.site.bundle(bundle).await.to_string());
    }
    let bundles: Vec<&str> = bundles.iter().map(String::as_str).collect();
    let arches = ARCHES.join(",");
    let more = [&["--arch", &arches], more].concat();
    registry.site.add(to, &bundles, &more).await.ok();
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The architectures of a manifest list's entries, in their order.
fn arches(list: &Value) -> Vec<&str> {
    let entries = list["manifests"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["platform"]["architecture"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_sees_a_docker_manifest_list_of_four_architectures_in_order() {
    if !available(&["docker-registry", "skopeo"]) {
        return;
    }
    let registry = published().await;
    let image = format!("docker://{}/index:v4.19", registry.site.host);
    let list = json(&registry.run("skopeo", &["inspect", "--raw", &image]).await);
    assert_eq!(
        list["mediaType"],
        "application/vnd.docker.distribution.manifest.list.v2+json"
    );
    assert_eq!(arches(&list), ["amd64", "arm64", "ppc64le", "s390x"]);
    for entry in list["manifests"].as_array().unwrap() {
        assert_eq!(
            entry["mediaType"],
            "application/vnd.docker.distribution.manifest.v2+json"
        );
        assert_eq!(entry["platform"]["os"], "linux");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_sees_the_specified_config_for_every_architecture() {
    if !available(&["docker-registry", "skopeo"]) {
        return;
    }
    let registry = published().await;
    let image = format!("docker://{}/index:v4.19", registry.site.host);
    for (arch, label) in ARCHES
        .into_iter()
        .zip(["x86_64", "aarch64", "ppc64le", "s390x"])
    {
        let args = ["--override-arch", arch, "inspect", "--config", &image];
        let config = json(&registry.run("skopeo", &args).await);
        assert_eq!(config["architecture"], arch);
        assert_eq!(config["os"], "linux");
        let run = &config["config"];
        assert_eq!(run["Entrypoint"], json!(["/bin/opm"]));
        assert_eq!(
            run["Cmd"],
            json!(["registry", "serve", "--database", "/database/index.db"])
        );
        assert_eq!(run["ExposedPorts"], json!({"50051/tcp": {}}));
        let labels = json!({
            DATABASE_LABEL: "/database/index.db",
            "architecture": label,
            "com.redhat.index.delivery.distribution_scope": "prod",
            "com.redhat.index.delivery.version": "v4.5",
        });
        assert_eq!(run["Labels"], labels, "{arch}");
        let layers = config["rootfs"]["diff_ids"].as_array().unwrap().len();
        assert_eq!(layers, 2, "the binary image's and the database");

        // The same image has a tag of its own, which consumers without manifest lists use.
        let of_arch = format!("{image}-{arch}");
        let by_tag = json(
            &registry
                .run(
                    "skopeo",
                    &["inspect", "--config", "--override-arch", arch, &of_arch],
                )
                .await,
        );
        assert_eq!(by_tag, config);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn podman_takes_the_database_out_and_sqlite3_reads_it() {
    if !available(&["docker-registry", "podman", "sqlite3"]) {
        return;
    }
    let registry = published().await;
    let image = format!("{}/index:v4.19", registry.site.host);
    let create = ["create", "--quiet", "--network", "none", &image];
    let container = registry.run_engine("podman", &create).await;
    let source = format!("{}:/database/index.db", container.trim());
    let file = registry.path("taken.db");
    let file = file.to_str().unwrap();
    registry.run_engine("podman", &["cp", &source, file]).await;

    let ask = async |sql| registry.run("sqlite3", &["-readonly", file, sql]).await;
    assert_eq!(ask("PRAGMA integrity_check").await, "ok\n");
    assert_eq!(
        ask("SELECT name FROM operatorbundle ORDER BY name").await,
        "clock-operator.v0.3.0\nhello-operator.v1.0.0\nhello-operator.v1.1.0\n"
    );
    let heads = ask("SELECT package_name, name, head_operatorbundle_name FROM channel ORDER BY package_name, name").await;
    assert_names(
        &heads,
        &[
            "clock-operator|",
            "|clock-operator.v0.3.0",
            "hello-operator|",
            "|hello-operator.v1.1.0",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tar_unpacks_the_database_as_root_with_plain_modes() {
    if !available(&["docker-registry", "skopeo", "tar"]) {
        return;
    }
    let registry = published().await;
    let image = format!("docker://{}/index:v4.19-arm64", registry.site.host);
    let copy = registry.path("copy");
    let target = format!("dir:{}", copy.display());
    let args = ["--override-arch", "arm64", "copy", &image, &target];
    registry.run("skopeo", &args).await;
    let manifest = json(&std::fs::read_to_string(copy.join("manifest.json")).unwrap());
    let layer = manifest["layers"].as_array().unwrap().last().unwrap()["digest"]
        .as_str()
        .unwrap();
    let file = copy.join(layer.strip_prefix("sha256:").unwrap());
    let args = ["--numeric-owner", "-tvzf", file.to_str().unwrap()];
    let listing = registry.run("tar", &args).await;
    let entries: Vec<_> = listing
        .lines()
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            (words[0], words[1], words[3], *words.last().unwrap())
        })
        .collect();
    assert_eq!(
        entries,
        [
            ("drwxr-xr-x", "0/0", "1970-01-01", "database/"),
            ("-rw-r--r--", "0/0", "1970-01-01", "database/index.db"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_buildah_made_is_a_from_index() {
    if !available(&["docker-registry", "buildah"]) {
        return;
    }
    let registry = published().await;
    let host = &registry.site.host;
    let database = registry.path("index.db");
    let database = database.to_str().unwrap();
    let ours = format!("{host}/index:v4.19");
    let args = ["index", "inspect", &ours, "--database", database];
    registry.site.iib(&args).await.ok();

    let engine = async |args: &[&str]| registry.run_engine("buildah", args).await;
    let container = engine(&["from", "scratch"]).await;
    let container = container.trim();
    engine(&["copy", container, database, "/database/index.db"]).await;
    let label = format!("{DATABASE_LABEL}=/database/index.db");
    engine(&[
        "config", "--arch", "amd64", "--os", "linux", "--label", &label, container,
    ])
    .await;
    engine(&["commit", "--format", "docker", container, "foreign"]).await;
    let foreign = format!("{host}/foreign:v4.19");
    let target = format!("docker://{foreign}");
    engine(&["push", "--format", "v2s2", "foreign", &target]).await;

    let bundle = Bundle::simple("alpha", "1.0.0", "stable", None);
    let bundle = registry.site.bundle(&bundle).await.to_string();
    let to = format!("{host}/index:grown");
    let more = ["--from-index", &foreign];
    registry.site.add(&to, &[&bundle], &more).await.ok();
    let inspected = registry.site.iib(&["index", "inspect", &to]).await.ok();
    assert_names(
        &inspected,
        &["alpha", "clock-operator", "hello-operator", "amd64"],
    );
}

/// The upper layer deletes a file, replaces one, and adds a link, as a `RUN` of a container build does.
#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_image_that_buildah_made_is_read_as_a_container_sees_it() {
    if !available(&["docker-registry", "buildah", "skopeo"]) {
        return;
    }
    let registry = DockerRegistry::start().await;
    let write = |name: &str, text: &str| {
        let path = registry.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let package = "schema: olm.package\nname: alpha\ndefaultChannel: ";
    write("configs/alpha/package.yaml", &format!("{package}old\n"));
    write("configs/alpha/broken.yaml", "schema: [broken");
    write("configs/gone/catalog.yaml", "schema: [broken");
    // Of another length: the tool takes a file of the same length and second for the same file.
    write("package.yaml", &format!("{package}replaced\n"));

    let engine = async |args: &[&str]| registry.run_engine("buildah", args).await;
    let container = engine(&["from", "scratch"]).await;
    let container = container.trim();
    let configs = registry.path("configs");
    let label = "operators.operatorframework.io.index.configs.v1=/configs";
    engine(&["copy", container, configs.to_str().unwrap(), "/configs"]).await;
    engine(&[
        "config", "--arch", "amd64", "--os", "linux", "--label", label, container,
    ])
    .await;
    engine(&["commit", "--format", "docker", container, "lower"]).await;
    let container = engine(&["from", "lower"]).await;
    let container = container.trim();
    let root = engine(&["mount", container]).await;
    let inside = std::path::Path::new(root.trim()).join("configs");
    std::fs::remove_file(inside.join("alpha/broken.yaml")).unwrap();
    std::fs::remove_dir_all(inside.join("gone")).unwrap();
    std::fs::copy(
        registry.path("package.yaml"),
        inside.join("alpha/package.yaml"),
    )
    .unwrap();
    std::os::unix::fs::symlink("alpha/package.yaml", inside.join("link.yaml")).unwrap();
    engine(&["umount", container]).await;
    engine(&["commit", "--format", "docker", container, "upper"]).await;
    let image = format!("{}/catalog:v4.19", registry.site.host);
    let source = format!("docker://{image}");
    engine(&["push", "--format", "v2s2", "upper", &source]).await;

    let args = ["catalog", "render", &image, "--output", "yaml"];
    let rendered = registry.site.iib(&args).await.ok();
    assert_eq!(
        rendered.matches("defaultChannel: replaced").count(),
        2,
        "{rendered}"
    );
    assert!(!rendered.contains("old"), "{rendered}");
    let layout = format!("oci:{}:v4.19", registry.path("layout").display());
    registry.run("skopeo", &["copy", &source, &layout]).await;
    let args = ["catalog", "render", &layout, "--output", "yaml"];
    assert_eq!(registry.site.iib(&args).await.ok(), rendered);
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_reads_the_oci_layout_we_write() {
    if !available(&["docker-registry", "skopeo"]) {
        return;
    }
    let registry = DockerRegistry::start().await;
    let layout = format!("oci:{}:v4.19", registry.path("layout").display());
    add_samples(&registry, &layout, &["--oci"]).await;
    let list = json(&registry.run("skopeo", &["inspect", "--raw", &layout]).await);
    assert_eq!(list["mediaType"], "application/vnd.oci.image.index.v1+json");
    assert_eq!(arches(&list), ["amd64", "arm64", "ppc64le", "s390x"]);
    for arch in ARCHES {
        let args = ["--override-arch", arch, "inspect", "--config", &layout];
        let config = json(&registry.run("skopeo", &args).await);
        assert_eq!(config["architecture"], arch);
        assert_eq!(
            config["config"]["Labels"][DATABASE_LABEL],
            "/database/index.db"
        );
    }
    // Copying reads and verifies every blob.
    let copy = format!("oci:{}:v4.19", registry.path("copy").display());
    registry
        .run("skopeo", &["copy", "--all", &layout, &copy])
        .await;
}

/// Our merge of a list of ours into one that buildah made, as other tools see it.
#[tokio::test(flavor = "multi_thread")]
async fn other_tools_read_a_list_we_merged_into_theirs() {
    if !available(&["docker-registry", "skopeo", "podman", "buildah"]) {
        return;
    }
    let registry = DockerRegistry::start().await;
    let (host, client) = (&registry.site.host, &registry.site.client);
    for (path, arches) in [("ours", ["amd64", "arm64"]), ("parts", ["arm64", "s390x"])] {
        let repository = registry.site.repository(path);
        samples::push_binary_image(client, &repository, &arches, 100)
            .await
            .unwrap();
    }
    let parts = format!("docker://{host}/parts:latest");
    let theirs = format!("{host}/theirs:v1");
    let engine = async |args: &[&str]| registry.run_engine("buildah", args).await;
    engine(&["manifest", "create", "list"]).await;
    engine(&["manifest", "add", "--all", "list", &parts]).await;
    let to = format!("docker://{theirs}");
    engine(&["manifest", "push", "--all", "--format", "v2s2", "list", &to]).await;
    let inspect = ["inspect", "--raw", &to];
    let before = json(&registry.run("skopeo", &inspect).await);
    assert_eq!(arches(&before), ["arm64", "s390x"]);

    let ours = format!("{host}/ours:latest");
    let merge = ["manifest", "merge", &ours, "--into", &theirs, "-o", "json"];
    let merged = json(&registry.site.iib(&merge).await.ok());
    let after = json(&registry.run("skopeo", &inspect).await);
    assert_eq!(arches(&after), ["amd64", "arm64", "s390x"]);
    assert_eq!(after["manifests"][2], before["manifests"][1]);
    let args = ["inspect", "--format", "{{.Digest}}", &to];
    let digest = registry.run("skopeo", &args).await;
    assert_eq!(merged["after"], digest.trim());
    // Copying reads and verifies every blob of every architecture.
    let copy = format!("dir:{}", registry.path("copy").display());
    registry.run("skopeo", &["copy", "--all", &to, &copy]).await;
    for arch in ["arm64", "s390x"] {
        let pull = ["pull", "--quiet", "--arch", arch, &theirs];
        let id = registry.run_engine("podman", &pull).await;
        let show = [
            "image",
            "inspect",
            "--format",
            "{{.Architecture}}",
            id.trim(),
        ];
        assert_eq!(registry.run_engine("podman", &show).await.trim(), arch);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_rolled_back_byte_for_byte() {
    if !available(&["docker-registry", "skopeo"]) {
        return;
    }
    let registry = published().await;
    let index = format!("{}/index:v4.19", registry.site.host);
    let image = format!("docker://{index}");
    let raw = async || registry.run("skopeo", &["inspect", "--raw", &image]).await;
    let before = raw().await;
    let bundle = Bundle::simple("alpha", "1.0.0", "stable", None);
    let bundle = registry.site.bundle(&bundle).await.to_string();
    let to = format!("{}/iib-build:1", registry.site.host);
    let more = ["--from-index", &index, "--overwrite-from-index"];
    registry.site.add(&to, &[&bundle], &more).await.ok();
    assert_ne!(raw().await, before);
    let args = ["index", "rollback", &index];
    registry.site.iib(&args).await.ok();
    assert_eq!(raw().await, before);
}
