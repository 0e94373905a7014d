//! Who is counted, and in which slot.

use std::mem::offset_of;

use aya::maps::MapError;
use seccinch_common::{FileKey, NO_SLOT, RoleKey, SlotMeta, WATCHED};

use super::counters::{index, meta};
use super::error::Error;
use super::host;
use super::load::Kernel;
use super::source::{Slot, Source as _};
use crate::model::{Arch, SyscallNr};
use crate::syscalls;

/// One slot in so many is kept for the targets that user space names itself.
const OWN_PART: u16 = 4;
/// One slot in so many is for processes of which it is not yet known whether they are targets.
const PROVISIONAL_PART: u16 = 2;

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

impl Kernel {
    /// Gives every slot to its pool.
    pub(super) fn fill_slots(&mut self) -> Result<(), Error> {
        for slot in (1..self.sizes.slots).filter_map(Slot::new) {
            self.watch_arguments(slot);
            self.offer(slot)?;
        }
        Ok(())
    }

    fn pool(&self, slot: Slot) -> Pool {
        let (own, provisional) = (self.sizes.slots / OWN_PART, self.sizes.slots / PROVISIONAL_PART);
        match slot.get() {
            number if number < own => Pool::Own,
            number if number < own + provisional => Pool::Provisional,
            _ => Pool::Free,
        }
    }

    fn offer(&mut self, slot: Slot) -> Result<(), Error> {
        match self.pool(slot) {
            Pool::Own => self.own.push(slot),
            Pool::Provisional => self.provisional.push(slot.get(), 0).map_err(Error::map("PROVISIONAL"))?,
            Pool::Free => self.free.push(slot.get(), 0).map_err(Error::map("FREE"))?,
        }
        Ok(())
    }

    fn watch_arguments(&mut self, slot: Slot) {
        for (nr, _) in syscalls::watched(Arch::NATIVE) {
            self.columns.set(index(slot, nr), WATCHED);
        }
    }

    /// A slot for a target that user space names.
    pub fn take_slot(&mut self) -> Result<Slot, Error> {
        let slot = self.own.pop().ok_or(Error::NoFreeSlot { slots: self.sizes.slots / OWN_PART })?;
        self.meta.set(meta(slot, offset_of!(SlotMeta, root)), slot.get().into());
        Ok(slot)
    }

    /// Lets the first file that a process of this slot executes be the slot's own role.
    pub fn await_exec(&mut self, slot: Slot) {
        self.meta.set(meta(slot, offset_of!(SlotMeta, unclaimed)), 1);
    }

    /// Counts a process from now on, unless it is a target already.
    pub fn track(&mut self, tgid: u32, slot: Slot) {
        if self.slots.get(tgid as usize) == NO_SLOT {
            self.meta.add(meta(slot, offset_of!(SlotMeta, live)), 1);
            self.meta.add(meta(slot, offset_of!(SlotMeta, processes)), 1);
            self.slots.set(tgid as usize, slot.get());
        }
    }

    /// Takes back that a process is counted: it has ended without the kernel side seeing it.
    pub fn undo_track(&mut self, tgid: u32, slot: Slot) {
        if self.slot_of(tgid) == Some(slot) {
            self.untrack(tgid);
            self.meta.add(meta(slot, offset_of!(SlotMeta, live)), u64::MAX);
        }
    }

    /// Counts a process no longer.
    pub fn untrack(&mut self, tgid: u32) {
        self.slots.set(tgid as usize, NO_SLOT);
    }

    /// Every slot that a process was ever in, with the first slot of its tree, and whether it is one for
    /// processes that were asked to end.
    pub fn used_slots(&self) -> Vec<(Slot, Option<Slot>, bool)> {
        let slots = (1..self.sizes.slots).filter_map(Slot::new);
        let used = slots.filter(|slot| self.state(*slot).processes > 0);
        used.map(|slot| {
            let root = u16::try_from(self.meta.get(meta(slot, offset_of!(SlotMeta, root))));
            let ending = self.meta.get(meta(slot, offset_of!(SlotMeta, ending)));
            (slot, root.ok().and_then(Slot::new), ending == u64::from(slot.get()))
        })
        .collect()
    }

    /// The slot that a process is counted in now.
    pub fn slot_of(&self, tgid: u32) -> Option<Slot> {
        Slot::new(self.slots.get(tgid as usize))
    }

    /// Gives the slot of a rejected process back, at the poll after the process was untracked: nobody can
    /// still be counting into it then. False if somebody was still in it, and it must be tried again.
    pub fn recycle(&mut self, slot: Slot, file: FileKey) -> Result<bool, Error> {
        if self.state(slot).processes > 1 && self.expel(slot) {
            return Ok(false);
        }
        let role = RoleKey { file, root: self.meta.get(meta(slot, offset_of!(SlotMeta, root))) };
        if let Err(error) = self.roles.remove(&role)
            && !is_missing(&error)
        {
            return Err(Error::map("ROLES")(error));
        }
        for nr in (0..).map_while(SyscallNr::new) {
            self.wide.set(index(slot, nr), 0);
        }
        for field in 0..size_of::<SlotMeta>() / 8 {
            self.meta.set(meta(slot, field * 8), 0);
        }
        self.forget_arguments(slot)?;
        self.offer(slot)?;
        Ok(true)
    }

    /// Takes everybody out of a slot; says whether there was anybody.
    fn expel(&mut self, slot: Slot) -> bool {
        let mut found = false;
        for tgid in 0..host::most_processes() {
            if self.slot_of(tgid) == Some(slot) {
                self.untrack(tgid);
                found = true;
            }
        }
        found
    }

    fn forget_arguments(&mut self, slot: Slot) -> Result<(), Error> {
        let stale: Vec<_> =
            self.arguments.keys().filter_map(Result::ok).filter(|key| key.slot == slot.get()).collect();
        for key in stale {
            self.arguments.remove(&key).map_err(Error::map("ARGUMENTS"))?;
        }
        Ok(())
    }
}

fn is_missing(error: &MapError) -> bool {
    match error {
        MapError::KeyNotFound | MapError::ElementNotFound => true,
        MapError::SyscallError(error) => error.io_error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}
