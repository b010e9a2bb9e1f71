//! What is looked at in bundles before an index is built of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeMap;

use builder::{AddRequest, Builder, BuilderConfig, Checkpoint, Error, RelatedImages};
use oci::PullSpec;
use samples::Bundle;
use support::{Observer, World};

const PACKAGE: &str = "operators.operatorframework.io.bundle.package.v1";
const DELIVERY: &str = "com.example.delivery";

/// The builder of `world` with another configuration.
fn configured(world: &World, change: impl FnOnce(&mut BuilderConfig)) -> Builder {
    let mut config = world.builder.config().clone();
    change(&mut config);
    world.builder.clone().with_config(config)
}

/// Why `builder` does not do what is asked for. Nothing is published.
async fn refused(world: &World, builder: &Builder, request: &AddRequest) -> Error {
    let observer = Observer::default();
    let added = builder.add(request, &observer, Checkpoint::default());
    let error = added.await.unwrap_err();
    assert!(world.tags("iib-build").await.is_empty());
    error
}

fn texts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .map(|(one, other)| (one.to_owned(), other.to_owned()))
        .into()
}

/// A bundle whose CSV has these annotations, and these related images.
fn naming(package: &str, annotations: &str, images: &[&str]) -> Bundle {
    let images: Vec<String> = images
        .iter()
        .map(|image| format!("{{name: x, image: '{image}'}}"))
        .collect();
    let csv = format!(
        "kind: ClusterServiceVersion\nmetadata:\n  name: {package}.v1.0.0\n  annotations: {{{annotations}}}\nspec:\n  version: 1.0.0\n  install: {{}}\n  relatedImages: [{}]\n",
        images.join(", ")
    );
    Bundle::simple(package, "1.0.0", "stable", None).with_file("manifests/csv.yaml", &csv)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_required_label_that_is_not_as_it_must_be_is_named() {
    let world = World::open().await;
    let names = ["alpha", "beta"];
    let mut bundles: Vec<PullSpec> = Vec::new();
    for package in names {
        let bundle = Bundle::simple(package, "1.0.0", "stable", None);
        bundles.push(world.bundle(&bundle).await);
    }
    let mut request = world.request(bundles[0].clone(), "1");
    request.bundles.clone_from(&bundles);
    for (required, at, label, expected, found) in [
        // Neither has the first label, and the second bundle lacks the other one, too.
        (
            texts([(DELIVERY, "yes"), (PACKAGE, "alpha")]),
            0,
            DELIVERY,
            "yes",
            "it does not have it",
        ),
        (
            texts([(PACKAGE, "alpha")]),
            1,
            PACKAGE,
            "alpha",
            "it has `beta`",
        ),
    ] {
        let builder = configured(&world, |config| config.required_labels = required);
        let error = refused(&world, &builder, &request).await;
        assert!(matches!(error, Error::RequiredLabel { .. }), "{error}");
        let text = error.report();
        let expected = format!(
            "the bundle `{}` must carry the label `{label}` with the value `{expected}`, but {found}",
            bundles[at]
        );
        assert!(text.contains(&expected), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn related_images_of_all_bundles_are_listed_as_they_were_looked_for() {
    let world = World::open().await;
    let host = &world.host;
    // The user's images are looked for elsewhere; what an annotation seems to name, too.
    let alpha = naming("alpha", "", &["images.example.com/a/one:1"]);
    let text = "text: 'see images.example.com/b/guess:2'";
    let here = format!("{host}/c/three:3");
    let beta = naming("beta", text, &[&here]);
    let alpha = world.bundle(&alpha).await;
    let beta = world.bundle(&beta).await;
    let mut request = world.request(alpha, "1");
    request.bundles.push(beta.clone());
    request.related_images = RelatedImages::Readable {
        user: Some("alice".to_owned()),
    };
    let replaced = texts([("images.example.com", host)]);
    let builder = configured(&world, |config| {
        config.related_image_registries = BTreeMap::from([("alice".to_owned(), replaced)]);
    });
    let text = refused(&world, &builder, &request).await.report();
    for image in ["a/one:1", "b/guess:2", "c/three:3"] {
        let missing = format!("the related image `{host}/{image}` could not be read");
        assert!(text.contains(&missing), "{image}: {text}");
    }
    let guessed = format!("`{beta}` seems to name an image in the text of its annotation `text`");
    assert_eq!(text.matches("seems to name").count(), 1, "{text}");
    assert!(text.contains(&guessed), "{text}");
}
