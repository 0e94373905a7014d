//! How large the maps are made on this machine.

use std::fs;

use seccinch_common::{
    ArgumentKey, HOT_COLUMNS, MAX_SYSCALLS, PID_PAGES, PIDS_PER_PAGE, SlotMeta, StackEvent,
};

/// Slots that cover a busy host's workloads; more only costs memory.
const MOST_SLOTS: u16 = 2048;
/// Fewer would not hold one service with its children.
const FEWEST_SLOTS: u16 = 64;
/// What the slots may take of the machine's memory: a 256th part, up to this.
const MOST_BYTES: u64 = 64 << 20;
/// Argument combinations per slot, on the average: a service has some fifty, what it starts far fewer.
const ARGUMENTS: u32 = 16;
/// Stacks that are known to be sent, per slot on the average; more than that only sends some again.
const STACKS: u32 = 8;
/// The kernel's `htab_elem`: what an entry of a hash map takes before its key and value.
const ENTRY: u64 = 48;

/// The ring buffer of the kernel side's log lines, fixed by aya-log.
const LOG_RING: u64 = 1 << 17;

/// Sizes of all maps that depend on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Slots, the unused slot 0 included.
    pub(super) slots: u16,
    /// Learned argument combinations, over all slots.
    pub(super) arguments: u32,
    /// Bytes of the ring buffer, a power of two.
    pub(super) ring: u32,
    /// Stacks that are known to be sent, over all slots.
    pub(super) stacks: u32,
    cpus: u64,
}

impl Sizes {
    /// The sizes for this machine.
    pub(super) fn of_this_machine() -> Self {
        let cpus = aya::util::nr_cpus().unwrap_or(1);
        Self::new(cpus as u64, memory_bytes().unwrap_or(u64::MAX))
    }

    fn new(cpus: u64, memory: u64) -> Self {
        let budget = MOST_BYTES.min(memory / 256);
        let fitting = u16::try_from(budget / slot_bytes(cpus)).unwrap_or(u16::MAX);
        let slots = fitting.clamp(FEWEST_SLOTS, MOST_SLOTS);
        Self::from_counts(slots, (u32::from(slots) * ARGUMENTS).max(8192), 1 << 20, cpus)
    }

    fn from_counts(slots: u16, arguments: u32, ring: u32, cpus: u64) -> Self {
        Self { slots, arguments, ring, stacks: (u32::from(slots) * STACKS).max(4096), cpus }
    }

    /// The sizes as numbers, to be kept: slots, argument combinations, bytes of the ring, processors.
    pub(super) fn parts(&self) -> (u32, u32, u32, u32) {
        (self.slots.into(), self.arguments, self.ring, u32::try_from(self.cpus).unwrap_or(u32::MAX))
    }

    /// The sizes from such numbers; nothing if they can't be any.
    pub(super) fn from_parts(slots: u32, arguments: u32, ring: u32, cpus: u32) -> Option<Self> {
        Some(Self::from_counts(slots.try_into().ok()?, arguments, ring, cpus.into()))
    }

    /// Processors that the kernel keeps rows for.
    pub(super) fn cpus(&self) -> usize {
        usize::try_from(self.cpus).unwrap_or(usize::MAX)
    }

    /// Bytes that the kernel holds for all maps.
    pub(super) fn bytes(&self) -> u64 {
        let pids = (PID_PAGES * PIDS_PER_PAGE * 2) as u64;
        let arguments = u64::from(self.arguments) * (ENTRY + size_of::<ArgumentKey>() as u64 + 8);
        let stacks = u64::from(self.stacks) * (ENTRY + 8 + 8) + self.cpus * size_of::<StackEvent>() as u64;
        let slots = u64::from(self.slots) * slot_bytes(self.cpus);
        pids + slots + arguments + stacks + u64::from(self.ring) + LOG_RING
    }
}

fn slot_bytes(cpus: u64) -> u64 {
    (MAX_SYSCALLS * 8 + MAX_SYSCALLS + size_of::<SlotMeta>()) as u64 + cpus * (HOT_COLUMNS * 8) as u64
}

fn memory_bytes() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that slots shrink on machines with many processors or little memory, within their bounds.
    #[test]
    fn slots_follow_the_machine() {
        const GIB: u64 = 1 << 30;
        assert_eq!(Sizes::new(2, 24 * GIB).slots, 2048);
        let large = Sizes::new(256, 512 * GIB).slots;
        assert!((500..1024).contains(&large), "{large} slots on 256 processors");
        assert_eq!(Sizes::new(64, GIB / 4).slots, 64);
    }

    /// Check that the memory shown is that of the layout: 8 MiB of process ids and the slots.
    #[test]
    fn memory_is_that_of_the_layout() {
        let sizes = Sizes::new(2, 24 << 30);
        let slots = 2048 * (512 * 8 + 512 + size_of::<SlotMeta>() as u64 + 2 * 256);
        let stacks = 16_384 * 64 + 2 * 1136;
        assert_eq!(sizes.bytes(), (8 << 20) + slots + 32_768 * 88 + stacks + (1 << 20) + (1 << 17));
    }
}
