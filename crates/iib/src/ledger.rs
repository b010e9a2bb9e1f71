//! The ledger of overwrites: what an index's tag pointed to before somebody here moved it.
//!
//! One JSON line is written, durably, before a tag is moved, and one after it has moved; nothing is ever changed or removed.
//! A line that says what was about to happen is enough to know what did: the tag itself shows it.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context as _;
use builder::PlannedOverwrite;
use jiff::{Timestamp, Unit};
use oci::{Digest, ImageName};
use serde::{Deserialize, Serialize};

use crate::blocking::blocking;
use crate::cli::index::StateArgs;
use crate::{terminal, user_dirs};

/// The file in the directory for state.
const FILE: &str = "overwrites.jsonl";

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The index, with its tag.
    pub(crate) index: String,
    /// What the tag pointed to.
    pub(crate) from: Digest,
    /// What it was moved to.
    pub(crate) to: Digest,
    pub(crate) state: State,
    /// When the line was written.
    pub(crate) time: Timestamp,
}

/// How far an overwrite has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// The tag is about to be moved.
    Planned,
    /// The tag was moved.
    Done,
}

/// What a ledger knows of an index whose tag points somewhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Former<'l> {
    /// The overwrite that moved the tag to where it is.
    Known(&'l Entry),
    /// The tag was moved by somebody else after this overwrite, the last one known.
    MovedSince(&'l Entry),
    /// No overwrite is known to have moved the tag.
    Unknown,
}

/// The file with the lines.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
}

impl Ledger {
    /// The ledger that the command line and the environment name. Nothing is made.
    pub(crate) fn at(args: &StateArgs) -> anyhow::Result<Self> {
        let directory = args.state_dir.clone().or_else(user_dirs::state);
        let directory = directory.context("there is no place to record overwrites: neither XDG_STATE_HOME nor HOME is an absolute path; name a directory with `--state-dir`")?;
        Ok(Self {
            path: directory.join(FILE),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Records the overwrite of `index`, after making sure that lines can be written.
    pub(crate) async fn record(self, index: &ImageName) -> anyhow::Result<Record> {
        let index = index.clone();
        blocking(move || {
            self.make().with_context(|| self.failed())?;
            Ok(Record {
                index: key(&index)?,
                ledger: self,
                planned: OnceLock::new(),
            })
        })
        .await
    }

    /// The lines on `index`, oldest first; none if there is no ledger. What cannot be read is passed over with a warning.
    pub(crate) async fn read(&self, index: &ImageName) -> anyhow::Result<Vec<Entry>> {
        let (ledger, index) = (self.clone(), index.clone());
        blocking(move || {
            let index = key(&index)?;
            let path = ledger.path.display();
            let file = match File::open(&ledger.path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => {
                    return Err(error).with_context(|| format!("`{path}` could not be read"));
                }
            };
            let mut entries = Vec::new();
            for (number, line) in BufReader::new(file).split(b'\n').enumerate() {
                let line = line.with_context(|| format!("`{path}` could not be read"))?;
                match serde_json::from_slice::<Entry>(&line) {
                    Ok(entry) if entry.index == index => entries.push(entry),
                    Ok(_) => {}
                    // A crash may have cut a line off; those around it count.
                    Err(error) => terminal::complain(&format!(
                        "warning: line {} of `{path}` is no record of an overwrite and is passed over: {error}",
                        number + 1
                    )),
                }
            }
            Ok(entries)
        })
        .await
    }

    fn make(&self) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        File::options().append(true).create(true).open(&self.path)?;
        // The file's name has to be as durable as its lines.
        File::open(directory)?.sync_all()
    }

    fn append(&self, entry: &Entry) -> io::Result<()> {
        let mut file = File::options().read(true).append(true).open(&self.path)?;
        file.lock()?;
        let mut line = Vec::new();
        if is_cut(&mut file)? {
            line.push(b'\n');
        }
        serde_json::to_writer(&mut line, entry)?;
        line.push(b'\n');
        file.write_all(&line)?;
        file.sync_all()
    }

    fn failed(&self) -> String {
        format!(
            "the overwrite could not be recorded in `{}`; check the directory's permissions and free space, or name another one with `--state-dir`",
            self.path.display()
        )
    }
}

/// Whether the last line has no end.
fn is_cut(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// What the lines on an index say, whose tag points to `current`.
///
/// The tag's place decides, not whether the line was confirmed: who was cut off right after moving a tag could not say so,
/// and who was cut off before has left the tag where an earlier line put it.
pub(crate) fn former<'l>(entries: &'l [Entry], current: &Digest) -> Former<'l> {
    let latest_first = || entries.iter().rev();
    if let Some(entry) = latest_first().find(|entry| entry.to == *current) {
        return Former::Known(entry);
    }
    latest_first()
        .find(|entry| entry.state == State::Done)
        .map_or(Former::Unknown, Former::MovedSince)
}

/// What an index is called in the ledger, however it was written.
fn key(index: &ImageName) -> anyhow::Result<String> {
    let named = match index {
        ImageName::Registry(spec) => match spec.tag_ref() {
            Some(tag) => ImageName::Registry(tag.into()),
            None => index.clone(),
        },
        ImageName::Layout { path, .. } => ImageName::Layout {
            path: fs::canonicalize(path)
                .with_context(|| format!("`{}` could not be found", path.display()))?,
            reference: Some(index.reference()),
        },
    };
    Ok(named.to_string())
}

/// The record of one overwrite, as it happens.
#[derive(Debug)]
pub(crate) struct Record {
    ledger: Ledger,
    index: String,
    planned: OnceLock<PlannedOverwrite>,
}

impl Record {
    /// Writes down what is about to happen. It is durable when this returns. A move to the same place is none.
    pub(crate) async fn plan(&self, planned: &PlannedOverwrite) -> anyhow::Result<()> {
        if planned.from == planned.to || self.planned.get().is_some() {
            return Ok(());
        }
        self.write(planned, State::Planned).await?;
        self.planned.get_or_init(|| planned.clone());
        Ok(())
    }

