//! Images that buildah makes, and what is in a container of one.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use oci::Digest;

use super::tools::DockerRegistry;

/// A file or directory on the disk that goes into an image, and whose it is then.
#[derive(Clone, Copy)]
pub(crate) struct Copied<'a> {
    pub(crate) from: &'a Path,
    pub(crate) to: &'a str,
    /// `user:group`
    pub(crate) owner: &'a str,
}

/// Everything below the root of a container but the root itself, by path without a leading slash.
pub(crate) type FileSystem = BTreeMap<String, Facts>;

/// What is known of a file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// `d` for a directory, the digest of a file, where a link leads.
    pub(crate) content: String,
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mode,
            uid,
            gid,
            content,
        } = self;
        write!(f, "{mode:o} {uid}:{gid} {content}")
    }
}

/// A container.
pub(crate) struct Mounted {
    /// Where its file system lies on the disk.
    pub(crate) root: PathBuf,
}

impl DockerRegistry {
    /// Builds `name` of `copied`, in one layer over `base`, for one architecture, and keeps it in the tools' own storage.
    pub(crate) async fn build(
        &self,
        name: &str,
        base: &str,
        arch: &str,
        copied: &[Copied<'_>],
        config: &[&str],
    ) {
        let engine = async |args: &[&str]| self.run_engine("buildah", args).await;
        let container = engine(&["from", "--arch", arch, base]).await;
        let container = container.trim();
        for Copied { from, to, owner } in copied {
            let from = from.to_str().unwrap();
            engine(&["copy", "--chown", owner, container, from, to]).await;
        }
        let platform = ["config", "--arch", arch, "--os", "linux"];
        engine(&[&platform, config, &[container]].concat()).await;
        engine(&["commit", "--format", "docker", "--rm", container, name]).await;
    }

    /// Builds `name` of `copied` for every architecture and pushes the manifest list.
    pub(crate) async fn push_built(
        &self,
        name: &str,
        arches: &[&str],
        copied: &[Copied<'_>],
        config: &[&str],
    ) {
        let engine = async |args: &[&str]| self.run_engine("buildah", args).await;
        let list = format!("list-{}", name.replace(':', "-"));
        engine(&["manifest", "create", &list]).await;
        for arch in arches {
            let image = format!("{list}-{arch}");
            self.build(&image, "scratch", arch, copied, config).await;
            engine(&["manifest", "add", "--arch", arch, &list, &image]).await;
        }
        let target = format!("docker://{}/{name}", self.site.host);
        engine(&[
            "manifest", "push", "--all", "--format", "v2s2", &list, &target,
        ])
        .await;
    }

    /// The file system of a container of `image`, as the tools unpack its layers.
    pub(crate) async fn mount(&self, image: &str, arch: &str) -> Mounted {
        let engine = async |args: &[&str]| self.run_engine("buildah", args).await;
        let container = engine(&["from", "--arch", arch, image]).await;
        let root = engine(&["mount", container.trim()]).await;
        Mounted {
            root: root.trim().into(),
        }
    }
}

impl Mounted {
    /// Everything that is there.
    pub(crate) fn files(&self) -> FileSystem {
        let mut files = FileSystem::new();
        list(&self.root, "", &mut files);
        files
    }
}

fn list(folder: &Path, prefix: &str, files: &mut FileSystem) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, metadata) = (entry.path(), entry.metadata().unwrap());
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        let content = if metadata.is_dir() {
            list(&path, &format!("{name}/"), files);
            "d".to_owned()
        } else if metadata.is_symlink() {
            std::fs::read_link(&path).unwrap().display().to_string()
        } else {
            Digest::of(std::fs::read(&path).unwrap()).to_string()
        };
        let facts = Facts {
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            content,
        };
        files.insert(name, facts);
    }
}

/// Fails, naming each path, unless both file systems are equal.
#[track_caller]
pub(crate) fn assert_same_files(ours: &FileSystem, expected: &FileSystem) {
    let mut differences = Vec::new();
    for (path, expected) in expected {
        match ours.get(path) {
            None => differences.push(format!("`{path}` is missing")),
            Some(ours) if ours == expected => {}
            Some(ours) => differences.push(format!("`{path}` is {ours}, expected is {expected}")),
        }
    }
    let more = ours.keys().filter(|path| !expected.contains_key(*path));
    differences.extend(more.map(|path| format!("`{path}` is there")));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
