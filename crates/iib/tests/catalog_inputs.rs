//! Where the commands of `iib catalog` read catalogs from.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use oci::{BlobSource, ImageRepository, Layout, Tag};
use samples::Bundle;
use support::service::terminate;
use support::{Ran, World, assert_names, command};
use tokio::io::AsyncWriteExt as _;

const CONFIGS: &str = "operators.operatorframework.io.index.configs.v1";
const DATABASE: &str = "operators.operatorframework.io.index.database.v1";

const PACKAGE: &str = "schema: olm.package\nname: alpha\ndefaultChannel: stable\n";
const REST: &str = "schema: olm.channel
package: alpha
name: stable
entries:
- name: alpha.v1.0.0
---
schema: olm.bundle
package: alpha
name: alpha.v1.0.0
image: quay.io/ns/alpha:v1.0.0
properties:
- type: olm.package
  value: {packageName: alpha, version: 1.0.0}
";

/// A registry, an OCI layout and files, all with the same catalog in them.
struct Setting {
    world: World,
}

impl Setting {
    async fn new() -> Self {
        let setting = Self {
            world: World::start().await,
        };
        setting.write("catalog/alpha/1-package.yaml", PACKAGE);
        setting.write("catalog/alpha/2-rest.yaml", REST);
        setting.write("catalog.yaml", &stream());
        setting
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Pushes an image of `layers` to the registry and to the layout; gives its names: by tag in both, by digest in the layout.
    async fn image(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        layers: &[Files<'_>],
    ) -> [String; 3] {
        let owned = |(left, right): &(&str, &str)| ((*left).to_owned(), (*right).to_owned());
        let labels: BTreeMap<String, String> = labels.iter().map(owned).collect();
        let layers: Vec<Vec<(String, String)>> = layers
            .iter()
            .map(|files| files.iter().map(owned).collect())
            .collect();
        let tag: Tag = name.parse().unwrap();
        let remote = self
            .world
            .client
            .repository(&self.world.repository("images"));
        let layout = Layout::create_or_open(self.path("layout")).await.unwrap();
        let mut digest = None;
        for place in [
            ImageRepository::Remote(remote),
            ImageRepository::Layout(layout),
        ] {
            let pushed = samples::push_files(&place, &tag, labels.clone(), &layers);
            digest = Some(pushed.await.unwrap());
        }
        let layout = self.text("layout");
        [
            format!("{}/images:{name}", self.world.host),
            format!("oci:{layout}:{name}"),
            format!("oci:{layout}@{}", digest.unwrap()),
        ]
    }

    /// The catalog as an image whose upper layer mends a file of the lower one.
    async fn catalog_image(&self) -> [String; 3] {
        let lower: Files<'_> = &[
            ("configs/alpha/1-package.yaml", PACKAGE),
            ("configs/alpha/2-rest.yaml", "schema: [broken"),
            ("configs/README.md", "prose"),
            ("elsewhere/x.yaml", "no: catalog"),
        ];
        let upper: Files<'_> = &[
            ("configs/alpha/2-rest.yaml", REST),
            ("configs/.indexignore", "*.md\n"),
        ];
        self.image("catalog", &[(CONFIGS, "/configs")], &[lower, upper])
            .await
    }

    /// Runs `iib catalog`; what is `-` among the arguments reads the catalog.
    async fn run(&self, args: &[&str]) -> Ran {
        let args = [&["catalog"], args].concat();
        self.world.iib_fed(&args, &stream()).await
    }
}

type Files<'a> = &'a [(&'a str, &'a str)];

