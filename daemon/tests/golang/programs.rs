//! The programs, read once.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use seccinch::golang::image::Image;
use seccinch::golang::pclntab::Table;

use crate::fixtures::cache;

/// A program's bytes.
pub(crate) struct Program {
    /// For messages.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Program {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, bytes })
    }

    /// A copy whose section headers are gone: `e_shoff`, `e_shnum` and `e_shstrndx` are 0.
    pub(crate) fn without_sections(&self) -> Self {
        let mut bytes = self.bytes.clone();
        bytes[40..48].fill(0);
        bytes[60..64].fill(0);
        Self { name: format!("{} without section headers", self.name), bytes }
    }

    pub(crate) fn image(&self) -> Result<Image<'_>> {
        Image::parse(&self.bytes).with_context(|| self.name.clone())
    }

    pub(crate) fn table(&self) -> Result<Table<'_>> {
        Table::find(&self.image()?).with_context(|| self.name.clone())
    }
}

/// Our own programs as (with symbols at fixed addresses, stripped).
pub(crate) fn twins() -> Result<Vec<(Program, Program)>> {
    let folder = cache().join("go-programs");
    let entries = fs::read_dir(&folder).with_context(|| format!("can't list {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    let stripped = paths.into_iter().filter(|path| path.to_string_lossy().ends_with("-stripped"));
    stripped
        .map(|path| {
            let whole = path.to_string_lossy().replace("-pie", "").replace("-stripped", "");
            Ok((Program::read(whole.as_ref())?, Program::read(&path)?))
        })
        .collect()
}
