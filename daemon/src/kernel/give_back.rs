//! Slots that are used again: taken from those who are left in them, cleared, and offered.

use std::collections::BTreeSet;
use std::mem::offset_of;

use aya::maps::PerCpuValues;
use seccinch_common::{HOT_COLUMNS, MAX_SYSCALLS, SlotMeta};

use super::counters::{index, meta};
use super::error::Error;
use super::host;
use super::load::Kernel;
use super::slot::Slot;
use super::source::Source as _;
use super::targets::Targets as _;
use crate::model::SyscallNr;

/// Windows into the table of processes that are kept for the next look.
const MOST_WINDOWS: usize = 64;

impl Kernel {
    /// As [`Targets::give_back`](super::Targets::give_back).
    pub(super) fn clear_slots(&mut self, slots: &BTreeSet<Slot>) -> Result<BTreeSet<Slot>, Error> {
        let needed = self.needed_roots(slots, &BTreeSet::new());
        if needed.len() == slots.len() {
            return Ok(needed);
        }
        let mut kept = self.expel(slots)?;
        kept.extend(self.needed_roots(slots, &kept));
        let cleared: BTreeSet<Slot> = slots.difference(&kept).copied().collect();
        self.forget_roles(&cleared)?;
        self.forget_arguments(&cleared)?;
        // A root that is another's already must not be named by slots of its former tree.
        let (roots, others): (Vec<_>, Vec<_>) =
            cleared.into_iter().partition(|slot| self.root_of(*slot) == Some(*slot));
        for slot in others.into_iter().chain(roots) {
            // A crash between the two costs one slot until the programs are loaded anew.
            if let Err(error) = self.clear(slot).and_then(|()| self.offer(slot)) {
                tracing::warn!(slot = slot.get(), %error, "a slot can't be given back yet");
                kept.insert(slot);
            }
        }
        Ok(kept)
    }

    /// Takes everybody out of these slots; returns those in which there was somebody. That can only be a process
    /// that lives: the kernel side takes out who ends. Who came while the list was read shows in the slot's number
    /// of processes.
    fn expel(&mut self, slots: &BTreeSet<Slot>) -> Result<BTreeSet<Slot>, Error> {
        let before: Vec<_> = slots.iter().map(|slot| (*slot, self.state(*slot).processes)).collect();
        let mut found = BTreeSet::new();
        for tgid in host::processes().map_err(Error::Processes)? {
            if let Some(slot) = self.slot_of(tgid).filter(|slot| slots.contains(slot)) {
                self.untrack(tgid);
                found.insert(slot);
            }
        }
        self.slots.release_many(MOST_WINDOWS);
        found.extend(
            before.into_iter().filter(|(slot, n)| self.state(*slot).processes > *n).map(|(slot, _)| slot),
        );
        Ok(found)
    }

    /// A tree's first slot is its name: those that a slot which stays still goes by.
    fn needed_roots(&self, slots: &BTreeSet<Slot>, kept: &BTreeSet<Slot>) -> BTreeSet<Slot> {
        let stays = |slot: Slot| kept.contains(&slot) || !slots.contains(&slot);
        let others = (1..self.sizes.slots).filter_map(Slot::new).filter(|slot| stays(*slot));
        let used = others.filter(|slot| self.state(*slot).processes > 0);
        used.filter_map(|slot| self.root_of(slot)).filter(|root| slots.contains(root)).collect()
    }

    fn forget_roles(&mut self, slots: &BTreeSet<Slot>) -> Result<(), Error> {
        let is_stale = |slot: u16| Slot::new(slot).is_some_and(|slot| slots.contains(&slot));
        for (role, slot) in self.roles.entries()? {
            if is_stale(slot) || u16::try_from(role.root).is_ok_and(is_stale) {
                self.roles.remove(&role)?;
            }
        }
        Ok(())
    }

    fn forget_arguments(&mut self, slots: &BTreeSet<Slot>) -> Result<(), Error> {
        for (key, _) in self.arguments.entries()? {
            if Slot::new(key.slot).is_some_and(|slot| slots.contains(&slot)) {
                self.arguments.remove(&key)?;
            }
        }
        Ok(())
    }

    /// Sets everything about a slot to zero but how often it was given back. That comes first: whoever finds
    /// it half cleared after a crash must not take its counts for the last ones. Who was in it comes next: without
    /// that it is in nobody's use. Likewise the columns' counts go before the word that there are any.
    fn clear(&mut self, slot: Slot) -> Result<(), Error> {
        let generation = meta(slot, offset_of!(SlotMeta, generation));
        self.meta.add(generation, 1);
        for field in [offset_of!(SlotMeta, processes), offset_of!(SlotMeta, root)] {
            self.meta.set(meta(slot, field), 0);
        }
        for nr in (0..).map_while(SyscallNr::new) {
            self.wide.set(index(slot, nr), 0);
        }
        self.wide.release(usize::from(slot.get()) * MAX_SYSCALLS);
        if self.columns_used.remove(&slot).is_some() {
            let zero = vec![[0; HOT_COLUMNS]; self.sizes.cpus()];
            let zero = PerCpuValues::try_from(zero).map_err(|source| Error::map("HOT")(source.into()))?;
            self.hot.set(slot.get().into(), zero, 0).map_err(Error::map("HOT"))?;
        }
        self.reset_columns(slot);
        for field in (0..size_of::<SlotMeta>() / 8).map(|field| meta(slot, field * 8)) {
            if field != generation {
                self.meta.set(field, 0);
            }
        }
        Ok(())
    }
}
