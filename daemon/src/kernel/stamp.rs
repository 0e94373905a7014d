//! What pinned programs were loaded for: pinned last, so that it also says that everything else is there.

use std::fs;
use std::path::Path;

use aya::maps::{Array, Map, MapData, MapError};
use seccinch_common::{Offsets, StackOffsets};

use super::attach::Hooks;
use super::error::Error;
use super::load::{Executions, LoadOptions, Stacks};
use super::offsets::Layout;
use super::size::Sizes;

/// The parts of a load that outlive the process that made it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    epoch: [u64; 2],
    compat_offset: u64,
    offsets: Offsets,
    stack: StackOffsets,
    registers: [u32; 6],
    compat_mask: u32,
    executions: u32,
    hooks: u32,
    slots: u32,
    arguments: u32,
    ring: u32,
    cpus: u32,
    stacks: u32,
}

// SAFETY: integers only, `repr(C)`, and no implicit padding: every bit pattern is a value.
unsafe impl aya::Pod for Stamp {}

const _: () =
    assert!(size_of::<Stamp>() == 3 * 8 + size_of::<Offsets>() + size_of::<StackOffsets>() + 14 * 4);

impl Stamp {
    /// A load of its own.
    pub(super) fn new(
        layout: &Layout,
        options: &LoadOptions,
        hooks: Hooks,
        sizes: Sizes,
    ) -> Result<Self, Error> {
        let (slots, arguments, ring, cpus) = sizes.parts();
        Ok(Self {
            epoch: new_epoch()?,
            compat_offset: layout.compat_offset,
            offsets: layout.offsets,
            stack: layout.stack,
            registers: layout.arguments.map(u32::from),
            compat_mask: layout.compat_mask,
            executions: u32::from(options.executions == Executions::Provisional),
            hooks: u32::from(hooks == Hooks::Raw),
            slots,
            arguments,
            ring,
            cpus,
            stacks: u32::from(options.stacks == Stacks::Taken),
        })
    }

    /// Names this load, and no other one.
    pub(super) fn epoch(&self) -> String {
        self.epoch.map(|half| format!("{half:016x}")).concat()
    }

    pub(super) fn hooks(&self) -> Hooks {
        if self.hooks == 0 { Hooks::Btf } else { Hooks::Raw }
    }

    pub(super) fn sizes(&self) -> Option<Sizes> {
        Sizes::from_parts(self.slots, self.arguments, self.ring, self.cpus)
    }

    /// Why programs with this stamp can't be used as they are.
    pub(super) fn misfit(&self, layout: &Layout, options: &LoadOptions) -> Option<&'static str> {
        let executions = u32::from(options.executions == Executions::Provisional);
        let is_same_kernel = self.compat_offset == layout.compat_offset
            && self.compat_mask == layout.compat_mask
            && self.offsets == layout.offsets
            && self.stack == layout.stack
            && self.registers == layout.arguments.map(u32::from);
        if !is_same_kernel {
            Some("made for another kernel's layout")
        } else if self.executions != executions
            || self.stacks != u32::from(options.stacks == Stacks::Taken)
            || options.hooks.is_some_and(|hooks| hooks != self.hooks())
        {
            Some("loaded with other options")
        } else {
            None
        }
    }

    /// Leaves it on a BPF file system.
    pub(super) fn pin(&self, path: &Path) -> Result<(), Error> {
        let mut map = Array::<MapData, Self>::create(1, 0).map_err(Error::map("stamp"))?;
        map.set(0, *self, 0).map_err(Error::map("stamp"))?;
        map.pin(path).map_err(Error::pin("pin", path))
    }

    /// Reads it from there.
    pub(super) fn read(path: &Path) -> Result<Self, MapError> {
        let map: Array<MapData, Self> = Map::from_map_data(MapData::from_pin(path)?)?.try_into()?;
        map.get(&0, 0)
    }
}

/// `random(4)`: "/proc/sys/kernel/random/uuid".
fn new_epoch() -> Result<[u64; 2], Error> {
    const SOURCE: &str = "/proc/sys/kernel/random/uuid";
    let text = fs::read_to_string(SOURCE).map_err(|source| Error::Epoch { path: SOURCE, source })?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let half = |range| digits.get(range).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    Ok([half(0..16).unwrap_or_default(), half(16..32).unwrap_or_default()])
}
