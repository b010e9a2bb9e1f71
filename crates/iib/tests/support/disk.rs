//! A disk that is soon full.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of 64 KiB, which a database does not fit on. Needs the right to mount.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it; says so and gives nothing where that is not possible, and fails if it must be.
    pub(crate) fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let path = at.to_str().unwrap();
        if run("mount", &["-t", "tmpfs", "-o", "size=64k", "tmpfs", path]) {
            return Some(Self(at.to_owned()));
        }
        skipped();
        None
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run("umount", &["--lazy", self.0.to_str().unwrap()]);
    }
}

#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "in CI nothing may be skipped, elsewhere it is told"
)]
fn skipped() {
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "file systems cannot be mounted here");
    eprintln!("skipped: file systems cannot be mounted here");
}

#[expect(
    clippy::disallowed_methods,
    reason = "a small file system is made as an administrator makes it"
)]
fn run(program: &str, args: &[&str]) -> bool {
    let status = Command::new(program).args(args).status();
    status.is_ok_and(|status| status.success())
}
