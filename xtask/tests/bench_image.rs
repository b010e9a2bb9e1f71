//! What `cargo xtask bench image` says when it cannot measure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that ends well only when it is called with `works`.
fn program(directory: &Path, works: &str) -> PathBuf {
    let path = directory.join("iib");
    let script =
        format!("#!/bin/sh\ncase \"$*\" in *'{works}'*) exit 0;; esac\necho no >&2\nexit 2\n");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// What is printed when it fails.
#[expect(
    clippy::disallowed_methods,
    reason = "the program under test is run as its users run it"
)]
fn failing(iib: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["bench", "image", "--bundles", "2", "--iib"])
        .arg(iib)
        .args(args)
        .env("PATH", "")
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_program_that_cannot_do_it_is_named_before_anything_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let text = failing(&program(directory.path(), "catalog cache"), &[]);
    assert!(
        text.contains("/iib` has no command `index add-fragment`"),
        "{text}"
    );
    assert!(text.contains("cargo build --release -p iib"), "{text}");
    let text = failing(&directory.path().join("absent"), &[]);
    assert!(text.contains("/absent` cannot be run"), "{text}");
}

#[test]
fn a_cache_that_cannot_be_made_ends_it_with_what_was_said() {
    let directory = tempfile::tempdir().unwrap();
    let text = failing(&program(directory.path(), "add-fragment"), &[]);
    assert!(text.contains("error: ") && text.contains("no\n"), "{text}");
}

#[test]
fn a_missing_registry_is_named_with_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let text = failing(
        &program(directory.path(), "catalog cache"),
        &["--only-plain-way"],
    );
    assert!(text.contains("`docker-registry` cannot be run"), "{text}");
    assert!(text.contains(".ci/install"), "{text}");
}
