//! The layers of ours in an image: how they are marked, and which of them a new image keeps.

use std::fmt;

use oci::{BlobSource, Descriptor, DiffId, History, ImageConfig, ImageManifest, Layer};

use super::{MAX_LAYERS, PROFILE};
use crate::level::MigrateLevel;

/// What one of our layers holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// All of a catalog.
    Base,
    /// All of a serve cache.
    Cache,
    /// The index database.
    Database,
    /// The changed parts of catalog and cache.
    Delta,
}

const KINDS: [LayerKind; 4] = [
    LayerKind::Base,
    LayerKind::Cache,
    LayerKind::Database,
    LayerKind::Delta,
];

impl LayerKind {
    /// The mark of such a layer in the history of an image, such as `iib:base:A`. That of a base says at which level the
    /// packages of the database were rendered, if not at the usual one.
    fn mark(self, level: MigrateLevel) -> String {
        let profile = PROFILE.name.to_ascii_uppercase();
        match (self, level) {
            (Self::Base, MigrateLevel::BundleObjects) => format!("iib:{self}:{profile}:{level}"),
            _ => format!("iib:{self}:{profile}"),
        }
    }

    /// What a history entry marks; `None` for layers of others, and for ours of another profile.
    fn marked(entry: &History) -> Option<(Self, MigrateLevel)> {
        let created_by = entry.created_by.as_deref()?;
        let levels = [MigrateLevel::CsvMetadata, MigrateLevel::BundleObjects];
        KINDS
            .into_iter()
            .flat_map(|kind| levels.map(|level| (kind, level)))
            .find(|(kind, level)| kind.mark(*level) == created_by)
    }
}

impl fmt::Display for LayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base => "base",
            Self::Cache => "cache",
            Self::Database => "database",
            Self::Delta => "delta",
        })
    }
}

/// A layer of ours.
#[derive(Clone, Debug)]
pub(crate) struct StackLayer {
    pub(crate) kind: LayerKind,
    /// Of a base: how it shows the packages of the database.
    level: MigrateLevel,
    pub(crate) descriptor: Descriptor,
    pub(crate) diff_id: DiffId,
    pub(crate) source: Source,
}

/// Where the bytes of a layer are.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Here: the layer was just written.
    New(BlobSource),
    /// In the repository of the from-index.
    Kept,
}

impl StackLayer {
    /// A base that was just written, with the packages of the database rendered at `level`.
    pub(crate) fn base(level: MigrateLevel, layer: &Layer) -> Self {
        Self {
            level,
            ..Self::new(LayerKind::Base, layer)
        }
    }

    /// Another layer that was just written.
    pub(crate) fn new(kind: LayerKind, layer: &Layer) -> Self {
        Self {
            kind,
            level: MigrateLevel::default(),
            descriptor: layer.descriptor.clone(),
            diff_id: layer.diff_id.clone(),
            source: Source::New(layer.source.clone()),
        }
    }

    /// Its mark in the history of an image.
    pub(crate) fn mark(&self) -> String {
        self.kind.mark(self.level)
    }

    pub(crate) fn is_new(&self) -> bool {
        matches!(self.source, Source::New(_))
    }
}

/// What an image can take before its catalog is written anew: so many deltas, and no further one once they hold more
/// than so many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// How many deltas may follow.
    pub deltas: usize,
    /// Their compressed size in bytes.
    pub bytes: u64,
}

/// The layers of ours at the top of an image, lowest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stack(pub(crate) Vec<StackLayer>);

impl Stack {
    /// The layers of a file-based index image that a new image can be built upon; `None` if others have had their hands on
    /// it, or if it is of another profile.
    ///
    /// Every layer has to have its entry in the history, so that nobody's layer is taken for ours.
    pub(crate) fn recognise(manifest: &ImageManifest, config: &ImageConfig) -> Option<Self> {
        let marks = marks(manifest, config)?;
        // A binary image may be an index image itself; the last base is that of the image.
        let base = marks
            .iter()
            .rposition(|mark| matches!(mark, Some((LayerKind::Base, _))))?;
        let stack = Self::above(base, &marks, manifest, config)?;
        stack.is_regular().then_some(stack)
    }

    /// The layer of ours in an SQLite index image: the topmost, with the database. `None` if it is not ours.
    pub(crate) fn recognise_database(
        manifest: &ImageManifest,
        config: &ImageConfig,
    ) -> Option<Self> {
        let marks = marks(manifest, config)?;
        let top = marks.len().checked_sub(1)?;
        let stack = Self::above(top, &marks, manifest, config)?;
        stack.database().is_some().then_some(stack)
    }

