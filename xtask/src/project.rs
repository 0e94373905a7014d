//! Where things lie: the clone, and the cache folder inside it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The clone that the tasks work on.
#[derive(Debug)]
pub(crate) struct Project {
    root: PathBuf,
    cache: PathBuf,
}

impl Project {
    /// The project that `cargo xtask` was called in, with its cache folder made.
    pub(crate) fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .context("CARGO_MANIFEST_DIR is not set: call the tasks by `cargo xtask`")?;
        let root = Path::new(&manifest)
            .parent()
            .context("CARGO_MANIFEST_DIR has no parent: call the tasks by `cargo xtask`")?
            .to_owned();
        let cache = root.join(".cache");
        fs::create_dir_all(cache.join("logs"))
            .with_context(|| format!("can't create {}: is the clone writable?", cache.display()))?;
        Ok(Self { root, cache })
    }

    /// The top folder of the clone.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside the clone.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// A path inside the cache folder.
    pub(crate) fn cached(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.cache.join(relative)
    }

    /// `path` as a person in the clone would write it.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}
