//! Serve caches.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use catalog::cache::{self, CacheError, Integrity, Options};
use sha2::Digest as _;

use crate::files::compare;
use crate::recorded::{make_directory, write_file};
use crate::replay::{Judged, Workspace};
use crate::scenario::Step;
use crate::{meaning, shown, with_causes};

/// The format of one file a record.
const JSON: &str = "json";
/// The digest of such a cache, and the folder of its records; where both are there, the reference tool takes this format.
const DIGEST: &str = "digest";
const RECORDS: &str = "cache";

/// A directory as the recordings list it: by path, kind and permissions, for files also size and digest.
type Listing = BTreeMap<String, String>;

/// Makes the cache as a server does that is to exit when it has one, and compares it with the recorded one.
pub(crate) fn step(workspace: &Workspace<'_>, step: &Step) -> anyhow::Result<Judged> {
    let name = step.need("cache")?;
    let (catalog, cache) = (workspace.at(step.need("dir")?), workspace.at(name));
    begin(step, &cache)?;
    let before = listing(&cache)?;
    let written = serve(&catalog, &cache);
    let after = listing(&cache)?;
    let recorded = match step.text("cache_tree") {
        Some(file) => Some(recorded_listing(&workspace.scenario.file(file)?)?),
        None => None,
    };
    let digest = match written {
        Ok(digest) => digest,
        Err(error) => {
            let error = with_causes(&error);
            ensure!(
                before == after,
                "it is refused, but changed the cache: {error}"
            );
            let judged = compare(step, Err(error), meaning::of_cache)?;
            return Ok(match judged {
                Judged::Refused(said) if recorded.is_some_and(|recorded| recorded != after) => {
                    Judged::Debris(said, name.to_owned())
                }
                judged => judged,
            });
        }
    };
    compare(step, Ok(()), meaning::of_cache)?;
    let recorded_digest = step.need("digest")?;
    let variants = step.variants("digest");
    ensure!(
        digest == recorded_digest || variants.contains(&digest),
        "the digest is `{digest}`, recorded is `{recorded_digest}`"
    );
    // Without a listing the digest stands for the records.
    if let Some(recorded) = recorded {
        let is_json = step.text("format") == Some(JSON);
        // The reference tool's other format holds a random seed: what is in it counts, not how it is stored.
        let [ours, theirs] = [&after, &recorded].map(|listing| lines(listing, is_json));
        ensure!(
            ours == theirs,
            "the cache's files differ\n{}",
            shown(ours.as_bytes(), theirs.as_bytes())
        );
    }
    read_recorded(workspace, step, &catalog, &cache)?;
    Ok(Judged::Equal)
}

/// Makes the cache directory that chooses the format, unless there is one.
fn begin(step: &Step, cache: &Path) -> anyhow::Result<()> {
    if cache.exists() {
        return Ok(());
    }
    make_directory(cache)?;
    match step.text("format") {
        Some(JSON) => {
            make_directory(&cache.join(RECORDS))?;
            write_file(&cache.join(DIGEST), b"")
        }
        None | Some("pogreb.v1") => Ok(()),
        Some(other) => bail!("nobody wrote down what the format `{other}` is"),
    }
}

/// Brings the cache up to date if it is not, and gives its digest.
fn serve(catalog: &Path, cache: &Path) -> Result<String, CacheError> {
    cache::update(catalog, cache, Options::default()).map(|report| report.digest)
}

/// Takes the caches that the reference tool made: ours must accept them, and read the same records out of them.
///
/// Archives were made after the last step, so each belongs to the step whose digest it has.
fn read_recorded(
    workspace: &Workspace<'_>,
    step: &Step,
    catalog: &Path,
    ours: &Path,
) -> anyhow::Result<()> {
    let of_this_cache = |other: &&Step| other.text("cache") == step.text("cache");
    for maker in workspace.scenario.steps.iter().filter(of_this_cache) {
        let Some(archive) = maker.text("cache_tar") else {
            continue;
        };
        let files = workspace.scenario.tree(archive)?;
        let digest_file = step.text("digest_file").unwrap_or(DIGEST);
        let its_digest = files
            .get(Path::new(digest_file))
            .map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
        if its_digest.as_deref() != step.text("digest") {
            continue;
        }
        let folder = tempfile::tempdir()?;
        let theirs = folder.path().join("cache");
        make_directory(&theirs)?;
        for (path, bytes) in &files {
            write_file(&theirs.join(path), bytes)?;
        }
        // Archives carry no rights.
        let tree = recorded_listing(&workspace.scenario.file(step.need("cache_tree")?)?)?;
        for (path, facts) in &tree {
            set_mode(&theirs.join(path), facts)?;
        }
        accept(catalog, &theirs, ours, step)
            .with_context(|| format!("the recorded cache `{archive}`"))?;
    }
    Ok(())
}

