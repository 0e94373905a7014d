//! Which process belongs to which slot.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use seccinch_common::{Lost, NO_SLOT, PIDS_PER_PAGE, SlotMeta};

use crate::{
    atomic,
    maps::{LOST, META, SLOTS},
};

const PAGE_SHIFT: u32 = PIDS_PER_PAGE.trailing_zeros();
const PAGE_MASK: usize = PIDS_PER_PAGE - 1;

/// The process that runs now.
#[inline(always)]
pub fn current_tgid() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
}

/// The slot of a process, 0 if it is not a target.
#[inline(always)]
pub fn of(tgid: u32) -> u16 {
    let Some(page) = SLOTS.get_ptr(tgid >> PAGE_SHIFT) else { return NO_SLOT };
    // SAFETY: the index is masked to the page's length. User space writes whole u16s.
    unsafe { page.cast::<u16>().add(tgid as usize & PAGE_MASK).read_volatile() }
}

/// Puts a process into a slot, or takes it out with [`NO_SLOT`].
#[inline(always)]
pub fn set(tgid: u32, slot: u16) {
    let Some(page) = SLOTS.get_ptr_mut(tgid >> PAGE_SHIFT) else { return };
    // SAFETY: as in `of`.
    unsafe { page.cast::<u16>().add(tgid as usize & PAGE_MASK).write_volatile(slot) }
}

/// What belongs to a slot.
#[inline(always)]
pub fn meta(slot: u16) -> Option<*mut SlotMeta> {
    META.get_ptr_mut(u32::from(slot))
}

/// Counts a process into a slot.
#[inline(always)]
pub fn enter(slot: u16) {
    let Some(meta) = meta(slot) else { return };
    // SAFETY: a map value; the fields are 8 bytes each.
    unsafe {
        atomic::add(&raw mut (*meta).live, 1);
        atomic::add(&raw mut (*meta).processes, 1);
    }
}

/// Counts a process out of a slot.
#[inline(always)]
pub fn leave(slot: u16) {
    let Some(meta) = meta(slot) else { return };
    // SAFETY: as in `enter`.
    unsafe { atomic::add(&raw mut (*meta).live, u64::MAX) }
}

/// Moves a process from one slot to another.
#[inline(always)]
pub fn change(tgid: u32, from: u16, to: u16) {
    if from != to {
        enter(to);
        set(tgid, to);
        leave(from);
    }
}

/// Notes that something was not counted.
#[inline(always)]
pub fn lost(reason: Lost) {
    let Some(row) = LOST.get_ptr_mut(0) else { return };
    // SAFETY: the index is one of the row's.
    atomic::add(unsafe { row.cast::<u64>().add(reason as usize) }, 1);
}