    /// The layers from `first` on, if all of them are ours.
    fn above(
        first: usize,
        marks: &[Option<(LayerKind, MigrateLevel)>],
        manifest: &ImageManifest,
        config: &ImageConfig,
    ) -> Option<Self> {
        let layers = marks[first..]
            .iter()
            .zip(&manifest.layers[first..])
            .zip(&config.rootfs.diff_ids[first..])
            .map(|((mark, descriptor), diff_id)| {
                let (kind, level) = (*mark)?;
                Some(StackLayer {
                    kind,
                    level,
                    descriptor: descriptor.clone(),
                    diff_id: diff_id.clone(),
                    source: Source::Kept,
                })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self(layers))
    }

    /// A base, its cache, at most one database, and deltas.
    fn is_regular(&self) -> bool {
        let kinds: Vec<LayerKind> = self.0.iter().map(|layer| layer.kind).collect();
        let count = |wanted| kinds.iter().filter(|kind| **kind == wanted).count();
        kinds.starts_with(&[LayerKind::Base, LayerKind::Cache])
            && count(LayerKind::Base) == 1
            && count(LayerKind::Cache) == 1
            && count(LayerKind::Database) <= 1
    }

    /// How the packages of the database are shown, if there is a base.
    pub(crate) fn level(&self) -> Option<MigrateLevel> {
        self.of(LayerKind::Base).map(|base| base.level).next()
    }

    /// The layer with the database, if there is one.
    pub(crate) fn database(&self) -> Option<&StackLayer> {
        self.of(LayerKind::Database).next()
    }

    /// The layers that hold the catalog or the serve cache, lowest first.
    pub(crate) fn catalog(&self) -> impl Iterator<Item = &StackLayer> {
        self.0
            .iter()
            .filter(|layer| layer.kind != LayerKind::Database)
    }

    fn of(&self, kind: LayerKind) -> impl Iterator<Item = &StackLayer> {
        self.0.iter().filter(move |layer| layer.kind == kind)
    }

    /// Whether there is room for one more delta over `base_layers` layers of the binary image.
    pub(crate) fn has_room(&self, base_layers: usize) -> bool {
        self.room(base_layers).deltas > 0
    }

    /// How much room there is over `base_layers` layers of the binary image, by the number of layers and of deltas, and by
    /// the deltas' size against what they change.
    pub(crate) fn room(&self, base_layers: usize) -> Room {
        let bytes = |kind| -> u64 { self.of(kind).map(|layer| layer.descriptor.size).sum() };
        let whole = bytes(LayerKind::Base) + bytes(LayerKind::Cache);
        let limit = (whole / 2).max(SMALL_BYTES);
        match limit.checked_sub(bytes(LayerKind::Delta)) {
            None => Room::default(),
            Some(bytes) => Room {
                deltas: MAX_DELTAS
                    .saturating_sub(self.of(LayerKind::Delta).count())
                    .min(MAX_LAYERS.saturating_sub(base_layers + self.0.len())),
                bytes,
            },
        }
    }

    /// Puts `database` in the place of the database there was, or of none.
    pub(crate) fn set_database(&mut self, database: StackLayer) {
        match self
            .0
            .iter_mut()
            .find(|layer| layer.kind == LayerKind::Database)
        {
            Some(layer) => *layer = database,
            None => self.0.push(database),
        }
    }
}

/// What the history says of each layer, lowest first: what of ours it is, or `None`. Without an entry for every layer, or
/// with another number of diff IDs, it says nothing.
fn marks(
    manifest: &ImageManifest,
    config: &ImageConfig,
) -> Option<Vec<Option<(LayerKind, MigrateLevel)>>> {
    let marks: Vec<_> = layer_history(config).map(LayerKind::marked).collect();
    let layers = manifest.layers.len();
    (marks.len() == layers && config.rootfs.diff_ids.len() == layers).then_some(marks)
}

/// The history entries that stand for layers, lowest first.
pub(crate) fn layer_history(config: &ImageConfig) -> impl Iterator<Item = &History> {
    config
        .history
        .iter()
        .filter(|entry| entry.empty_layer != Some(true))
}

/// A pull unpacks every layer, and container engines stop at about 125 of them.
const MAX_DELTAS: usize = 16;
/// What is below this size, in bytes, is no reason to write a catalog anew, however small it is.
pub(super) const SMALL_BYTES: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use oci::{Digest, Format, MediaType, RootFs};

    use super::*;

    fn image(created_by: &[Option<&str>], layers: usize) -> (ImageManifest, ImageConfig) {
        let descriptor = |number: usize, size| {
            let digest = Digest::of(number.to_le_bytes());
            Descriptor::new(MediaType::DockerLayer, size, digest)
        };
        let manifest = ImageManifest::new(
            Format::Docker,
            descriptor(99, 1),
            (0..layers).map(|number| descriptor(number, 1000)).collect(),
        );
        let config = ImageConfig {
            architecture: "amd64".to_owned(),
            os: "linux".to_owned(),
            config: None,
            rootfs: RootFs {
                kind: "layers".to_owned(),
                diff_ids: (0..layers)
                    .map(|number| DiffId::new(Digest::of(number.to_le_bytes())))
                    .collect(),
            },
            history: created_by
                .iter()
                .map(|text| History {
                    created_by: text.map(str::to_owned),
                    ..History::default()
                })
                .collect(),
            created: None,
            rest: BTreeMap::new(),
        };
        (manifest, config)
    }

