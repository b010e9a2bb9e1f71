//! What independent tools see of file-based indexes: the layers that several requests laid one over the other are, in a container,
//! what one layer of a plain build is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use samples::Bundle;
use serde_json::Value;
use support::containers::{Copied, Facts, FileSystem, Mounted, assert_same_files};
use support::tools::{DockerRegistry, available, is_installed};
use support::{World, assert_names};

const ARCHES: [&str; 2] = ["amd64", "s390x"];
const CONFIGS_LABEL: &str = "operators.operatorframework.io.index.configs.v1=/configs";
const HIDDEN: &str = "var/lib/iib/_hidden/do.not.edit.db";
/// Whom catalog servers run as.
const SERVER: &str = "1001:0";
const TOOLS: [&str; 3] = ["docker-registry", "buildah", "podman"];

/// The files of a catalog, by path.
type Files = BTreeMap<String, String>;

/// A package with one bundle of a version, and what else its directory holds.
fn package(name: &str, version: u32, more: &[(&str, &str)]) -> Files {
    let catalog = format!(
        r#"{{"schema":"olm.package","name":"{name}","defaultChannel":"stable"}}
{{"schema":"olm.channel","package":"{name}","name":"stable","entries":[{{"name":"{name}.v{version}"}}]}}
{{"schema":"olm.bundle","package":"{name}","name":"{name}.v{version}","image":"quay.io/x/{name}:{version}","properties":[{{"type":"olm.package","value":{{"packageName":"{name}","version":"{version}.0.0"}}}}]}}
"#
    );
    let mut files = Files::from([(format!("{name}/catalog.json"), catalog)]);
    let more = more
        .iter()
        .map(|(file, text)| (format!("{name}/{file}"), (*text).to_owned()));
    files.extend(more);
    files
}

/// The index of another tool.
fn foreign() -> Files {
    let mut files = package("alpha", 1, &[]);
    files.extend(package("beta", 1, &[]));
    files
}

/// What the requests put in, one after the other: a new package, a change, another new package, and a package that loses a file.
fn fragments() -> [Files; 4] {
    let deprecations = r#"{"schema":"olm.deprecations","package":"gamma","entries":[{"reference":{"schema":"olm.package"},"message":"old"}]}"#;
    [
        package("gamma", 1, &[("deprecations.json", deprecations)]),
        package("beta", 2, &[]),
        package("delta", 1, &[]),
        package("gamma", 2, &[]),
    ]
}

/// What the index holds after so many requests: of each package what came last, whole.
fn expected(requests: usize) -> Files {
    let mut files = foreign();
    for fragment in fragments().into_iter().take(requests) {
        let packages: Vec<&str> = fragment
            .keys()
            .filter_map(|path| path.split('/').next())
            .collect();
        files.retain(|path, _| !packages.contains(&path.split('/').next().unwrap()));
        files.extend(fragment.clone());
    }
    files
}

/// Writes files with the rights that container builds are fed.
fn write(root: &Path, files: &Files) {
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    set_modes(root);
}

/// 0755 for directories, 0644 for files, whatever the umask is.
fn set_modes(path: &Path) {
    let is_dir = path.is_dir();
    let mode = if is_dir { 0o755 } else { 0o644 };
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    if is_dir {
        for entry in std::fs::read_dir(path).unwrap() {
            set_modes(&entry.unwrap().path());
        }
    }
}

fn root<'a>(from: &'a Path, to: &'a str) -> Copied<'a> {
    let owner = "0:0";
    Copied { from, to, owner }
}

