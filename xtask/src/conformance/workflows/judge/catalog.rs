//! The content of index images: the database, the catalog and its serve cache.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indexdb::IndexDb;
use indexdb::dump::DumpOptions;
use oci::Digest;
use serde_json::Value;

use super::super::scenario::{Catalog, Database, Scenario};
use super::super::tree::FileTree;
use super::Differences;

/// Where catalogs and caches are in results.
const CONFIGS: &str = "/configs";
const CACHE: &str = "/tmp/cache";
const CACHE_DIGEST: &str = "/tmp/cache/pogreb.v1/digest";

/// Whether a file's content is random where the order of skips is.
pub(super) fn is_random(path: &Path) -> bool {
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    path.starts_with(CONFIGS) && is_json || path == Path::new(CACHE_DIGEST)
}

/// Compares a database.
pub(super) fn compare_database(
    scenario: &Scenario,
    recorded: &Database,
    index: &IndexDb,
    is_loose: bool,
) -> anyhow::Result<Differences> {
    let mut differences = Differences::new();
    let schema = digest(&index.dump_schema()?);
    if schema != recorded.schema_sha256 {
        differences.push(format!(
            "the database's schema is {schema}, recorded is {}",
            recorded.schema_sha256
        ));
    }
    let [strict, loose] = [false, true].map(|loose| {
        index.dump(&DumpOptions {
            hash_over: None,
            loose,
        })
    });
    let (strict, loose) = (strict?, loose?);
    let is_equal = digest(&strict) == recorded.dump_sha256
        || is_loose && digest(&loose) == recorded.loose_sha256;
    if !is_equal {
        let theirs = golden::unpacked_file(&scenario.folder.join(&recorded.dump))?;
        differences.push(format!(
            "the database's rows differ\n{}",
            golden::shown(strict.join("\n").as_bytes(), &theirs)
        ));
    }
    Ok(differences)
}

/// Compares the files of a catalog.
pub(super) fn compare_catalog(
    scenario: &Scenario,
    recorded: &Catalog,
    tree: &FileTree,
    is_loose: bool,
) -> anyhow::Result<Differences> {
    let ours = below(tree, CONFIGS);
    let is_equal = golden::tree_digest(&ours) == recorded.sha256
        || is_loose && golden::tree_digest(&loosened(&ours)?) == recorded.loose_sha256;
    if is_equal {
        return Ok(Differences::new());
    }
    let theirs = golden::archived_files(&scenario.folder.join(&recorded.tree))?;
    let mut differences = vec!["the catalog differs".to_owned()];
    let (ours, theirs) = if is_loose {
        (loosened(&ours)?, loosened(&theirs)?)
    } else {
        (ours, theirs)
    };
    for (path, theirs) in &theirs {
        let path_shown = path.display();
        match ours.get(path) {
            None => differences.push(format!("it lacks `{path_shown}`")),
            Some(ours) if ours != theirs => {
                let shown = golden::shown(ours, theirs);
                differences.push(format!("`{path_shown}`:\n{shown}"));
            }
            Some(_) => {}
        }
    }
    let more = ours.keys().filter(|path| !theirs.contains_key(*path));
    differences.extend(more.map(|path| format!("it has `{}`", path.display())));
    Ok(differences)
}

/// Compares the serve cache: its digest, and that it is the cache of the catalog beside it.
pub(super) fn compare_cache(
    recorded: &str,
    tree: &FileTree,
    is_loose: bool,
) -> anyhow::Result<Differences> {
    let mut differences = Differences::new();
    let digest = tree.get(Path::new(CACHE_DIGEST));
    let digest = digest.map_or(&[][..], |node| &node.content);
    if !is_loose && digest != recorded.as_bytes() {
        differences.push(format!(
            "the cache's digest is `{}`, recorded is `{recorded}`",
            digest.escape_ascii()
        ));
    }
    let folder = tempfile::tempdir()?;
    let [catalog, cache] = [CONFIGS, CACHE].map(|part| {
        let to = folder.path().join(part.trim_start_matches('/'));
        unpack(tree, Path::new(part), &to).map(|()| to)
    });
    if let Err(error) = golden::check_cache(&catalog?, &cache?) {
        differences.push(format!("the cache is not that of the catalog: {error:#}"));
    }
    Ok(differences)
}