    fn kinds(created_by: &[Option<&str>]) -> Option<Vec<LayerKind>> {
        let (manifest, config) = image(created_by, created_by.len());
        let stack = Stack::recognise(&manifest, &config)?;
        Some(stack.0.into_iter().map(|layer| layer.kind).collect())
    }

    const BASE: Option<&str> = Some("iib:base:A");
    const CACHE: Option<&str> = Some("iib:cache:A");
    const DATABASE: Option<&str> = Some("iib:database:A");
    const DELTA: Option<&str> = Some("iib:delta:A");

    #[test]
    fn our_layers_are_known_by_their_marks() {
        use LayerKind::{Base, Cache, Database, Delta};
        let other = Some("RUN something");
        assert_eq!(kinds(&[other, None, BASE, CACHE]), Some(vec![Base, Cache]));
        assert_eq!(
            kinds(&[BASE, CACHE, DATABASE, DELTA, DELTA]),
            Some(vec![Base, Cache, Database, Delta, Delta])
        );
        assert_eq!(
            kinds(&[BASE, CACHE, DELTA, BASE, CACHE]),
            Some(vec![Base, Cache]),
            "on a binary image that is an index image"
        );
    }

    #[test]
    fn a_base_says_how_it_shows_the_database() {
        for (mark, level) in [
            ("iib:base:A", MigrateLevel::CsvMetadata),
            ("iib:base:A:bundle-objects", MigrateLevel::BundleObjects),
        ] {
            let (manifest, config) = image(&[Some(mark), CACHE, DELTA], 3);
            let stack = Stack::recognise(&manifest, &config).unwrap();
            assert_eq!(stack.level(), Some(level));
            let marks: Vec<String> = stack.0.iter().map(StackLayer::mark).collect();
            assert_eq!(marks, [mark, "iib:cache:A", "iib:delta:A"]);
        }
    }

    #[test]
    fn what_others_touched_is_not_built_upon() {
        let other = Some("RUN something");
        for history in [
            &[BASE, CACHE, other][..],
            &[BASE, CACHE, None],
            &[BASE, DELTA],
            &[BASE, CACHE, DATABASE, DATABASE],
            &[BASE, CACHE, CACHE],
            &[Some("iib:base:B"), Some("iib:cache:B")],
            &[DATABASE],
            &[],
        ] {
            assert_eq!(kinds(history), None, "{history:?}");
        }
        // A layer without an entry could be anywhere.
        let (manifest, config) = image(&[BASE, CACHE], 3);
        assert!(Stack::recognise(&manifest, &config).is_none());
    }

    #[test]
    fn the_database_layer_of_an_sqlite_index_is_known_by_its_mark() {
        let recognised = |created_by: &[Option<&str>]| {
            let (manifest, config) = image(created_by, created_by.len());
            let stack = Stack::recognise_database(&manifest, &config)?;
            Some(stack.0.len())
        };
        let other = Some("RUN something");
        assert_eq!(recognised(&[other, DATABASE]), Some(1));
        assert_eq!(recognised(&[BASE, CACHE, DATABASE, DATABASE]), Some(1));
        for history in [&[DATABASE, other][..], &[other, None], &[BASE, CACHE], &[]] {
            assert_eq!(recognised(history), None, "{history:?}");
        }
    }

    #[test]
    fn deltas_are_bounded_by_number_and_size() {
        let layers = |deltas: usize, size: u64| {
            let mut created_by = vec![BASE, CACHE];
            created_by.resize(2 + deltas, DELTA);
            let (mut manifest, config) = image(&created_by, created_by.len());
            for layer in &mut manifest.layers[2..] {
                layer.size = size;
            }
            Stack::recognise(&manifest, &config).unwrap()
        };
        let with = |deltas, size| layers(deltas, size).has_room(5);
        let room = |deltas, bytes| Room { deltas, bytes };
        assert_eq!(layers(3, 1000).room(5), room(13, SMALL_BYTES - 3000));
        assert_eq!(layers(3, 1000).room(90).deltas, 5);
        assert_eq!(layers(3, 2 << 20).room(5), room(0, 0));
        assert!(!layers(15, 1000).has_room(83));
        assert!(with(15, 1000));
        assert!(!with(16, 1000));
        assert!(with(2, 2 << 20));
        assert!(!with(3, 2 << 20));
    }
}
