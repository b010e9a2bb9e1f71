//! Directories that are made to cost much, or to lead out.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use catalog::fbc::{Catalog, CatalogError, TreeError, files};
use tempfile::TempDir;

use crate::cost::assert_linear;

/// A directory with these files.
fn tree(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn refused(root: &Path) -> String {
    let error = Catalog::read_tree(root).unwrap_err();
    error.to_string()
}

#[test]
fn patterns_cost_in_proportion_to_their_length() {
    let name = "a".repeat(250);
    for pattern in [
        "*a*a*a*a*a*a*a*a*a*a*b",
        "*?*?*?*?*?*?*?*?*?b",
        "[a-z]*[a-z]*[a-z]*b",
    ] {
        let root = tree(&[(&name, "schema: x\n"), (".indexignore", pattern)]);
        assert_eq!(files(root.path()).unwrap().len(), 1, "{pattern}");
    }
    // Directories are the letters of a path.
    let deep = vec!["a"; 200].join("/");
    let pattern = format!("/{}b", "**/a/".repeat(60));
    let root = tree(&[
        (&format!("{deep}/x"), "schema: x\n"),
        (".indexignore", &pattern),
    ]);
    assert_eq!(files(root.path()).unwrap().len(), 1);
    let pattern = format!("/{}x\n", "**/a/".repeat(60));
    fs::write(root.path().join(".indexignore"), pattern).unwrap();
    assert_eq!(
        files(root.path()).unwrap(),
        Vec::<std::path::PathBuf>::new()
    );
}

#[test]
fn many_patterns_cost_each_file_one_look() {
    let patterns = |count: usize| {
        let mut text = String::new();
        text.extend((0..count).map(|number| format!("x{number}*y\n")));
        let mut files = vec![(".indexignore".to_owned(), text)];
        files.extend((0..10).map(|number| (format!("f{number}"), "schema: x\n".to_owned())));
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        tree(&files)
    };
    assert_linear("patterns", 5_000, patterns, |root| {
        assert_eq!(files(root.path()).unwrap().len(), 10);
    });
}

#[test]
fn links_neither_circle_nor_hang() {
    let root = tree(&[("a.yaml", "schema: x\n")]);
    symlink("loop", root.path().join("loop")).unwrap();
    assert!(refused(root.path()).contains("loop"));
    fs::remove_file(root.path().join("loop")).unwrap();

    symlink(".", root.path().join("self")).unwrap();
    let error = Catalog::read_tree(root.path()).unwrap_err();
    assert!(
        matches!(&error, CatalogError::Tree(TreeError::LinkToDirectory { path }) if path.ends_with("self")),
        "{error}"
    );
    fs::remove_file(root.path().join("self")).unwrap();

    // A file without end.
    symlink("/dev/zero", root.path().join("zero")).unwrap();
    let error = refused(root.path());
    assert!(error.contains("zero"), "{error}");
    fs::remove_file(root.path().join("zero")).unwrap();

    symlink("/nowhere/at/all", root.path().join("nowhere")).unwrap();
    assert!(refused(root.path()).contains("nowhere"));
}

#[test]
fn a_deep_directory_is_walked_or_refused() {
    let root = tree(&[("a.yaml", "schema: x\n")]);
    let mut path = root.path().to_owned();
    while path.as_os_str().len() < 4_000 {
        path.push("d");
    }
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("b.yaml"), "schema: z\n").unwrap();
    assert_eq!(Catalog::read_tree(root.path()).unwrap().others.len(), 2);
}
