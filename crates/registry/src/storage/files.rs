//! Writing so that a crash at any moment leaves the old file or the new one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::{Storage, if_found};

impl Storage {
    /// Puts `content` at `path`, replacing what is there, in one visible step.
    pub(super) fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let temporary = self.temporary();
        let mut file = File::create_new(&temporary)?;
        let moved = file
            .write_all(content)
            .and_then(|()| self.sync(&file))
            .and_then(|()| self.move_into_place(&temporary, path));
        if moved.is_err() {
            // The error that matters is the first; what stays behind is cleared at the next start.
            let _ = fs::remove_file(&temporary);
        }
        moved
    }

    /// Renames a whole and synced file to its place, and syncs the name.
    pub(super) fn move_into_place(&self, from: &Path, to: &Path) -> io::Result<()> {
        if let Some(parent) = to.parent() {
            self.create_directory(parent)?;
        }
        fs::rename(from, to)?;
        self.sync_parent(to)
    }

    /// Removes a file; false when it was not there.
    pub(super) fn remove(&self, path: &Path) -> io::Result<bool> {
        let removed = if_found(fs::remove_file(path))?.is_some();
        if removed {
            self.sync_parent(path)?;
        }
        Ok(removed)
    }

    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        if self.fsync { file.sync_all() } else { Ok(()) }
    }

    fn sync_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if self.fsync => File::open(parent)?.sync_all(),
            _ => Ok(()),
        }
    }

    /// Creates a directory with its parents; their names are synced as far up as new ones may be.
    pub(super) fn create_directory(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(path)?;
        for ancestor in path
            .ancestors()
            .take_while(|ancestor| **ancestor != *self.root)
        {
            self.sync_parent(ancestor)?;
        }
        Ok(())
    }
}
