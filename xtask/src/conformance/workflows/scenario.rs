//! What was recorded of a request: the fields of `scenario.json` that are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// A request that was run end to end, with everything that came of it.
#[derive(Debug, Deserialize)]
pub(super) struct Scenario {
    pub(super) handler: String,
    /// The parameters of the request; what they are depends on the handler.
    pub(super) args: Map<String, Value>,
    #[serde(default)]
    pub(super) config: Map<String, Value>,
    /// Who asked.
    pub(super) user: Option<String>,
    #[serde(default)]
    pub(super) hooks: Vec<Hook>,
    /// What ours does otherwise on purpose.
    #[serde(default)]
    pub(super) ours: Option<Ours>,
    pub(super) result: Recorded,
    /// The directory it was read from.
    #[serde(skip)]
    pub(super) folder: PathBuf,
}

/// Something that happens while a request runs.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Hook {
    /// It happens when a phase begins whose text has this in it.
    pub(super) at_reason: String,
    /// The tag that is moved, as `repository:tag`.
    pub(super) tag: String,
    /// The tag whose image it is moved to.
    pub(super) becomes: String,
}

/// How ours differs on purpose.
#[derive(Debug, Deserialize)]
pub(super) struct Ours {
    pub(super) state: Option<State>,
    #[serde(default)]
    pub(super) ignore: BTreeSet<Part>,
    pub(super) skip: Option<String>,
}

/// A part of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    Updates,
    Tags,
    Images,
    Error,
    Reason,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Complete,
    Failed,
}

/// What came of a request.
#[derive(Debug, Deserialize)]
pub(super) struct Recorded {
    pub(super) state: State,
    /// The updates sent while it ran, in their order.
    pub(super) updates: Vec<Map<String, Value>>,
    pub(super) output_tags: BTreeSet<String>,
    #[serde(default)]
    pub(super) changed_tags: BTreeSet<String>,
    #[serde(default)]
    pub(super) removed_tags: BTreeSet<String>,
    /// The lists it left, by file name.
    #[serde(default)]
    pub(super) files: BTreeMap<String, Vec<String>>,
    /// What the tags of both kinds point to.
    #[serde(default)]
    pub(super) images: BTreeMap<String, TagImage>,
    pub(super) error: Option<Raised>,
    /// Bundles whose skips the reference tool writes in random order when it adds them.
    #[serde(default)]
    pub(super) bundles_with_several_skips: BTreeSet<String>,
}

/// What the reference service failed with.
#[derive(Debug, Deserialize)]
pub(super) struct Raised {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) text: String,
}

/// What a tag points to.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum TagImage {
    /// A manifest list.
    List {
        media_type: String,
        manifests: Vec<Entry>,
    },
    /// The image for one architecture in the list of another tag.
    Child {
        media_type: String,
        child_of: String,
        architecture: String,
    },
    /// What another tag points to.
    Same { same_as: String },
    /// Anything else.
    Other(IgnoredAny),
}

/// An entry of a manifest list.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "entry_media_type")]
    pub(super) listed_type: String,
    pub(super) platform: Map<String, Value>,
    pub(super) architecture: String,
    #[serde(flatten)]
    pub(super) image: EntryImage,
}

/// The image of an entry.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum EntryImage {
    /// It equals that of another architecture.
    Same {
        same_as: String,
    },
    Whole(Box<Image>),
}

/// An image, file by file.
#[derive(Debug, Deserialize)]
pub(super) struct Image {
    pub(super) media_type: String,
    pub(super) config_media_type: String,
    pub(super) layer_media_types: BTreeSet<String>,
    pub(super) os: String,
    pub(super) config: Map<String, Value>,
    pub(super) files: Vec<File>,
    pub(super) database: Option<Database>,
    pub(super) fbc: Option<Catalog>,
    pub(super) cache_digest: Option<String>,
    pub(super) bundle: Option<Bundle>,
}

/// The files of a bundle.
#[derive(Debug, Deserialize)]
pub(super) struct Bundle {
    /// The archive with the files.
    pub(super) tree: String,
}

/// A file or directory that the binary image does not hold, or not like this.
#[derive(Debug, Deserialize)]
pub(super) struct File {
    pub(super) path: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) mode: String,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) size: Option<u64>,
    pub(super) sha256: Option<String>,
}

/// An index database.
#[derive(Debug, Deserialize)]
pub(super) struct Database {
    pub(super) path: String,
    pub(super) dump_sha256: String,
    /// The file with the dump.
    pub(super) dump: String,
    pub(super) schema_sha256: String,
    pub(super) loose_sha256: String,
}

/// The files below `/configs`.
#[derive(Debug, Deserialize)]
pub(super) struct Catalog {
    pub(super) sha256: String,
    /// The archive with the files.
    pub(super) tree: String,
    pub(super) loose_sha256: String,
}

impl Scenario {
    /// Reads the scenario in a directory.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("scenario.json");
        let text =
            std::fs::read(&path).with_context(|| format!("`{}` cannot be read", path.display()))?;
        let mut scenario: Self = serde_json::from_slice(&text)
            .with_context(|| format!("`{}` is not understood", path.display()))?;
        folder.clone_into(&mut scenario.folder);
        Ok(scenario)
    }

    /// The state that ours must end in.
    pub(super) fn state(&self) -> State {
        let ours = self.ours.as_ref().and_then(|ours| ours.state);
        ours.unwrap_or(self.result.state)
    }

    /// Whether a part of the result is compared.
    pub(super) fn compares(&self, part: Part) -> bool {
        self.ours
            .as_ref()
            .is_none_or(|ours| !ours.ignore.contains(&part))
    }
}
