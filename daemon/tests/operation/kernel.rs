//! What a daemon has in the kernel, by the kernel's own numbers.

use std::collections::BTreeSet;
use std::fs;
use std::mem::offset_of;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use aya::maps::{Array, Map, MapData, MapInfo, loaded_maps};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::{ProgramInfo, loaded_links, loaded_programs};
use seccinch_common::SlotMeta;

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

/// The slots, of those pinned below a folder, that are not free although nobody of their tree is left: each with how
/// often it was given back before.
pub(crate) fn ended_slots(pin: &Path) -> Result<BTreeSet<(usize, u64)>> {
    const FIELDS: usize = size_of::<SlotMeta>() / 8;
    let version = entries(pin)?.into_iter().next().context("one version is pinned")?;
    let map = Map::from_map_data(MapData::from_pin(version.join("maps/META"))?)?;
    let slots: Array<MapData, [u64; FIELDS]> = map.try_into()?;
    let slots = slots.iter().collect::<Result<Vec<_>, _>>()?;
    let field = |slot: &[u64; FIELDS], offset: usize| slot[offset / 8];
    let root = |slot: &[u64; FIELDS]| field(slot, offset_of!(SlotMeta, root));
    let live = slots.iter().filter(|slot| field(slot, offset_of!(SlotMeta, live)) > 0);
    let live: BTreeSet<u64> = live.map(root).collect();
    let is_ended = |slot: &[u64; FIELDS]| {
        field(slot, offset_of!(SlotMeta, processes)) > 0 && !live.contains(&root(slot))
    };
    let ended = slots.iter().enumerate().filter(|(_, slot)| is_ended(slot));
    Ok(ended.map(|(number, slot)| (number, field(slot, offset_of!(SlotMeta, generation)))).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let found = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    found.map(|entry| Ok(entry?.path())).collect()
}
