//! Temporary folders, with names that tell whose they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// What each is called, before the number of the test process and its own.
const PREFIX: &str = "seccinch-test-";

/// A folder that is removed when it is dropped.
pub(crate) struct Folder {
    name: String,
    path: PathBuf,
}

impl Folder {
    /// Makes one.
    pub(crate) fn create() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("{PREFIX}{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(&name);
        fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self { name, path })
    }

    /// Its name, which no other process or folder has.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("removing {}: {error}", self.path.display());
        }
    }
}

/// Removes the folders that test processes left behind when they were killed.
pub(crate) fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        if is_stale(&entry.file_name().to_string_lossy()) {
            // Another test process may be removing it too.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// Says whether this is the name of something of a test process that is gone.
pub(crate) fn is_stale(name: &str) -> bool {
    let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
    owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists())
}
