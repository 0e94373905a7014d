//! What a daemon has in the kernel, by the kernel's own numbers.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use aya::maps::{MapInfo, loaded_maps};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::{ProgramInfo, loaded_links, loaded_programs};

use crate::support::poll;

/// Programs, links and maps.
#[derive(Debug)]
pub(crate) struct Ids {
    programs: Vec<u32>,
    links: Vec<u32>,
    maps: Vec<u32>,
}

impl Ids {
    /// Everything that is pinned below a folder.
    pub(crate) fn pinned(pin: &Path) -> Result<Self> {
        let version = entries(pin)?.into_iter().next().context("one version is pinned")?;
        let link = |path: PathBuf| Ok(FdLink::from(PinnedLink::from_pin(path)?).info()?.id());
        let program = |path: PathBuf| Ok(ProgramInfo::from_pin(path)?.id());
        let map = |path: PathBuf| Ok(MapInfo::from_pin(path)?.id());
        Ok(Self {
            programs: entries(&version.join("programs"))?.into_iter().map(program).collect::<Result<_>>()?,
            links: entries(&version.join("links"))?.into_iter().map(link).collect::<Result<_>>()?,
            maps: entries(&version.join("maps"))?.into_iter().map(map).collect::<Result<_>>()?,
        })
    }

    /// Whether any of it is in the kernel.
    pub(crate) fn is_anything_there(&self) -> bool {
        loaded_programs().filter_map(Result::ok).any(|program| self.programs.contains(&program.id()))
            || loaded_links().filter_map(Result::ok).any(|link| self.links.contains(&link.id()))
            || loaded_maps().filter_map(Result::ok).any(|map| self.maps.contains(&map.id()))
    }

    /// Waits until all of it is gone: the kernel frees what nobody holds a little later.
    pub(crate) fn gone(&self) -> Result<()> {
        let what = format!("the end of {self:?} in the kernel");
        poll::until(&what, poll::SOON, || Ok((!self.is_anything_there()).then_some(())))
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let found = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    found.map(|entry| Ok(entry?.path())).collect()
}
