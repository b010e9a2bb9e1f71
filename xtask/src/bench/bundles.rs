//! A batch of bundles made anew, beside one alone: time, requests and bytes for each.
//!
//! Every bundle has one container, whose image is pinned to a digest; all are of one registry, as those of a product are.

use std::io::Read as _;

use anyhow::{Context as _, ensure};
use clap::Args as ClapArgs;
use flate2::read::GzDecoder;
use oci::{Document, PullSpec, Reference};
use samples::Bundle;
use serde_json::json;

use super::requests::{Scene, Setup, Taken, measured, number};
use crate::terminal::say;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    setup: Setup,
    /// How many bundles are in the batch
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    bundles: u32,
}

/// More than the manifests of one of these bundles take.
const MAX_LAYER_BYTES: u64 = 1 << 20;

/// Measures one bundle and a batch, and prints both; false if one was made of another's files.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    measured(&args.setup, async |scene| measure(scene, args).await)
}

async fn measure(scene: &Scene, args: &Args) -> anyhow::Result<bool> {
    let operand = scene.bundle("operand").await?;
    let (alone, _) = batch(scene, &operand, "alone", 1).await?;
    let (many, made) = batch(scene, &operand, "app", args.bundles).await?;
    say("| | one alone | all | each |");
    say("| --- | --- | --- | --- |");
    let each = f64::from(args.bundles);
    let row = |what: &str, one: f64, all: f64, digits: usize| {
        say(&format!(
            "| {what} | {one:.digits$} | {all:.digits$} | {:.digits$} |",
            all / each
        ));
    };
    let seconds = |taken: &Taken| taken.elapsed.as_secs_f64();
    row("time, s", seconds(&alone), seconds(&many), 3);
    let count = |what: &str, of: fn(&Taken) -> u64| {
        row(what, number(of(&alone)), number(of(&many)), 1);
    };
    count("requests to the registry", |taken| taken.requests);
    count("bytes pushed", |taken| taken.bytes_in);
    count("bytes read", |taken| taken.bytes_out);
    let pinned = pinned(scene, &operand, &made).await?;
    say(&format!("{pinned} of {} bundles are pinned", args.bundles));
    Ok(pinned == made.len())
}

/// Has bundles of new packages made anew in one batch; what it took, and their pull specs.
async fn batch(
    scene: &Scene,
    operand: &PullSpec,
    name: &str,
    bundles: u32,
) -> anyhow::Result<(Taken, Vec<PullSpec>)> {
    let mut requests = Vec::new();
    for number in 0..bundles {
        let package = format!("{name}-{number:03}");
        let tag = format!("{}:v1.0.0", operand.repository());
        let bundle = Bundle::simple(&package, "1.0.0", "stable", None)
            .with_file("manifests/csv.yaml", &csv(&package, &tag));
        let repository = scene.repository(&format!("apps/{package}"))?;
        let from = samples::push_bundle(&scene.client, &repository, &bundle).await?;
        requests.push(json!({"from_bundle_image": from}));
    }
    let mut ids = Vec::new();
    let submit = async || {
        let body = json!({"build_requests": requests});
        let accepted = scene.post("regenerate-bundle-batch", &body).await?;
        let accepted = accepted
            .as_array()
            .with_context(|| format!("no batch was accepted: {accepted}"))?;
        ids = accepted.iter().filter_map(|r| r["id"].as_i64()).collect();
        Ok(ids.clone())
    };
    let taken = scene.taken(submit).await?;
    ensure!(
        ids.len() == requests.len(),
        "not every request was accepted"
    );
    let mut made = Vec::new();
    for id in ids {
        let image = &scene.ended(id).await?["bundle_image"];
        let image = image.as_str().context("a bundle has a name")?;
        made.push(image.parse()?);
    }
    Ok((taken, made))
}

/// Manifests whose one container has an image named by a tag.
fn csv(package: &str, image: &str) -> String {
    format!(
        "kind: ClusterServiceVersion\nmetadata:\n  name: {package}.v1.0.0\nspec:\n  version: 1.0.0\n  install:\n    strategy: deployment\n    spec:\n      deployments:\n      - name: controller\n        spec:\n          template:\n            spec:\n              containers:\n              - name: manager\n                image: {image}\n"
    )
}

/// How many of the bundles name the operand by digest and are the package they were made of.
async fn pinned(scene: &Scene, operand: &PullSpec, made: &[PullSpec]) -> anyhow::Result<usize> {
    let operand = operand.to_string();
    let mut pinned = 0;
    for (number, spec) in made.iter().enumerate() {
        let text = manifests(scene, spec).await?;
        let package = format!("name: app-{number:03}.v1.0.0");
        pinned += usize::from(text.contains(&operand) && text.contains(&package));
    }
    Ok(pinned)
}

/// The uppermost layer of a bundle, whatever is around its text.
async fn manifests(scene: &Scene, spec: &PullSpec) -> anyhow::Result<String> {
    let repository = scene.client.repository(spec.repository());
    let mut reference = spec.reference();
    loop {
        match repository.manifest(&reference).await?.parse()? {
            Document::List(list) => {
                let first = list.manifests.first().context("the list is empty")?;
                reference = Reference::Digest(first.digest.clone());
            }
            Document::Image(image) => {
                let layer = image.layers.last().context("the image has no layer")?;
                let packed = repository.blob_bytes(layer, MAX_LAYER_BYTES).await?;
                let mut bytes = Vec::new();
                GzDecoder::new(packed.as_ref()).read_to_end(&mut bytes)?;
                return Ok(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
}