/// A registry with the binary image `binary:latest`, which buildah made as those of the world are.
async fn with_binary_image() -> DockerRegistry {
    let registry = DockerRegistry::start().await;
    let folder = registry.path("binary");
    let files = [
        ("bin/opm", "#!/bin/sh\n"),
        ("etc/os-release", "NAME=test\n"),
        ("tmp/left-over", "x\n"),
        ("var/empty/.keep", ""),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    write(&folder, &Files::from(files));
    for (path, mode) in [("tmp", 0o1777), ("bin/opm", 0o755)] {
        std::fs::set_permissions(folder.join(path), PermissionsExt::from_mode(mode)).unwrap();
    }
    let config = ["--user", "1001", "--workingdir", "/"];
    registry
        .push_built("binary:latest", &ARCHES, &[root(&folder, "/")], &config)
        .await;
    registry
}

/// Adds the indexes `index:1` to `index:4`, each made by one request of the one before, the first of an index that buildah made.
async fn grown() -> DockerRegistry {
    let registry = with_binary_image().await;
    let push = async |name: &str, files: &Files, arches: &[&str], config: &[&str]| {
        let folder = registry.path(&name.replace(':', "-"));
        write(&folder, files);
        let copied = [root(&folder, "/configs")];
        registry.push_built(name, arches, &copied, config).await;
    };
    push("index:0", &foreign(), &ARCHES, &["--label", CONFIGS_LABEL]).await;
    for (number, fragment) in (1..).zip(fragments()) {
        push(&format!("fragment:{number}"), &fragment, &["amd64"], &[]).await;
        let made = add_fragment(&registry, number).await;
        let layers: Vec<(&str, bool)> = made["layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| (layer["kind"].as_str().unwrap(), layer["new"] == true))
            .collect();
        let (base, cache) = (("base", false), ("cache", false));
        let expected = match number {
            2 => vec![base, cache, ("delta", true)],
            3 => vec![base, cache, ("delta", false), ("delta", true)],
            _ => vec![("base", true), ("cache", true)],
        };
        assert_eq!(layers, expected, "request {number}");
    }
    registry
}

/// Makes `index:<number>` of the one before and `fragment:<number>`; what the program prints.
async fn add_fragment(registry: &DockerRegistry, number: usize) -> Value {
    let name = |name: &str, number: usize| format!("{}/{name}:{number}", registry.site.host);
    let binary = format!("{}/binary:latest", registry.site.host);
    let (from, to) = (name("index", number - 1), name("index", number));
    let args = [
        "index",
        "add-fragment",
        "--fragment",
        &name("fragment", number),
        "--from-index",
        &from,
        "--binary-image",
        &binary,
        "--to",
        &to,
        "--output",
        "json",
    ];
    let printed = registry.site.iib(&args).await.ok();
    serde_json::from_str(&printed).unwrap()
}

/// The container of an image that buildah builds of `configs` and a fresh cache of them, in one layer over the binary image.
async fn plain_build(
    registry: &DockerRegistry,
    name: &str,
    arch: &str,
    configs: &Path,
    more: &[Copied<'_>],
) -> Mounted {
    let cache = registry.path(&format!("{name}-cache"));
    let args = ["catalog", "cache", configs.to_str().unwrap(), "--cache-dir"];
    let args = [&args[..], &[cache.to_str().unwrap()]].concat();
    registry.site.iib(&args).await.ok();
    let mut copied = vec![
        root(configs, "/configs"),
        Copied {
            from: &cache,
            to: "/tmp/cache",
            owner: SERVER,
        },
    ];
    copied.extend(more);
    let base = format!("{}/binary:latest", registry.site.host);
    registry.build(name, &base, arch, &copied, &[]).await;
    registry.mount(name, arch).await
}

/// Splits the serve cache off, whose files depend on how it came to be; checks whose they are and what may be done with them.
fn without_cache(files: FileSystem) -> FileSystem {
    let (cache, others): (FileSystem, FileSystem) = files
        .into_iter()
        .partition(|(path, _)| path.starts_with("tmp/cache"));
    assert!(cache.len() > 6, "{cache:?}");
    for (
        path,
        Facts {
            mode,
            uid,
            gid,
            content,
        },
    ) in &cache
    {
        let expected = match (path.as_str(), content.as_str()) {
            ("tmp/cache" | "tmp/cache/pogreb.v1", "d") => 0o755,
            ("tmp/cache/pogreb.v1/db", "d") => 0o770,
            (_, "d") => panic!("`{path}` is no directory of a cache"),
            _ => 0o660,
        };
        assert_eq!((*mode, *uid, *gid), (expected, 1001, 0), "`{path}`");
    }
    let tmp = &others["tmp"];
    assert_eq!((tmp.mode, tmp.uid, tmp.gid), (0o1777, 0, 0));
    others
}

/// Fails unless the cache in a container's file system is that of the catalog beside it.
async fn check_cache(registry: &DockerRegistry, root: &Path) {
    let (configs, cache) = (root.join("configs"), root.join("tmp/cache"));
    let [configs, cache] = [&configs, &cache].map(|path| path.to_str().unwrap());
    let args = ["catalog", "cache", configs, "--cache-dir", cache, "--check"];
    registry.site.iib(&args).await.ok();
}

/// Compares a published image with what buildah makes of the same files in one layer.
async fn assert_as_plain_build(
    registry: &DockerRegistry,
    image: &str,
    arch: &str,
    configs: &Path,
    more: &[Copied<'_>],
) {
    let index = format!("{}/{image}", registry.site.host);
    let ours = registry.mount(&index, arch).await;
    check_cache(registry, &ours.root).await;
    let name = format!("plain-{}-{arch}", image.replace([':', '/'], "-"));
    let plain = plain_build(registry, &name, arch, configs, more).await;
    check_cache(registry, &plain.root).await;
    let (ours, plain) = (without_cache(ours.files()), without_cache(plain.files()));
    assert_same_files(&ours, &plain);
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_see_of_several_requests_what_one_layer_holds() {
    if !available(&TOOLS) {
        return;
    }
    let registry = grown().await;
    for (number, arch) in [(1, "amd64"), (3, "amd64"), (3, "s390x"), (4, "amd64")] {
        let configs = registry.path(&format!("expected-{number}-{arch}"));
        write(&configs, &expected(number));
        let image = format!("index:{number}");
        assert_as_plain_build(&registry, &image, arch, &configs, &[]).await;
    }
    // What the last request took away was there before it.
    let three = registry
        .mount(&format!("{}/index:3", registry.site.host), "amd64")
        .await;
    assert!(
        three
            .files()
            .contains_key("configs/gamma/deprecations.json")
    );
    let four = registry
        .mount(&format!("{}/index:4", registry.site.host), "amd64")
        .await;
    assert!(!four.files().contains_key("configs/gamma/deprecations.json"));
    serve(&registry, &three.root).await;
}

/// The user that catalog servers run as can use the cache, and opm, if there is one, takes it for that of the catalog.
async fn serve(registry: &DockerRegistry, root: &Path) {
    // The tools' own storage is closed to other users.
    let copy = registry.path("served");
    let paths = [root, &copy].map(|path| path.to_str().unwrap());
    registry.run("cp", &["-a", paths[0], paths[1]]).await;
    for open in [registry.site.dir.path(), &copy] {
        std::fs::set_permissions(open, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let (configs, cache) = (copy.join("configs"), copy.join("tmp/cache"));
    let [configs, cache] = [&configs, &cache].map(|path| path.to_str().unwrap());
    let server = ["--reuid=1001", "--regid=0", "--clear-groups"];
    let as_server = async |args: &[&str]| registry.run("setpriv", &[&server, args].concat()).await;
    let find = ["find", configs, "!", "-readable"];
    assert_eq!(as_server(&find).await, "", "the catalog can be read");
    let find = ["find", cache, "!", "(", "-readable", "-writable", ")"];
    assert_eq!(as_server(&find).await, "", "the cache can be locked");
    if is_installed("opm") {
        as_server(&[
            "opm",
            "serve",
            configs,
            "--cache-dir",
            cache,
            "--cache-enforce-integrity",
            "--cache-only",
            "--termination-log",
            "",
        ])
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_copies_every_architecture_out_of_both_registries() {
    if !available(&["docker-registry", "buildah", "skopeo"]) {
        return;
    }
    let registry = grown().await;
    let embedded = World::start().await;
    let theirs = format!("docker://{}/index:3", registry.site.host);
    let ours = format!("docker://{}/copies/index:3", embedded.host);
    let skopeo = async |args: &[&str]| registry.run("skopeo", args).await;
    let plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    skopeo(&[&["copy", "--all"], &plain[..], &[&theirs, &ours]].concat()).await;
    let inspect = async |args: &[&str]| {
        let start = ["inspect", "--tls-verify=false"];
        skopeo(&[&start, args].concat()).await
    };
    let raw = inspect(&["--raw", &theirs]).await;
    assert_eq!(inspect(&["--raw", &ours]).await, raw);
    for (image, layout) in [(&theirs, "from-theirs"), (&ours, "from-ours")] {
        for arch in ARCHES {
            let args = ["--override-arch", arch, "--config", image];
            let config: Value = serde_json::from_str(&inspect(&args).await).unwrap();
            assert_eq!(config["architecture"], arch);
            assert_eq!(config["config"]["User"], "1001");
            let command = serde_json::json!(["serve", "/configs", "--cache-dir=/tmp/cache"]);
            assert_eq!(config["config"]["Cmd"], command);
            let layers = config["rootfs"]["diff_ids"].as_array().unwrap().len();
            assert_eq!(layers, 1 + 4, "the binary image's, base, cache, two deltas");
        }
        // Copying reads and verifies every blob.
        let layout = format!("oci:{}:3", registry.path(layout).display());
        skopeo(&[&["copy", "--all"], &plain[..], &[image, &layout]].concat()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn podman_takes_catalog_and_cache_out() {
    if !available(&TOOLS) {
        return;
    }
    let registry = grown().await;
    let podman = async |args: &[&str]| registry.run_engine("podman", args).await;
    for number in [3, 4] {
        let image = format!("{}/index:{number}", registry.site.host);
        podman(&["pull", "--quiet", &image]).await;
        let create = ["create", "--quiet", "--network", "none", &image];
        let container = podman(&create).await;
        let taken = registry.path(&format!("taken-{number}"));
        std::fs::create_dir_all(taken.join("tmp")).unwrap();
        for path in ["configs", "tmp/cache"] {
            let from = format!("{}:/{path}", container.trim());
            let to = taken.join(path);
            podman(&["cp", &from, to.to_str().unwrap()]).await;
        }
        check_cache(&registry, &taken).await;
        assert_eq!(read(&taken.join("configs")), expected(number));
    }
}

/// The texts of all files below a directory.
fn read(root: &Path) -> Files {
    let mut files = Files::new();
    let mut open: Vec<(PathBuf, String)> = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                open.push((entry.path(), format!("{name}/")));
            } else {
                files.insert(name, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    files
}

/// Renders a database as the files of a catalog, as requests do.
async fn migrate(registry: &DockerRegistry, database: &str, to: &Path) {
    let level = ["--migrate-level", "bundle-object-to-csv-metadata"];
    let args = ["catalog", "migrate", database, to.to_str().unwrap()];
    registry.site.iib(&[&args[..], &level].concat()).await.ok();
    set_modes(to);
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles_go_through_the_hidden_database_of_an_index_that_buildah_made() {
    if !available(&["docker-registry", "buildah", "sqlite3"]) {
        return;
    }
    let registry = with_binary_image().await;
    let site = &registry.site;
    let host = &site.host;
    let mut bundles = Vec::new();
    for bundle in &samples::bundles() {
        bundles.push(site.bundle(bundle).await.to_string());
    }
    let bundles: Vec<&str> = bundles.iter().map(String::as_str).collect();
    let sqlite = format!("{host}/index:sqlite");
    site.add(&sqlite, &bundles, &["--arch", "amd64,s390x"])
        .await
        .ok();
    let root_of = |name: &str| registry.path(name);
    let (folder, database) = (root_of("foreign"), root_of("foreign").join(HIDDEN));
    std::fs::create_dir_all(database.parent().unwrap()).unwrap();
    let path = database.to_str().unwrap();
    site.iib(&["index", "inspect", &sqlite, "--database", path])
        .await
        .ok();
    let configs = folder.join("configs");
    migrate(&registry, path, &configs).await;
    set_modes(&folder);
    let label = ["--label", CONFIGS_LABEL];
    registry
        .push_built("index:0", &ARCHES, &[root(&folder, "/")], &label)
        .await;

    for (number, replaces) in [(1, None), (2, Some("alpha.v1.0.0"))] {
        let bundle = Bundle::simple("alpha", &format!("{number}.0.0"), "stable", replaces);
        let bundle = site.bundle(&bundle).await.to_string();
        let from = format!("{host}/index:{}", number - 1);
        let to = format!("{host}/index:{number}");
        site.add(&to, &[&bundle], &["--from-index", &from])
            .await
            .ok();
    }
    let index = registry.mount(&format!("{host}/index:2"), "amd64").await;
    let taken = root_of("taken.db");
    std::fs::copy(index.root.join(HIDDEN), &taken).unwrap();
    set_modes(&taken);
    let path = taken.to_str().unwrap();
    let ask = async |sql| registry.run("sqlite3", &["-readonly", path, sql]).await;
    assert_eq!(ask("PRAGMA integrity_check").await, "ok\n");
    let names = ask("SELECT name FROM operatorbundle ORDER BY name").await;
    assert_names(
        &names,
        &[
            "alpha.v1.0.0",
            "alpha.v2.0.0",
            "clock-operator",
            "hello-operator",
        ],
    );

    // What the database says, rendered on its own, is what the two requests made of the catalog.
    let configs = root_of("migrated");
    migrate(&registry, path, &configs).await;
    let hidden = [root(&taken, "/var/lib/iib/_hidden/do.not.edit.db")];
    for arch in ARCHES {
        assert_as_plain_build(&registry, "index:2", arch, &configs, &hidden).await;
    }
}