/// The content of files below a directory, by their paths from there.
fn below(tree: &FileTree, root: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    tree.iter()
        .filter(|(_, node)| node.kind == "file")
        .filter_map(|(path, node)| {
            let path = path.strip_prefix(root).ok()?;
            Some((path.to_owned(), node.content.clone()))
        })
        .collect()
}

/// Writes everything below `root` to the directory `to`, with its rights; owners are ours.
fn unpack(tree: &FileTree, root: &Path, to: &Path) -> anyhow::Result<()> {
    for (path, node) in tree.iter().filter(|(path, _)| path.starts_with(root)) {
        let to = match path.strip_prefix(root)? {
            below if below.as_os_str().is_empty() => to.to_owned(),
            below => to.join(below),
        };
        let write = || {
            if node.kind == "dir" {
                fs::create_dir_all(&to)?;
            } else {
                fs::write(&to, &node.content)?;
            }
            fs::set_permissions(&to, Permissions::from_mode(node.mode))
        };
        write().with_context(|| format!("`{}` cannot be written", to.display()))?;
    }
    Ok(())
}

/// The same files without what is random in the recordings: the order of skips. JSON is written in one way alone.
fn loosened(files: &BTreeMap<PathBuf, Vec<u8>>) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    files
        .iter()
        .map(|(path, content)| {
            let is_json = path
                .extension()
                .is_some_and(|extension| extension == "json");
            let content = if is_json {
                let loose = loosened_file(content);
                loose.with_context(|| format!("`{}` is no JSON", path.display()))?
            } else {
                content.clone()
            };
            Ok((path.clone(), content))
        })
        .collect()
}

fn loosened_file(content: &[u8]) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::new();
    for document in serde_json::Deserializer::from_slice(content).into_iter::<Value>() {
        let mut document = document?;
        document.sort_all_objects();
        if document["schema"] == "olm.channel"
            && let Some(entries) = document["entries"].as_array_mut()
        {
            for skips in entries
                .iter_mut()
                .filter_map(|entry| entry.get_mut("skips")?.as_array_mut())
            {
                skips.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            }
        }
        serde_json::to_writer(&mut text, &document)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// The digest of lines, as the recordings have it.
fn digest(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    if !lines.is_empty() {
        text.push('\n');
    }
    Digest::of(text).hex().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loose_files_differ_in_the_order_of_skips_alone() {
        let loose =
            |text: &str| String::from_utf8(loosened_file(text.as_bytes()).unwrap()).unwrap();
        let channel =
            r#"{"schema": "olm.channel", "entries": [{"skips": ["b", "a"], "name": "é"}]}"#;
        let expected =
            "{\"entries\":[{\"name\":\"é\",\"skips\":[\"a\",\"b\"]}],\"schema\":\"olm.channel\"}\n";
        assert_eq!(loose(channel), expected);
        assert_eq!(loose(&format!("{channel}\n{channel}")), expected.repeat(2));
        let other = r#"{"schema":"x","skips":["b","a"]}"#;
        assert_eq!(loose(other), format!("{other}\n"));
        assert!(loosened_file(b"{").is_err());
    }

    #[test]
    fn what_is_random_is_known_by_its_path() {
        for (path, random) in [
            ("/configs/a/catalog.json", true),
            ("/configs/a/catalog.yaml", false),
            ("/other/catalog.json", false),
            ("/tmp/cache/pogreb.v1/digest", true),
            ("/tmp/cache/pogreb.v1/db/main.pix", false),
        ] {
            assert_eq!(is_random(Path::new(path)), random, "{path}");
        }
    }
}