fn stream() -> String {
    format!("{PACKAGE}---\n{REST}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_is_the_same_wherever_it_is_read_from() {
    let setting = Setting::new().await;
    let directory = setting.text("catalog");
    let mut inputs = vec![
        directory.clone(),
        setting.text("catalog.yaml"),
        "-".to_owned(),
    ];
    inputs.extend(setting.catalog_image().await);
    let rendered = setting.run(&["render", &directory]).await.ok();
    assert_names(&rendered, &["olm.package", "olm.channel", "alpha.v1.0.0"]);
    let converted = setting
        .run(&["convert", &directory, "-", "-o", "yaml"])
        .await
        .ok();
    assert_names(&converted, &["schema: olm.bundle"]);
    let graph = setting.run(&["graph", &directory]).await.ok();
    let mut digests = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        assert_eq!(
            setting.run(&["render", input]).await.ok(),
            rendered,
            "{input}"
        );
        assert_eq!(setting.run(&["validate", input]).await.ok(), "", "{input}");
        let args = ["convert", input, "-", "-o", "yaml"];
        assert_eq!(setting.run(&args).await.ok(), converted, "{input}");
        assert_eq!(setting.run(&["graph", input]).await.ok(), graph, "{input}");
        let to = setting.text(&format!("migrated-{number}"));
        setting.run(&["migrate", input, &to]).await.ok();
        let written = fs::read_to_string(format!("{to}/alpha/catalog.json")).unwrap();
        assert_eq!(written, rendered, "{input}");
        let cache = setting.text(&format!("cache-{number}"));
        let args = ["cache", input, "--cache-dir", &cache];
        digests.push(setting.run(&args).await.ok());
        let args = [&args[..], &["--check"]].concat();
        setting.run(&args).await.ok();
    }
    digests.dedup();
    assert_eq!(digests.len(), 1, "{digests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_read_from_files_and_images() {
    let setting = Setting::new().await;
    let bundle = Bundle::simple("alpha", "1.0.0", "stable", None);
    let bundle = setting.world.bundle(&bundle).await.to_string();
    let file = setting.text("index.db");
    setting
        .run(&["add", "--db", &file, "--bundles", &bundle])
        .await
        .ok();
    let rendered = setting.run(&["render", &file]).await.ok();
    assert_names(&rendered, &["alpha.v1.0.0", &bundle]);
    let repository = setting.world.repository("index");
    let image = samples::push_index(
        &setting.world.client,
        &repository,
        &["arm64", "amd64"],
        BlobSource::File(file.clone().into()),
    );
    let image = image.await.unwrap().to_string();
    for input in [&file, &image] {
        assert_eq!(setting.run(&["render", input]).await.ok(), rendered);
        assert_eq!(setting.run(&["validate", input]).await.ok(), "");
        for (verb, option) in [("convert", "--output=json"), ("cache", "--cache-dir")] {
            let error = setting
                .run(&[verb, input, option, &setting.text("new")])
                .await;
            assert_names(
                &error.failed(),
                &[input, "no file-based catalog", "migrate"],
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_rendered_and_is_no_catalog() {
    let setting = Setting::new().await;
    let bundle = Bundle::simple("alpha", "1.0.0", "stable", None);
    for (path, text) in &bundle.files {
        setting.write(&format!("bundle/{path}"), text);
    }
    let files: Vec<(&str, &str)> = bundle
        .files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let label = ("operators.operatorframework.io.bundle.package.v1", "alpha");
    let [image, layout, _] = setting.image("bundle", &[label], &[&files]).await;
    let directory = setting.text("bundle");
    let of_directory = setting.run(&["render", &directory]).await.ok();
    assert_names(&of_directory, &["alpha.v1.0.0", "\"image\": \"\""]);
    assert_eq!(setting.run(&["render", &layout]).await.ok(), of_directory);
    let of_image = setting.run(&["render", &image]).await.ok();
    assert_names(&of_image, &["alpha.v1.0.0", &image]);
    let new = setting.text("new");
    for input in [&directory, &image, &layout] {
        for args in [
            &["validate", input][..],
            &["migrate", input, &new],
            &["convert", input, &new, "-o", "json"],
            &["cache", input, "--cache-dir", &new],
        ] {
            let error = setting.run(args).await.failed();
            assert_names(&error, &[input, "is a bundle", "iib catalog render"]);
        }
    }
    assert!(!setting.path("new").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_named_with_the_remedy() {
    let setting = Setting::new().await;
    let files: Files<'_> = &[("configs/a.yaml", "schema: [broken"), ("x", "1")];
    let [broken, ..] = setting
        .image("broken", &[(CONFIGS, "configs")], &[files])
        .await;
    let [empty, ..] = setting
        .image("empty", &[(CONFIGS, "/none")], &[files])
        .await;
    let both = [(CONFIGS, "/configs"), (DATABASE, "/none.db")];
    let [both, ..] = setting.image("both", &both, &[files]).await;
    let [other, layout_of_other, _] = setting.image("other", &[("a", "b")], &[files]).await;
    let [bare, ..] = setting.image("bare", &[], &[files]).await;
    let no_tag = format!("oci:{}:absent", setting.text("layout"));
    let no_image = format!("{}/images:absent", setting.world.host);
    setting.write("broken/oci-layout", "{}");
    let broken_layout = format!("oci:{}", setting.text("broken"));
    setting.write("not.json", "[1]");
    setting.write("linked/catalog.yaml", PACKAGE);
    std::os::unix::fs::symlink("nowhere", setting.path("linked/link")).unwrap();
    let [layout, missing, not_json, linked] =
        ["layout", "missing/file", "not.json", "linked"].map(|name| setting.text(name));
    let mut cases: Vec<(&str, &[&str])> = vec![
        (&missing, &["no such file or directory"]),
        ("mistyped.db", &["no such file or directory", "registry"]),
        (&layout, &["OCI layout", "oci:"]),
        (&not_json, &["not.json"]),
        (&linked, &["linked/link"]),
        (&broken, &["`a.yaml`", ".indexignore"]),
        (&empty, &["`/none`", CONFIGS, "rebuild"]),
        (&both, &["`/none.db`", DATABASE]),
        (&other, &["no catalog and no bundle", CONFIGS, "has `a=b`"]),
        (&layout_of_other, &["has `a=b`"]),
        (&bare, &["has no labels"]),
        (&no_tag, &["absent"]),
        (&no_image, &["absent"]),
        (&broken_layout, &["broken", "oci-layout"]),
        ("Upper/Case", &["no such file or directory"]),
    ];
    let locked = setting.text("locked");
    fs::create_dir(&locked).unwrap();
    let no_rights = std::os::unix::fs::PermissionsExt::from_mode(0o000);
    fs::set_permissions(&locked, no_rights).unwrap();
    // Root reads what nobody may.
    if fs::read_dir(&locked).is_err() {
        cases.push((&locked, &["locked", "denied"]));
    }
    for (input, parts) in cases {
        let error = setting.run(&["render", input]).await.failed();
        assert_names(&error, parts);
        assert_names(&error, &[input]);
        assert!(
            !error.contains("/content"),
            "a private path is shown: {error}"
        );
    }
    let empty = setting
        .world
        .iib_fed(&["catalog", "render", "-"], " \n")
        .await;
    assert_names(&empty.failed(), &["standard input is empty"]);
    let database = setting
        .world
        .iib_fed(&["catalog", "render", "-"], "SQLite format 3");
    assert_names(
        &database.await.failed(),
        &["standard input is an index database"],
    );
    let twice = setting.run(&["render", "-", "-"]).await;
    assert_names(&twice.failed(), &["standard input is empty"]);
    let usage = setting.run(&["render", "oci:"]).await;
    assert_eq!(usage.code, Some(2));
    assert_names(&usage.stderr, &["oci:", "names no directory"]);
    let cache = setting.text("cache");
    let args = ["cache", "-", "--format", "json", "--cache-dir", &cache];
    assert_names(&setting.run(&args).await.failed(), &["`json`", "directory"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_validation_finds_is_told_as_json_too() {
    let setting = Setting::new().await;
    let args = ["validate", "-", "--output", "json"];
    let valid: serde_json::Value = serde_json::from_str(&setting.run(&args).await.ok()).unwrap();
    assert_eq!(valid, serde_json::json!({"valid": true, "problems": []}));
    let judge = async |text: String| {
        let ran = setting
            .world
            .iib_fed(&[&["catalog"], &args[..]].concat(), &text)
            .await;
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert_names(&ran.stderr, &["error: the catalog `-` is not valid"]);
        serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap()
    };
    let headless = "- name: alpha.v1.0.0\n  replaces: alpha.v1.0.0\n";
    let found = judge(stream().replace("- name: alpha.v1.0.0\n", headless)).await;
    assert_eq!(found["valid"], false);
    let package = &found["problems"][0];
    assert_eq!(package["text"], "invalid package \"alpha\"");
    let channel = &package["problems"][0];
    assert_eq!(channel["text"], "invalid channel \"stable\"");
    assert_names(&channel["problems"].to_string(), &["head"]);
    let found = judge(stream().replace("entries:\n- name: alpha.v1.0.0", "entries: []")).await;
    let text = found["problems"][0]["text"].as_str().unwrap();
    assert_names(text, &["alpha.v1.0.0", "not found in any channel"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_converted_to_a_file() {
    let setting = Setting::new().await;
    let (from, to) = (setting.text("catalog.yaml"), setting.text("out.json"));
    let args = ["convert", &from, &to, "-o", "json"];
    setting.run(&args).await.ok();
    let written = fs::read_to_string(&to).unwrap();
    assert_eq!(written, setting.run(&["render", &from]).await.ok());
    let error = setting.run(&args).await.failed();
    assert_names(&error, &["out.json", "exists"]);
    assert_eq!(fs::read_to_string(&to).unwrap(), written);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_is_no_failure() {
    let setting = Setting::new().await;
    let long = format!(
        "{}---\nschema: x\ntext: {}\n",
        stream(),
        "y".repeat(1 << 20)
    );
    setting.write("long.yaml", &long);
    for args in [
        &["render", &setting.text("long.yaml")][..],
        &["convert", &setting.text("long.yaml"), "-", "-o", "yaml"],
    ] {
        let mut child = command(setting.world.dir.path())
            .arg("catalog")
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ran = Ran::from(child.wait_with_output().await.unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_in_the_middle_nothing_is_left() {
    let setting = Setting::new().await;
    fs::create_dir(setting.path("tmp")).unwrap();
    fs::create_dir(setting.path("work")).unwrap();
    for by_force in [false, true] {
        let mut child = command(setting.world.dir.path())
            .args(["catalog", "migrate", "-", &setting.text("work/out")])
            .env("TMPDIR", setting.path("tmp"))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The pipe stays open: the program waits for the rest.
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(PACKAGE.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        if by_force {
            child.kill().await.unwrap();
        } else {
            assert_eq!(terminate(&mut child).await, Some(1));
        }
        for folder in ["tmp", "work"] {
            let left: Vec<_> = fs::read_dir(setting.path(folder)).unwrap().collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }
}
