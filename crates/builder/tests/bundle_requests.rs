//! Requests on bundles that are made in unusual ways.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use builder::{Checkpoint, Regenerated, RelatedRequest};
use oci::{Document, ImageName, Limits, ManifestList, PullSpec, Reference, Tree};
use samples::Bundle;
use support::raw::{file, symlink};
use support::{Observer, World};

const CSV: &str = "manifests/csv.yaml";
const ANNOTATIONS: &str = "metadata/annotations.yaml";

/// A bundle that is labelled as one and names these images in its containers.
fn bundle(package: &str, images: &[String]) -> Bundle {
    annotated(package, "", images)
}

/// The same with this text in an annotation of the CSV.
fn annotated(package: &str, text: &str, images: &[String]) -> Bundle {
    let mut csv = format!(
        "kind: ClusterServiceVersion\nmetadata:\n  name: {package}.v1.0.0\n  annotations: {{text: \"{text}\"}}\nspec:\n  version: 1.0.0\n  install:\n    spec:\n      deployments:\n      - spec:\n          template:\n            spec:\n              containers:\n"
    );
    for (number, image) in images.iter().enumerate() {
        let container =
            format!("              - name: c{number}\n                image: {image}\n");
        csv.push_str(&container);
    }
    if images.is_empty() {
        csv = csv.replace("containers:\n", "containers: []\n");
    }
    let bundle = Bundle::simple(package, "1.0.0", "stable", None);
    let (_, annotations) = &bundle.files[1];
    let annotations = format!("{annotations}  com.redhat.delivery.operator.bundle: true\n");
    bundle
        .with_file(CSV, &csv)
        .with_file(ANNOTATIONS, &annotations)
}

impl World {
    async fn named(&self, bundle: &Bundle) -> PullSpec {
        let repository = self.repository(&format!("bundles/{}", bundle.package));
        samples::push_bundle(&self.client, &repository, bundle)
            .await
            .unwrap()
    }

    async fn regenerated(&self, from: &PullSpec, tag: &str) -> Result<Regenerated, String> {
        let (request, observer) = (self.regenerate(from, tag), Observer::default());
        let made = self
            .builder
            .regenerate(&request, &observer, Checkpoint::default());
        made.await.map_err(|error| error.report())
    }

    async fn related(&self, parent: &PullSpec) -> Result<builder::Related, String> {
        let request = RelatedRequest {
            parent: ImageName::Registry(parent.clone()),
            organization: None,
            direct_only: false,
            auths: None,
        };
        let observer = Observer::default();
        let related = self
            .builder
            .related_bundles(&request, &observer, Checkpoint::default());
        related.await.map_err(|error| error.report())
    }