/// Checks that the serve cache in a directory is that of the catalog in another one, as a server does that is told to.
///
/// # Errors
/// If it is of another catalog, damaged, or cannot be read.
pub fn check_cache(catalog: &Path, cache: &Path) -> anyhow::Result<()> {
    match cache::check(catalog, cache) {
        Ok(Integrity::Current { .. }) => Ok(()),
        Ok(other) => bail!("it is not accepted: {other:?}"),
        Err(error) => bail!("it is not accepted: {}", with_causes(&error)),
    }
}

fn accept(catalog: &Path, theirs: &Path, ours: &Path, step: &Step) -> anyhow::Result<()> {
    check_cache(catalog, theirs)?;
    if step.text("format") == Some(JSON) {
        return Ok(());
    }
    let (ours, theirs) = (records(ours)?, records(theirs)?);
    ensure!(
        ours == theirs,
        "its records differ\n{}",
        shown(ours.as_bytes(), theirs.as_bytes())
    );
    Ok(())
}

/// The keys and values of a cache, one a line.
fn records(cache: &Path) -> Result<String, CacheError> {
    let mut lines = Vec::new();
    cache::records(cache, |key, value| {
        lines.push(format!("{} {}", key.escape_ascii(), value.escape_ascii()));
    })?;
    Ok(lines.join("\n"))
}

/// Gives a file or directory the rights that a listing has.
fn set_mode(path: &Path, facts: &str) -> anyhow::Result<()> {
    let mode = facts.split(' ').nth(1).unwrap_or_default();
    let mode = u32::from_str_radix(mode, 8)
        .with_context(|| format!("a listing has odd rights `{mode}`"))?;
    fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("`{}` cannot be given its rights", path.display()))
}

fn listing(root: &Path) -> anyhow::Result<Listing> {
    let mut found = Listing::new();
    walk(root, root, &mut found).with_context(|| format!("`{}` cannot be read", root.display()))?;
    Ok(found)
}

fn walk(root: &Path, path: &Path, found: &mut Listing) -> std::io::Result<()> {
    let metadata = fs::metadata(path)?;
    let mode = metadata.permissions().mode() & 0o777;
    let name = match path.strip_prefix(root).unwrap_or(path).to_string_lossy() {
        name if name.is_empty() => ".".to_owned(),
        name => name.into_owned(),
    };
    if metadata.is_dir() {
        found.insert(name, format!("d {mode:o}"));
        for entry in fs::read_dir(path)? {
            walk(root, &entry?.path(), found)?;
        }
    } else {
        let digest = hex::encode(sha2::Sha256::digest(fs::read(path)?));
        found.insert(name, format!("f {mode:o} {} {digest}", metadata.len()));
    }
    Ok(())
}

/// Reads a recorded listing: `d <mode> <path>` or `f <mode> <size> <digest> <path>` a line.
fn recorded_listing(text: &[u8]) -> anyhow::Result<Listing> {
    let text = std::str::from_utf8(text).context("a listing is no text")?;
    text.lines()
        .map(|line| {
            let facts = if line.starts_with("d ") { 2 } else { 4 };
            let path = line.splitn(facts + 1, ' ').nth(facts);
            let path = path.with_context(|| format!("a listing has an odd line `{line}`"))?;
            let facts = line.strip_suffix(path).unwrap_or(line).trim_end();
            Ok((path.to_owned(), facts.to_owned()))
        })
        .collect()
}

/// One entry a line: all facts, or kind and rights alone.
fn lines(listing: &Listing, all: bool) -> String {
    let facts = |facts: &str| {
        let count = if all { usize::MAX } else { 2 };
        facts.split(' ').take(count).collect::<Vec<_>>().join(" ")
    };
    let lines: Vec<String> = listing
        .iter()
        .map(|(path, of)| format!("{path} {}", facts(of)))
        .collect();
    lines.join("\n")
}
