//! Folders that are there whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::WriteError;
use super::write::{failure, sync_folder};

/// Makes a folder and those above it, so that they are still there after a crash.
pub fn create_folder(path: &Path) -> Result<(), WriteError> {
    let missing = path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let missing: Vec<&Path> = missing.collect();
    fs::create_dir_all(path).map_err(|source| failure(path, &[], source))?;
    // The topmost first: a folder lasts when the one above it is synced.
    missing.into_iter().rev().try_for_each(sync_folder).map_err(|source| failure(path, &[], source))
}

/// Removes a folder with all that is in it; what is left after a crash has the name of a [`NewFolder`] that was
/// not finished. One that is not there is no failure.
pub fn remove_folder(path: &Path) -> Result<(), WriteError> {
    let fail = |source| failure(path, &[], source);
    let temporary = temporary_name(path);
    remove_if_there(&temporary).map_err(fail)?;
    match fs::rename(path, &temporary) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed.map_err(fail)?,
    }
    sync_folder(path).and_then(|()| fs::remove_dir_all(&temporary)).map_err(fail)
}

/// Removes what crashes left of folders in `folder`, for the names that `is_ours` knows.
pub fn remove_unfinished(folder: &Path, is_ours: impl Fn(&str) -> bool) -> Result<(), WriteError> {
    let fail = |source| failure(folder, &[], source);
    for entry in fs::read_dir(folder).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name();
        let target = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        if target.is_some_and(&is_ours) {
            remove_if_there(&folder.join(name)).map_err(fail)?;
        }
    }
    Ok(())
}

/// A folder in the making, beside the place where it will be.
#[derive(Debug)]
pub struct NewFolder {
    target: PathBuf,
    temporary: PathBuf,
}

impl NewFolder {
    /// Begins a folder that will be `target`. What an unfinished attempt left is removed.
    pub fn begin(target: &Path) -> Result<Self, WriteError> {
        let new = Self { target: target.to_owned(), temporary: temporary_name(target) };
        let made = remove_if_there(&new.temporary).and_then(|()| fs::create_dir(&new.temporary));
        made.map_err(|source| failure(target, &[], source))?;
        Ok(new)
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        let write = || {
            let mut file = File::create_new(self.temporary.join(name))?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|source| failure(&self.target.join(name), bytes, source))
    }

    /// Puts it in its place, where nothing may be yet.
    pub fn finish(self) -> Result<(), WriteError> {
        let finish = || {
            File::open(&self.temporary)?.sync_all()?;
            fs::rename(&self.temporary, &self.target)?;
            sync_folder(&self.target)
        };
        finish().map_err(|source| failure(&self.target, &[], source))
    }
}

/// What is not finished is taken away again; a rest of it would be at the next attempt.
impl Drop for NewFolder {
    fn drop(&mut self) {
        let _ = remove_if_there(&self.temporary);
    }
}

const SUFFIX: &str = ".tmp";

fn temporary_name(target: &Path) -> PathBuf {
    let mut name = OsString::from(target.file_name().unwrap_or_default());
    name.push(SUFFIX);
    target.with_file_name(name)
}

fn remove_if_there(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Check that a folder appears with everything in it, and not before.
    #[test]
    fn folders_appear_whole() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("0001");
        let new = NewFolder::begin(&target).unwrap();
        new.write("a", b"one").unwrap();
        assert!(!target.exists());
        new.finish().unwrap();
        assert_eq!((names(root.path()), names(&target)), (vec!["0001".to_owned()], vec!["a".to_owned()]));
        remove_folder(&target).unwrap();
        remove_folder(&target).unwrap();
        assert!(names(root.path()).is_empty());
    }

    /// Check that what was given up, or was left by a crash, does not stay, and that others' folders do.
    #[test]
    fn unfinished_folders_go() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("0001");
        drop(NewFolder::begin(&target).unwrap());
        assert!(names(root.path()).is_empty());
        for name in ["0001.tmp", "0002", "mine.tmp"] {
            create_folder(&root.path().join(name).join("deep")).unwrap();
        }
        remove_unfinished(root.path(), |name| name.parse::<u64>().is_ok()).unwrap();
        assert_eq!(names(root.path()), ["0002", "mine.tmp"]);
        create_folder(&root.path().join("0001.tmp/deep")).unwrap();
        drop(NewFolder::begin(&target).unwrap());
        assert_eq!(names(root.path()), ["0002", "mine.tmp"]);
    }
}