    /// What a container of a published bundle has below a directory, for amd64.
    async fn tree(&self, tag: &str, directory: &str) -> Tree {
        let repository = self.client.repository(&self.repository("iib-build"));
        let list = repository
            .manifest(&Reference::Tag(tag.parse().unwrap()))
            .await
            .unwrap();
        let Document::List(list) = list.parse().unwrap() else {
            panic!("no list was published");
        };
        let digest = list.manifests[0].digest.clone();
        let image = repository
            .manifest(&Reference::Digest(digest))
            .await
            .unwrap();
        let Document::Image(image) = image.parse().unwrap() else {
            panic!("a list in a list");
        };
        let repository = oci::ImageRepository::Remote(repository);
        let tree = oci::read_tree(&repository, &image, directory, &Limits::bundle()).await;
        tree.unwrap().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_that_are_links_are_followed_and_keep_what_else_is_there() {
    let world = World::open().await;
    let operand = world.named(&bundle("operand", &[])).await;
    let tagged = format!("{}:v1.0.0", operand.repository());
    let files: BTreeMap<String, String> = bundle("linked", &[tagged]).files.into_iter().collect();
    let layer = [
        symlink("manifests", "opt/bundle/manifests"),
        symlink("metadata", "/opt/bundle/metadata"),
        file("opt/bundle/manifests/csv.yaml", files[CSV].as_bytes()),
        file(
            "opt/bundle/manifests/crd.yaml",
            b"kind: CustomResourceDefinition\n",
        ),
        file(
            "opt/bundle/metadata/annotations.yaml",
            files[ANNOTATIONS].as_bytes(),
        ),
    ]
    .concat();
    let from = world.packed(&[layer]).await;

    let made = world.regenerated(&from, "linked").await.unwrap();
    let changed: Vec<&String> = made.changes.files.keys().collect();
    assert_eq!(changed, ["opt/bundle/manifests/csv.yaml"]);
    let tree = world.tree("linked", "/manifests").await;
    assert_eq!(tree.path, "opt/bundle/manifests");
    let names: Vec<&String> = tree.files.keys().collect();
    assert_eq!(names, ["crd.yaml", "csv.yaml"]);
    let csv = String::from_utf8(tree.files["csv.yaml"].to_vec()).unwrap();
    assert!(csv.contains(&operand.to_string()), "{csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fourteen_related_bundles_are_listed_and_fifteen_refused() {
    let world = World::open().await;
    let mut children = Vec::new();
    for number in 0..15 {
        let child = world
            .named(&bundle(&format!("child-{number:02}"), &[]))
            .await;
        children.push(child.to_string());
    }
    let parent = world.named(&bundle("fourteen", &children[..14])).await;
    let related = world.related(&parent).await.unwrap();
    assert_eq!(related.bundles.len(), 15);
    assert_eq!(related.bundles.last(), Some(&parent.to_string()));
    let listed: BTreeSet<&String> = related.bundles[..14].iter().collect();
    assert_eq!(listed, children[..14].iter().collect());

    let parent = world.named(&bundle("fifteen", &children)).await;
    let error = world.related(&parent).await.unwrap_err();
    for part in [parent.to_string().as_str(), "15"] {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_of_bundles_is_refused_with_its_path() {
    let world = World::open().await;
    let tagged =
        |package: &str| format!("{}:v1.0.0", world.repository(&format!("bundles/{package}")));
    // Each names the next one by tag, the last one the second.
    let names = ["one", "two", "three"];
    for (package, next) in [("three", "two"), ("two", "three"), ("one", "two")] {
        world.named(&bundle(package, &[tagged(next)])).await;
    }
    let one = tagged("one").parse().unwrap();
    let error = world.related(&one).await.unwrap_err();
    for part in &names[1..] {
        assert!(error.contains(&format!("bundles/{part}")), "{error}");
    }
    assert!(
        error.contains("circle") || error.contains("cycle"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn related_bundles_that_cannot_be_read_are_named() {
    let world = World::open().await;
    let absent = world.name("bundles/absent:v1");
    let error = world.related(&absent).await.unwrap_err();
    let named = format!("the parent bundle `{absent}` could not be read");
    assert!(error.contains(&named), "{error}");

    let named = |image: &PullSpec| [image.to_string()];
    let parent = world.named(&bundle("orphaned", &named(&absent))).await;
    let error = world.related(&parent).await.unwrap_err();
    let missing = format!("the related image `{absent}` could not be read");
    assert!(error.contains(&missing), "{error}");

    let empty = world.named(&bundle("empty", &[]).without(CSV)).await;
    let parent = world.named(&bundle("childish", &named(&empty))).await;
    let error = world.related(&parent).await.unwrap_err();
    for part in [empty.to_string().as_str(), "`ClusterServiceVersion`"] {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_annotation_that_only_seems_to_name_an_image_is_named() {
    let world = World::open().await;
    let absent = world.name("images/absent:1").to_string();
    for (package, guess) in [("missing", absent.as_str()), ("none", "1.2/Three:4")] {
        let text = format!("see {guess}");
        let from = world.named(&annotated(package, &text, &[])).await;
        let guessed = format!(
            "the bundle `{from}` seems to name an image in the text of its annotation `text`"
        );
        let again = world.regenerated(&from, "1").await.unwrap_err();
        let related = world.related(&from).await.unwrap_err();
        for error in [again, related] {
            assert!(error.contains(&guessed) && error.contains(guess), "{error}");
        }
    }
    // What a container names is no guess, whatever an annotation says.
    let sure = annotated("sure", &format!("see {absent}"), &[absent]);
    let from = world.named(&sure).await;
    let error = world.regenerated(&from, "1").await.unwrap_err();
    assert!(!error.contains("seems"), "{error}");
    assert!(world.tags("iib-build").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_for_no_architecture_is_not_made_anew() {
    let world = World::open().await;
    let repository = world.repository("bundles/list");
    let list = samples::push_binary_image(&world.client, &repository, &["amd64"], 0);
    let list = list.await.unwrap();
    let attestation = |list: &mut ManifestList| {
        let platform = list.manifests[0].platform.as_mut().unwrap();
        platform.architecture = "unknown".to_owned();
    };
    world
        .change_list("bundles/list", "latest", attestation)
        .await;
    let named =
        format!("the bundle to start from `{list}` is a manifest list without an architecture");
    let request = world.regenerate(&list, "1");
    let previewed = world.builder.preview_regenerated(&request).await;
    let previewed = previewed.unwrap_err().report();
    let error = world.regenerated(&list, "1").await.unwrap_err();
    for error in [previewed, error] {
        assert!(error.contains(&named), "{error}");
        assert!(!error.contains("add_arches"), "{error}");
    }
    assert!(world.tags("iib-build").await.is_empty());
}
