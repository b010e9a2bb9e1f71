//! A summary for programs.

use std::collections::BTreeMap;

use builder::{CatalogSummary, ImageLayer, IndexSummary};
use serde_json::{Map, Value, json};

use super::totals::{Totals, channels};
use super::{kind, layer_kind};

/// The summary as one object.
pub(super) fn to_json(summary: &IndexSummary) -> Value {
    let image = &summary.image;
    let images: BTreeMap<String, String> = image
        .images
        .iter()
        .map(|(arch, image)| (arch.to_string(), image.digest.to_string()))
        .collect();
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        fields.insert(name.to_owned(), value);
    };
    put("digest", json!(image.digest));
    put("media_type", json!(image.media_type));
    put("kind", json!(kind(image.kind)));
    put("images", json!(images));
    put("labels", json!(image.labels));
    if let Some((arch, image)) = image.shown() {
        let totals = Totals::of(image);
        put("layers_arch", json!(arch.to_string()));
        put("layers", image.layers.iter().map(layer).collect());
        put(
            "totals",
            json!({
                "layers": totals.layers,
                "deltas": totals.deltas,
                "bytes": totals.bytes,
                "binary_image_bytes": totals.binary_image_bytes,
                "own_bytes": totals.own_bytes,
            }),
        );
        let room = image.room.as_ref();
        put(
            "room",
            room.map_or(
                Value::Null,
                |room| json!({"deltas": room.deltas, "bytes": room.bytes}),
            ),
        );
    }
    let catalog = &summary.catalog;
    put("database_bytes", json!(catalog.database_bytes));
    put(
        "counts",
        json!({
            "packages": catalog.packages.len(),
            "channels": channels(catalog),
            "bundles": catalog.bundles.len(),
        }),
    );
    put("packages", packages(catalog));
    put("bundles", bundles(catalog));
    Value::Object(fields)
}

fn layer(layer: &ImageLayer) -> Value {
    json!({"kind": layer_kind(layer.origin), "bytes": layer.bytes, "digest": layer.digest})
}

fn packages(catalog: &CatalogSummary) -> Value {
    let packages = catalog.packages.iter().map(|package| {
        let channels: Vec<Value> = package
            .channels
            .iter()
            .map(|channel| json!({"name": channel.name, "head": channel.head}))
            .collect();
        json!({"name": package.name, "default_channel": package.default_channel, "channels": channels})
    });
    packages.collect()
}

fn bundles(catalog: &CatalogSummary) -> Value {
    let bundles = catalog.bundles.iter().map(|bundle| {
        json!({
            "name": bundle.csv_name,
            "package": bundle.package,
            "version": bundle.version,
            "bundle_path": bundle.path,
            "channels": bundle.channels,
        })
    });
    bundles.collect()
}
