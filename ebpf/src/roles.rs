//! Which slot a process belongs to once it executes a file: a role is one executable in one process tree.

use aya_log_ebpf::warn;
use seccinch_common::{FileKey, IGNORED, Lost, NO_SLOT, RoleKey, TARGET};

use crate::{
    executable,
    maps::{FREE, PROVISIONAL, ROLES},
    slots,
};

const BPF_NOEXIST: u64 = 1;

/// The slot of the role that this file has in the tree of the slot before, and whether it is a new one.
/// Where no slot is free, counting goes on in the slot before: too wide a role, but nothing is missed.
#[inline(always)]
pub fn of(previous: u16, file: FileKey) -> (u16, bool) {
    let Some(meta) = slots::meta(previous) else { return (previous, false) };
    // SAFETY: fields of a map value.
    let (root, unclaimed) = unsafe { ((*meta).root, (*meta).unclaimed) };
    let key = RoleKey { file, root };
    if let Some(known) = known(&key) {
        return (known, false);
    }
    if unclaimed != 0 {
        // SAFETY: as above; only the one process of this slot can be here.
        unsafe { (*meta).unclaimed = 0 };
        return (register(&key, previous), true);
    }
    fresh(&key).unwrap_or((previous, false))
}

/// A free slot for a role that has none, unless another CPU is faster.
#[inline(always)]
fn fresh(key: &RoleKey) -> Option<(u16, bool)> {
    let Some(slot) = FREE.pop().ok().flatten() else {
        slots::lost(Lost::SlotsFull);
        warn!((), "no slot is free for another executable of tree {}: counted with its parent", key.root);
        return None;
    };
    adopt(slot, key.root);
    let registered = register(key, slot);
    if registered != slot {
        let _ = FREE.push(slot, 0);
    }
    Some((registered, registered == slot))
}

#[inline(always)]
fn known(key: &RoleKey) -> Option<u16> {
    // SAFETY: the value is copied at once; a role that user space removes meanwhile was nobody's any more.
    unsafe { ROLES.get(key) }.copied()
}

/// Makes the slot the role's, unless another CPU was faster; says which slot it is now.
#[inline(always)]
fn register(key: &RoleKey, slot: u16) -> u16 {
    if ROLES.insert(key, slot, BPF_NOEXIST).is_err() {
        if let Some(faster) = known(key) {
            return faster;
        }
        slots::lost(Lost::RolesFull);
    }
    slot
}

#[inline(always)]
fn adopt(slot: u16, root: u64) {
    if let Some(meta) = slots::meta(slot) {
        // SAFETY: a field of a map value; nobody else knows this slot yet.
        unsafe { (*meta).root = root };
    }
}

/// A slot of its own for a process that was no target, unless its file is known to be none.
#[inline(always)]
pub fn newcomer(file: FileKey) -> (u16, bool) {
    let verdict = executable::verdict(&file);
    let is_said = |wanted: u8| verdict.is_some_and(|said| said.verdict == u64::from(wanted));
    if is_said(IGNORED) {
        return (NO_SLOT, false);
    }
    let mut slot = PROVISIONAL.pop().ok().flatten();
    if slot.is_none() && is_said(TARGET) {
        // Those of whom nothing is known yet may not keep out who is meant.
        slot = FREE.pop().ok().flatten();
    }
    let Some(slot) = slot else {
        // No word in the log: it would be one per exec of the whole host.
        slots::lost(Lost::SlotsFull);
        return (NO_SLOT, false);
    };
    adopt(slot, u64::from(slot));
    register(&RoleKey { file, root: u64::from(slot) }, slot);
    (slot, true)
}

/// The slot in which a role's processes are counted once they are asked to end; the same one if none is
/// free, as a phase is only evidence.
#[inline(always)]
pub fn ending(slot: u16) -> u16 {
    let Some(meta) = slots::meta(slot) else { return slot };
    // SAFETY: fields of a map value. If two CPUs are here at once, one of two slots is used less.
    let (root, known, go) = unsafe { ((*meta).root, (*meta).ending, (*meta).go) };
    if known != 0 {
        return known as u16;
    }
    let Some(ending) = FREE.pop().ok().flatten() else { return slot };
    adopt(ending, root);
    if let Some(own) = slots::meta(ending) {
        // SAFETY: as above.
        unsafe {
            (*own).ending = u64::from(ending);
            (*own).go = go;
            (*meta).ending = u64::from(ending);
        }
    }
    ending
}