    /// Writes down that it has happened, if anything was about to.
    pub(crate) async fn confirm(&self) {
        if let Some(planned) = self.planned.get()
            && let Err(error) = self.write(planned, State::Done).await
        {
            // The tag has moved, and the first line says from where: nothing is lost.
            terminal::complain(&format!("warning: {}", terminal::chain(&error)));
        }
    }

    async fn write(&self, planned: &PlannedOverwrite, state: State) -> anyhow::Result<()> {
        let entry = Entry {
            index: self.index.clone(),
            from: planned.from.clone(),
            to: planned.to.clone(),
            state,
            time: now(),
        };
        let ledger = self.ledger.clone();
        blocking(move || ledger.append(&entry).with_context(|| ledger.failed())).await
    }
}

/// The time to the second: more than that says nothing.
fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Second).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    fn entry(from: &str, to: &str, state: State) -> Entry {
        Entry {
            index: "quay.io/ns/index:v1".to_owned(),
            from: digest(from),
            to: digest(to),
            state,
            time: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_place_of_the_tag_says_which_overwrite_counts() {
        use State::{Done, Planned};
        let entries = [
            entry("a", "b", Planned),
            entry("a", "b", Done),
            // Cut off, before or after the tag was moved.
            entry("b", "c", Planned),
        ];
        let known = |current: &str| former(&entries, &digest(current));
        assert_eq!(known("b"), Former::Known(&entries[1]), "cut off before");
        assert_eq!(known("c"), Former::Known(&entries[2]), "cut off after");
        assert_eq!(known("z"), Former::MovedSince(&entries[1]));
        // What was only about to happen tells nothing of a tag that is somewhere else.
        assert_eq!(former(&entries[2..], &digest("z")), Former::Unknown);
        assert_eq!(former(&[], &digest("b")), Former::Unknown);
    }

    #[test]
    fn an_index_has_one_name_however_it_is_written() {
        let key = |text: &str| key(&text.parse().unwrap()).unwrap();
        assert_eq!(key("quay.io/ns/index"), "quay.io/ns/index:latest");
        assert_eq!(key("docker://quay.io/ns/index:v1"), "quay.io/ns/index:v1");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let layout = format!("oci:{}/./:v1", path.display());
        assert_eq!(key(&layout), format!("oci:{}:v1", path.display()));
        let missing: ImageName = "oci:/nonexistent/layout:v1".parse().unwrap();
        let error = super::key(&missing).unwrap_err();
        assert!(format!("{error:#}").contains("/nonexistent/layout"));
    }

    #[tokio::test]
    async fn a_line_that_was_cut_off_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let args = StateArgs {
            state_dir: Some(folder.path().join("deep/er")),
        };
        let ledger = Ledger::at(&args).unwrap();
        let index: ImageName = "quay.io/ns/index:v1".parse().unwrap();
        assert!(ledger.read(&index).await.unwrap().is_empty());
        assert!(!ledger.path().exists(), "reading makes nothing");
        let other: ImageName = "quay.io/ns/index:v2".parse().unwrap();
        let record = ledger.clone().record(&index).await.unwrap();
        let (from, to) = (digest("a"), digest("b"));
        let planned = PlannedOverwrite { from, to };
        record.plan(&planned).await.unwrap();
        let mut file = File::options().append(true).open(ledger.path()).unwrap();
        file.write_all(br#"{"index":"quay.io"#).unwrap();
        record.confirm().await;
        assert!(ledger.read(&other).await.unwrap().is_empty());
        let states: Vec<State> = (ledger.read(&index).await.unwrap().iter())
            .map(|entry| entry.state)
            .collect();
        assert_eq!(states, [State::Planned, State::Done]);
    }

    #[tokio::test]
    async fn a_tag_that_stays_is_not_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let args = StateArgs {
            state_dir: Some(folder.path().to_owned()),
        };
        let ledger = Ledger::at(&args).unwrap();
        let index: ImageName = "quay.io/ns/index:v1".parse().unwrap();
        let record = ledger.clone().record(&index).await.unwrap();
        let planned = PlannedOverwrite {
            from: digest("a"),
            to: digest("a"),
        };
        record.plan(&planned).await.unwrap();
        record.confirm().await;
        assert!(ledger.read(&index).await.unwrap().is_empty());
    }
}
