//! The files of an image, by everything that a container sees of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::scenario::Image;
use super::super::tree::{FileTree, Node};
use super::{Differences, catalog};

/// Compares everything that is not in the binary image.
pub(super) fn compare(
    ours: &FileTree,
    base: &FileTree,
    recorded: &Image,
    is_loose: bool,
) -> Differences {
    let theirs: BTreeMap<PathBuf, String> = recorded
        .files
        .iter()
        .map(|file| {
            let path = PathBuf::from(&file.path);
            let mut facts = format!("{} {} {} {}", file.kind, file.mode, file.uid, file.gid);
            if let Some(size) = file.size {
                facts = format!("{facts} {size}");
            }
            if let Some(sha256) = &file.sha256
                && !(is_loose && catalog::is_random(&path))
            {
                facts = format!("{facts} {sha256}");
            }
            (path, facts)
        })
        .collect();
    let ours_new = ours
        .iter()
        .filter(|(path, node)| base.get(*path) != Some(node));
    let found: BTreeMap<&PathBuf, &Node> = ours_new.collect();
    let mut differences = Differences::new();
    for (path, theirs) in &theirs {
        let shown = path.display();
        match found.get(path) {
            None => differences.push(format!("`{shown}` is missing")),
            Some(node) => {
                let ours = facts(node, theirs.split(' ').count());
                if ours != *theirs {
                    differences.push(format!("`{shown}` is `{ours}`, recorded is `{theirs}`"));
                }
            }
        }
    }
    let more = found.keys().filter(|path| !theirs.contains_key(**path));
    differences.extend(more.map(|path| format!("`{}` is there", path.display())));
    let lost = base.keys().filter(|path| !ours.contains_key(*path));
    differences
        .extend(lost.map(|path| format!("`{}` of the binary image is lost", path.display())));
    differences
}

/// So many facts of a file, in the order of the recordings.
fn facts(node: &Node, count: usize) -> String {
    let mode = match node.mode {
        mode if mode > 0o777 => format!("{mode:o}"),
        mode => format!("0{mode:03o}"),
    };
    let facts = [
        node.kind.clone(),
        mode,
        node.uid.to_string(),
        node.gid.to_string(),
        node.content.len().to_string(),
        oci::Digest::of(&node.content).hex().to_owned(),
    ];
    facts[..count.min(facts.len())].join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn image(files: &Value) -> Image {
        let image = json!({
            "media_type": "", "config_media_type": "", "layer_media_types": [], "os": "linux",
            "config": {}, "files": files,
        });
        serde_json::from_value(image).unwrap()
    }

    fn file(mode: u32, uid: u64, content: &str) -> Node {
        Node {
            mode,
            uid,
            kind: "file".to_owned(),
            content: content.into(),
            ..Node::implied()
        }
    }

    #[test]
    fn every_fact_of_a_file_counts() {
        let base = FileTree::from([("/bin".into(), Node::implied())]);
        let files = json!([{
            "path": "/a", "type": "file", "mode": "0644", "uid": 7, "gid": 0, "size": 1,
            "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        }]);
        let with = |more: &[(&str, Node)], loose| {
            let mut ours = base.clone();
            ours.extend(more.iter().map(|(path, node)| (path.into(), node.clone())));
            compare(&ours, &base, &image(&files), loose)
        };
        assert!(with(&[("/a", file(0o644, 7, "x"))], false).is_empty());
        for (node, part) in [
            (file(0o600, 7, "x"), "0600"),
            (file(0o4644, 7, "x"), "4644"),
            (file(0o644, 0, "x"), "0644 0 0"),
            (file(0o644, 7, "xx"), " 2 "),
            (file(0o644, 7, "y"), "recorded is"),
            (Node::implied(), "`dir "),
        ] {
            let found = with(&[("/a", node)], true).concat();
            assert!(found.contains("`/a` is") && found.contains(part), "{found}");
        }
        assert_eq!(with(&[], false), ["`/a` is missing"]);
        let more = [("/a", file(0o644, 7, "x")), ("/b", Node::implied())];
        assert_eq!(with(&more, false), ["`/b` is there"]);
        let lost = compare(&FileTree::new(), &base, &image(&json!([])), false);
        assert_eq!(lost, ["`/bin` of the binary image is lost"]);
    }

    #[test]
    fn only_random_content_is_left_out() {
        let files = json!([{
            "path": "/configs/a.json", "type": "file", "mode": "0644", "uid": 0, "gid": 0,
            "size": 1, "sha256": "0",
        }]);
        let base = FileTree::new();
        let ours = BTreeMap::from([("/configs/a.json".into(), file(0o644, 0, "x"))]);
        assert!(compare(&ours, &base, &image(&files), true).is_empty());
        assert_eq!(compare(&ours, &base, &image(&files), false).len(), 1);
    }
}
