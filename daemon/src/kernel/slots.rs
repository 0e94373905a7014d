//! Who is counted, and in which slot.

use std::collections::BTreeSet;
use std::mem::offset_of;

use seccinch_common::{FileKey, HOT_COLUMNS, NO_SLOT, SlotMeta};

use super::counters::{index, meta};
use super::error::Error;
use super::load::{Kernel, clock_offset};
use super::slot::{Slot, UsedSlot};
use super::source::Source as _;
use super::targets::{ProgramRuns, Targets, Verdict};
use crate::golang::GoLayout;
use crate::model::SyscallNr;

/// One slot in so many is kept for the targets that user space names itself.
const OWN_PART: u16 = 4;
/// One slot in so many is for processes of which it is not yet known whether they are targets.
const PROVISIONAL_PART: u16 = 2;

/// A pool of which less than one slot in so many is left will soon have none.
const SHORT_PART: usize = 8;

/// Who gives a slot out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pool {
    /// User space.
    Own,
    /// The kernel, to processes that are no targets yet.
    Provisional,
    /// The kernel, to new roles.
    Free,
}

impl Targets for Kernel {
    fn epoch(&self) -> &str {
        &self.epoch
    }

    fn take_slot(&mut self) -> Result<Slot, Error> {
        let slot = self.own.pop().ok_or(Error::NoFreeSlot { slots: self.sizes.slots / OWN_PART })?;
        self.meta.set(meta(slot, offset_of!(SlotMeta, root)), slot.get().into());
        Ok(slot)
    }

    fn track(&mut self, tgid: u32, slot: Slot) {
        if self.slots.get(tgid as usize) == NO_SLOT {
            self.meta.add(meta(slot, offset_of!(SlotMeta, live)), 1);
            self.meta.add(meta(slot, offset_of!(SlotMeta, processes)), 1);
            self.slots.set(tgid as usize, slot.get());
        }
    }

    fn undo_track(&mut self, tgid: u32, slot: Slot) {
        if self.slot_of(tgid) == Some(slot) {
            self.untrack(tgid);
            self.meta.add(meta(slot, offset_of!(SlotMeta, live)), u64::MAX);
        }
    }

    fn untrack(&mut self, tgid: u32) {
        self.slots.set(tgid as usize, NO_SLOT);
    }

    fn slot_of(&self, tgid: u32) -> Option<Slot> {
        Slot::new(self.slots.get(tgid as usize))
    }

    fn used_slots(&self) -> Vec<UsedSlot> {
        let used = self.all_slots().filter(|slot| self.state(*slot).processes > 0);
        used.map(|slot| UsedSlot {
            slot,
            root: self.root_of(slot),
            is_ending: self.meta.get(meta(slot, offset_of!(SlotMeta, ending))) == u64::from(slot.get()),
            generation: self.meta.get(meta(slot, offset_of!(SlotMeta, generation))),
        })
        .collect()
    }

    fn describe_go(&mut self, slot: Slot, layout: GoLayout) {
        let ending = self.meta.get(meta(slot, offset_of!(SlotMeta, ending)));
        let ending = u16::try_from(ending).ok().and_then(Slot::new);
        for slot in [Some(slot), ending].into_iter().flatten() {
            self.meta.set(meta(slot, offset_of!(SlotMeta, go)), layout.packed());
        }
    }

    fn is_short_of_slots(&self) -> bool {
        [Pool::Own, Pool::Provisional, Pool::Free].into_iter().any(|pool| {
            let (mut all, mut used) = (0, 0);
            for slot in self.all_slots().filter(|slot| self.pool(*slot) == pool) {
                all += 1;
                used += usize::from(self.state(slot).processes > 0);
            }
            (all - used) * SHORT_PART < all
        })
    }

    fn ignored(&self, slots: &BTreeSet<Slot>) -> Result<BTreeSet<Slot>, Error> {
        self.slots_of_ignored(slots)
    }

    fn decide(&mut self, file: FileKey, verdict: Verdict) -> Result<(), Error> {
        self.set_verdict(file, verdict)
    }

    fn forget_verdicts(&mut self) -> Result<(), Error> {
        self.clear_verdicts()
    }

    fn give_back(&mut self, slots: &BTreeSet<Slot>) -> Result<BTreeSet<Slot>, Error> {
        self.clear_slots(slots)
    }

    fn alert_on(&mut self, calls: &BTreeSet<SyscallNr>) -> Result<(), Error> {
        self.mark_alerts(calls);
        Ok(())
    }

    fn synchronize(&mut self) {
        self.clock_offset = clock_offset();
    }

    fn programs(&self) -> Vec<ProgramRuns> {
        self.attached.iter().map(super::attach::Attached::runs).collect()
    }

    fn flush_log(&mut self) {
        if let Some(logger) = &mut self.logger {
            logger.flush();
        }
    }
}

impl Kernel {
    /// Gives every slot to its pool: nobody was ever counted.
    pub(super) fn fill_slots(&mut self) -> Result<(), Error> {
        self.watch_arguments();
        for slot in self.all_slots() {
            self.reset_columns(slot);
            self.offer(slot)?;
        }
        Ok(())
    }

    /// Finds out what the load before knew: the columns in use, and the slots that nobody had taken of those
    /// that user space gives out. The kernel's own pools are in its queues.
    pub(super) fn recall_slots(&mut self) {
        for slot in self.all_slots() {
            let columns = (0..).map_while(SyscallNr::new).map(|nr| self.columns.get(index(slot, nr)));
            let used = columns.filter(|column| usize::from(*column) < HOT_COLUMNS).max().unwrap_or(0);
            if used > 0 {
                self.columns_used.insert(slot, used);
            }
            if self.pool(slot) == Pool::Own && self.state(slot).processes == 0 {
                // It may have been taken, and nobody put into it.
                self.meta.set(meta(slot, offset_of!(SlotMeta, unclaimed)), 0);
                self.own.push(slot);
            }
        }
    }

    pub(super) fn all_slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (1..self.sizes.slots).filter_map(Slot::new)
    }

    fn pool(&self, slot: Slot) -> Pool {
        let (own, provisional) = (self.sizes.slots / OWN_PART, self.sizes.slots / PROVISIONAL_PART);
        match slot.get() {
            number if number < own => Pool::Own,
            number if number < own + provisional => Pool::Provisional,
            _ => Pool::Free,
        }
    }

    /// Puts a cleared slot into its pool.
    pub(super) fn offer(&mut self, slot: Slot) -> Result<(), Error> {
        match self.pool(slot) {
            Pool::Own => self.own.push(slot),
            Pool::Provisional => self.provisional.push(slot.get(), 0).map_err(Error::map("PROVISIONAL"))?,
            Pool::Free => self.free.push(slot.get(), 0).map_err(Error::map("FREE"))?,
        }
        Ok(())
    }

    /// The first slot of a slot's tree.
    pub(super) fn root_of(&self, slot: Slot) -> Option<Slot> {
        u16::try_from(self.meta.get(meta(slot, offset_of!(SlotMeta, root)))).ok().and_then(Slot::new)
    }

    /// Lets the first file that a process of this slot executes be the slot's own role.
    pub fn await_exec(&mut self, slot: Slot) {
        self.meta.set(meta(slot, offset_of!(SlotMeta, unclaimed)), 1);
    }
}
