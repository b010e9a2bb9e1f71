//! Small bundles and databases for behaviour tests and laws.

#![allow(dead_code, reason = "each test program uses its part of this")]

use std::fmt::Write;

use bundle::{Bundle, BundleFiles};
use indexdb::dump::DumpOptions;
use indexdb::{AddOptions, Error, IndexDb, Mode};
use tempfile::TempDir;

/// A bundle to be; `package.vVERSION` in channel `stable`, from image `img/package:VERSION`, unless told otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) package: String,
    pub(crate) name: String,
    version: String,
    pub(crate) path: String,
    channels: String,
    default: String,
    csv: String,
    annotations: String,
}

/// A bundle of a package and version.
pub(crate) fn spec(package: &str, version: &str) -> Spec {
    Spec {
        package: package.to_owned(),
        name: format!("{package}.v{version}"),
        version: version.to_owned(),
        path: format!("img/{package}:{version}"),
        channels: "stable".to_owned(),
        default: String::new(),
        csv: String::new(),
        annotations: String::new(),
    }
}

impl Spec {
    pub(crate) fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    pub(crate) fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    pub(crate) fn channels(mut self, channels: &str, default: &str) -> Self {
        channels.clone_into(&mut self.channels);
        default.clone_into(&mut self.default);
        self
    }

    pub(crate) fn replaces(mut self, name: &str) -> Self {
        writeln!(self.csv, "  replaces: {name}").unwrap();
        self
    }

    pub(crate) fn skips(mut self, names: &str) -> Self {
        writeln!(self.csv, "  skips: [{names}]").unwrap();
        self
    }

    pub(crate) fn substitutes(self, name: &str) -> Self {
        self.annotated("olm.substitutesFor", name)
    }

    pub(crate) fn annotated(mut self, key: &str, value: &str) -> Self {
        write!(self.annotations, "{key}: '{value}',").unwrap();
        self
    }

    /// A description of that many bytes.
    pub(crate) fn described(mut self, bytes: usize) -> Self {
        writeln!(self.csv, "  description: {}", "x".repeat(bytes)).unwrap();
        self
    }

    /// An API service both sides can name without a CRD.
    pub(crate) fn api(mut self, side: &str, kind: &str) -> Self {
        write!(
            self.csv,
            "  apiservicedefinitions:\n    {side}:\n    - {{group: example.com, version: v1, kind: {kind}, name: {kind}s}}\n"
        )
        .unwrap();
        self
    }

    pub(crate) fn bundle(&self) -> Bundle {
        let Self {
            package,
            name,
            version,
            path,
            channels,
            default,
            csv,
            annotations,
        } = self;
        let csv = format!(
            "kind: ClusterServiceVersion\nmetadata:\n  name: {name}\n  annotations: {{{annotations}}}\nspec:\n  version: '{version}'\n{csv}"
        );
        let key = "operators.operatorframework.io.bundle";
        let annotations = format!(
            "annotations:\n  {key}.package.v1: {package}\n  {key}.channels.v1: {channels}\n  {key}.channel.default.v1: {default}\n"
        );
        let folder = |name: &str, text: String| Some([(name.to_owned(), text.into_bytes())].into());
        let files = BundleFiles {
            manifests: folder("csv.yaml", csv),
            metadata: folder("annotations.yaml", annotations),
        };
        Bundle::read(&files, path).unwrap()
    }
}

/// An index in a folder of its own.
pub(crate) struct Index {
    pub(crate) database: IndexDb,
    folder: TempDir,
}

impl Index {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = IndexDb::create(&folder.path().join("index.db"), 0)
            .unwrap()
            .without_sync()
            .unwrap();
        Self { database, folder }
    }

    /// Adds bundles one after another, each in a call of its own.
    pub(crate) fn with(specs: &[Spec]) -> Self {
        let mut index = Self::new();
        for spec in specs {
            index.add(std::slice::from_ref(spec)).unwrap();
        }
        index
    }

    /// The bytes of its file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("index.db")).unwrap()
    }

    /// Copies its file.
    pub(crate) fn copy_to(&self, path: &std::path::Path) {
        std::fs::copy(self.folder.path().join("index.db"), path).unwrap();
    }

    pub(crate) fn add(&mut self, specs: &[Spec]) -> Result<(), Error> {
        self.add_with(specs, AddOptions::default())
    }

    pub(crate) fn overwrite(&mut self, specs: &[Spec]) -> Result<(), Error> {
        self.add_with(
            specs,
            AddOptions {
                overwrite_latest: true,
                ..AddOptions::default()
            },
        )
    }

    pub(crate) fn add_mode(&mut self, mode: Mode, specs: &[Spec]) -> Result<(), Error> {
        self.add_with(
            specs,
            AddOptions {
                mode,
                ..AddOptions::default()
            },
        )
    }

    /// Adds bundles in one call; checks that a refused call changes nothing.
    pub(crate) fn add_with(&mut self, specs: &[Spec], options: AddOptions) -> Result<(), Error> {
        let before = self.rows();
        let bundles: Vec<Bundle> = specs.iter().map(Spec::bundle).collect();
        let added = self.database.add(&bundles, &options).map(drop);
        if added.is_err() {
            assert_eq!(self.rows(), before, "a refused call changed the database");
        }
        added
    }

    pub(crate) fn rows(&self) -> Vec<String> {
        self.database.dump(&DumpOptions::default()).unwrap()
    }

    /// The entries as `channel bundle@depth>replaced@depth`, in the order of channels and depths.
    pub(crate) fn entries(&self) -> Vec<String> {
        let mut entries: Vec<(String, i64, String)> = Vec::new();
        for row in self.table("channel_entry") {
            let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            let (channel, bundle, depth) = (
                text("channel_name"),
                text("operatorbundle_name"),
                row["depth"].as_i64().unwrap(),
            );
            let shown = format!("{channel} {bundle}@{depth}>{}", text("replaces"));
            entries.push((channel, depth, shown));
        }
        entries.sort();
        entries.into_iter().map(|(_, _, shown)| shown).collect()
    }

    /// The rows of a table.
    pub(crate) fn table(&self, table: &str) -> Vec<serde_json::Value> {
        let rows = self.rows();
        let rows = rows
            .iter()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        rows.filter(|line| line["table"] == table)
            .map(|line| line["row"].clone())
            .collect()
    }
}

/// The error of a refused call must say this.
pub(crate) fn check_refused(added: Result<(), Error>, expected: &str) {
    let message = added.unwrap_err().to_string();
    assert!(
        message.contains(expected),
        "{message:?} should contain {expected:?}"
    );
}
