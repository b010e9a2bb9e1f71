//! The look at the result: read back, checked, and described.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use builder::Builder;
use oci::ImageName;
use registry::Entry;

use crate::commands::index_inspect;
use crate::commands::quickstart::Inputs;
use crate::commands::quickstart::follow::Request;
use crate::terminal;

/// Reads the published image back, checks that it holds what was asked for, and says what it took.
pub(crate) async fn verify_and_describe(
    builder: &Builder,
    inputs: &Inputs,
    request: &Request,
    traffic: &[Entry],
    api: SocketAddr,
) -> anyhow::Result<String> {
    let name = request
        .index_image
        .as_deref()
        .context("the request names no result")?;
    let resolved = request
        .index_image_resolved
        .as_deref()
        .context("the request names no resolved result")?;
    let image: ImageName = resolved.parse().context("the result is no pull spec")?;
    let found = builder
        .inspect(&image)
        .await
        .map_err(|error| anyhow::anyhow!(error.report()))?;
    ensure!(
        found.image.images.len() == samples::ARCHES.len(),
        "the result has {} architectures in place of {}",
        found.image.images.len(),
        samples::ARCHES.len()
    );
    for bundle in &inputs.bundles {
        let path = bundle.to_string();
        ensure!(
            found.catalog.bundles.iter().any(|entry| entry.path == path),
            "the result lacks the bundle `{path}`"
        );
    }

    let traffic = Traffic::of(traffic);
    let mut lines = vec![String::new(), index_inspect::describe(name, &found)];
    lines.push(format!(
        "traffic    {} requests, {} uploaded, {} downloaded, {} blob(s) mounted",
        traffic.requests,
        terminal::bytes(traffic.uploaded),
        terminal::bytes(traffic.downloaded),
        traffic.mounted
    ));
    lines.push("verified   every architecture and every bundle was read back".to_owned());
    lines.push(String::new());
    lines.push("Look at it (while this runs; leave `--once` out):".to_owned());
    lines.push(format!("  iib index inspect {name}"));
    lines.push(format!(
        "  skopeo inspect --raw --tls-verify=false docker://{name}"
    ));
    lines.push(format!("  curl http://{api}/api/v1/builds/{}", request.id));
    lines.push(format!(
        "  curl http://{api}/api/v1/builds/{}/logs",
        request.id
    ));
    Ok(lines.join("\n"))
}

/// What the registry saw of the request.
struct Traffic {
    requests: usize,
    uploaded: u64,
    downloaded: u64,
    mounted: usize,
}

impl Traffic {
    fn of(entries: &[Entry]) -> Self {
        let is_mount = |entry: &&Entry| {
            entry.path.contains("mount=")
                && entry.status.is_some_and(|status| status.as_u16() == 201)
        };
        Self {
            requests: entries.len(),
            uploaded: entries.iter().map(|entry| entry.bytes_in).sum(),
            downloaded: entries.iter().map(|entry| entry.bytes_out).sum(),
            mounted: entries.iter().filter(is_mount).count(),
        }
    }
}
