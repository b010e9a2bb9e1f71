//! The same inputs again and again, without making them anew.

use std::io;
use std::path::Path;

/// Copies the directory `from` to `to`, its files by hard links: for directories whose files are replaced and never changed,
/// as those of the embedded registry. Blocking.
///
/// # Errors
/// What cannot be read, made or linked.
pub fn link_tree(from: &Path, to: &Path) -> io::Result<()> {
    link_tree_where(from, to, |_| true)
}

/// The same for a tree with files that are written again where they are: only those that `is_final` says are not become hard
/// links, the others copies.
///
/// # Errors
/// What cannot be read, made, linked or copied.
pub fn link_tree_where(
    from: &Path,
    to: &Path,
    is_final: impl Fn(&Path) -> bool + Copy,
) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link_tree_where(&entry.path(), &to, is_final)?;
        } else if is_final(&to) {
            std::fs::hard_link(entry.path(), to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_whole_and_grows_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::create_dir_all(from.join("a/empty")).unwrap();
        std::fs::write(from.join("a/file"), "x").unwrap();
        link_tree(&from, &to).unwrap();
        assert_eq!(std::fs::read(to.join("a/file")).unwrap(), b"x");
        assert!(to.join("a/empty").is_dir());
        std::fs::write(to.join("a/new"), "y").unwrap();
        assert!(!from.join("a/new").exists());
        assert!(link_tree(&from.join("none"), &to).is_err());
    }

    #[test]
    fn a_file_that_is_written_again_is_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::create_dir_all(from.join("a")).unwrap();
        for name in ["data", "link"] {
            std::fs::write(from.join("a").join(name), "x").unwrap();
        }
        link_tree_where(&from, &to, |path| path.ends_with("data")).unwrap();
        for name in ["data", "link"] {
            std::fs::write(to.join("a").join(name), "y").unwrap();
        }
        assert_eq!(std::fs::read(from.join("a/data")).unwrap(), b"y");
        assert_eq!(std::fs::read(from.join("a/link")).unwrap(), b"x");
    }
}
