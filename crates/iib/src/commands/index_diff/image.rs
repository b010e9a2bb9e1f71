//! What changed in the images around two catalogs.

use std::collections::{BTreeMap, BTreeSet};

use builder::{ArchImage, ImageLayer, IndexImage, LayerOrigin};
use oci::{Arch, Digest};
use serde::Serialize;

use crate::commands::index_inspect::{kind, layer_kind};
use crate::terminal;

/// Something before and after.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Sides<T> {
    before: T,
    after: T,
}

/// What changed in the images around two catalogs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct ImageDiff {
    digest: Sides<Digest>,
    media_type: Sides<String>,
    kind: Sides<&'static str>,
    /// The digest of each architecture's image; `null` where there is none.
    architectures: BTreeMap<String, Sides<Option<Digest>>>,
    /// The labels that differ.
    labels: BTreeMap<String, Sides<Option<String>>>,
    /// What became of the layers, of one architecture that both have; `null` if there is none.
    layers: Option<LayersDiff>,
}

/// What became of the layers of one architecture.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct LayersDiff {
    arch: String,
    /// Whether the binary image's layers are others; `null` if nothing tells them from the catalog's in one of the images.
    binary_image_changed: Option<bool>,
    kept: Vec<ListedLayer>,
    added: Vec<ListedLayer>,
    removed: Vec<ListedLayer>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct ListedLayer {
    kind: String,
    bytes: u64,
    digest: Digest,
}

impl<T> Sides<T> {
    fn of<S>(before: &S, after: &S, look: impl Fn(&S) -> T) -> Self {
        Self {
            before: look(before),
            after: look(after),
        }
    }
}

impl<T: PartialEq> Sides<T> {
    fn differs(&self) -> bool {
        self.before != self.after
    }
}

impl ImageDiff {
    /// Compares two images. Nothing is read.
    pub(super) fn between(old: &IndexImage, new: &IndexImage) -> Self {
        let arches: BTreeSet<&Arch> = old.images.keys().chain(new.images.keys()).collect();
        let architectures = arches.iter().map(|arch| {
            let digest = |index: &IndexImage| Some(index.images.get(*arch)?.digest.clone());
            (arch.to_string(), Sides::of(old, new, digest))
        });
        let names: BTreeSet<&String> = old.labels.keys().chain(new.labels.keys()).collect();
        let labels = names.into_iter().map(|name| {
            let value = |index: &IndexImage| index.labels.get(name).cloned();
            (name.clone(), Sides::of(old, new, value))
        });
        let both = |arch: &Arch| Some((old.images.get(arch)?, new.images.get(arch)?));
        // The architecture that is shown elsewhere, if both have it.
        let amd64 = Arch::amd64();
        let shown = std::iter::once(&amd64).chain(arches.iter().copied());
        let layers = shown
            .filter_map(|arch| Some((arch, both(arch)?)))
            .map(|(arch, (old, new))| LayersDiff::between(arch, old, new))
            .next();
        Self {
            digest: Sides::of(old, new, |index| index.digest.clone()),
            media_type: Sides::of(old, new, |index| index.media_type.clone()),
            kind: Sides::of(old, new, |index| kind(index.kind)),
            architectures: architectures.collect(),
            labels: labels.filter(|(_, sides)| sides.differs()).collect(),
            layers,
        }
    }

    /// The lines for people.
    pub(super) fn text(&self) -> String {
        let mut lines = Vec::new();
        if self.digest.differs() {
            lines.push(format!(
                "digest     {} → {}",
                self.digest.before, self.digest.after
            ));
        } else {
            lines.push(format!("digest     {}, the same image", self.digest.before));
        }
        let (kind, media_type) = (&self.kind, &self.media_type);
        for (name, before, after) in [
            ("kind", kind.before, kind.after),
            ("type", &*media_type.before, &*media_type.after),
        ] {
            lines.push(if before == after {
                format!("{name:<10} {before}")
            } else {
                format!("{name:<10} {before} → {after}")
            });
        }
        lines.push("arches".to_owned());
        for (arch, sides) in &self.architectures {
            lines.push(format!("  {arch:<8} {}", arch_text(sides)));
        }
        for (number, (name, sides)) in self.labels.iter().enumerate() {
            lines.push(format!(
                "{:<10} {}: {} → {}",
                if number == 0 { "labels" } else { "" },
                // What somebody puts into a label shall not look like lines of ours.
                name.escape_debug(),
                label_text(sides.before.as_deref()),
                label_text(sides.after.as_deref())
            ));
        }
        match &self.layers {
            None => lines.push("layers     there is no architecture that both have".to_owned()),
            Some(layers) => layers.text(&mut lines),
        }
        lines.join("\n")
    }
}

fn arch_text(sides: &Sides<Option<Digest>>) -> String {
    match (&sides.before, &sides.after) {
        (Some(before), Some(after)) if before == after => format!("{before}, the same"),
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (None, Some(after)) => format!("added: {after}"),
        (Some(before), None) => format!("lost: {before}"),
        (None, None) => String::new(),
    }
}

fn label_text(value: Option<&str>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| format!("{value:?}"))
}

impl LayersDiff {
    fn between(arch: &Arch, old: &ArchImage, new: &ArchImage) -> Self {
        let digests = |image: &ArchImage| -> BTreeSet<Digest> {
            let layers = image.layers.iter();
            layers.map(|layer| layer.digest.clone()).collect()
        };
        let (before, after) = (digests(old), digests(new));
        let list = |image: &ArchImage, other: &BTreeSet<Digest>, in_other: bool| {
            let layers = image.layers.iter();
            layers
                .filter(|layer| other.contains(&layer.digest) == in_other)
                .map(|layer| ListedLayer {
                    kind: layer_kind(layer.origin),
                    bytes: layer.bytes,
                    digest: layer.digest.clone(),
                })
                .collect()
        };
        Self {
            arch: arch.to_string(),
            binary_image_changed: binary_image_changed(old.below(), new.below()),
            kept: list(new, &before, true),
            added: list(new, &before, false),
            removed: list(old, &after, false),
        }
    }

    fn text(&self, lines: &mut Vec<String>) {
        let binary_image = match self.binary_image_changed {
            Some(false) => "the same",
            Some(true) => "changed",
            None => "not known: another tool made one of the images",
        };
        lines.push(format!("binary     {binary_image}"));
        lines.push(format!(
            "layers     of {}: {} kept, {} added, {} removed",
            self.arch,
            self.kept.len(),
            self.added.len(),
            self.removed.len()
        ));
        for (sign, layers) in [("=", &self.kept), ("-", &self.removed), ("+", &self.added)] {
            for layer in layers {
                lines.push(format!(
                    "  {sign} {:<15} {:>10}  {}",
                    layer.kind,
                    terminal::bytes(layer.bytes),
                    layer.digest
                ));
            }
        }
    }
}

/// Whether the layers below ours are others, where it is known which those are.
fn binary_image_changed(old: &[ImageLayer], new: &[ImageLayer]) -> Option<bool> {
    let is_told = |layers: &[ImageLayer]| {
        let mut layers = layers.iter();
        layers.all(|layer| layer.origin == LayerOrigin::BinaryImage)
    };
    (is_told(old) && is_told(new)).then(|| old != new)
}
