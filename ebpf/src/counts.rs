//! The hot path: one more call of a target.

use seccinch_common::{ALERTED, Event, EventKind, HOT_COLUMNS, MAX_SYSCALLS, NO_SLOT, WATCHED};

use crate::{
    alerts, arguments, atomic, events,
    kernel::Task,
    maps::{HOT, IDX, WIDE},
    slots,
};

/// Counts one call of the running task.
#[inline(always)]
pub fn enter(regs: u64, id: u64, task: &impl Task) {
    let slot = slots::of(task.tgid());
    if slot == NO_SLOT {
        return;
    }
    // x32 numbers have bit 30, and a tracer may set -1: nothing but a native number may index a table.
    if id >= MAX_SYSCALLS as u64 || task.is_compat() {
        return foreign(slot);
    }
    native(slot, id as usize, regs);
}

#[inline(always)]
fn native(slot: u16, nr: usize, regs: u64) {
    let Some(columns) = IDX.get_ptr(u32::from(slot)) else { return };
    // SAFETY: the caller checked the number against the row's length.
    let column = unsafe { columns.cast::<u8>().add(nr).read_volatile() };
    match column {
        0 => _ = wide(slot, nr),
        marker if marker as usize >= HOT_COLUMNS => marked(slot, nr, marker, regs),
        _ => hot(slot, column),
    }
}

/// A call of which more is wanted than its count.
#[inline(always)]
fn marked(slot: u16, nr: usize, marker: u8, regs: u64) {
    let mut is_new = wide(slot, nr);
    if marker != ALERTED {
        is_new |= arguments::learn(slot, nr as u16, regs);
    }
    if marker != WATCHED {
        alerts::raise(slot, nr as u16, regs, is_new);
    }
}

/// Tracepoints run with preemption off, so nothing comes between load and store on this CPU.
#[inline(always)]
fn hot(slot: u16, column: u8) {
    let Some(row) = HOT.get_ptr_mut(u32::from(slot)) else { return };
    // SAFETY: the index is masked to the row's length.
    unsafe { *row.cast::<u64>().add(column as usize & (HOT_COLUMNS - 1)) += 1 }
}

/// Counts in the row that all CPUs share; says whether it was the slot's first call of that number.
#[inline(always)]
fn wide(slot: u16, nr: usize) -> bool {
    let Some(row) = WIDE.get_ptr_mut(u32::from(slot)) else { return false };
    // SAFETY: as in `native`.
    let counter = unsafe { row.cast::<u64>().add(nr) };
    // SAFETY: as in `native`.
    let before = unsafe { counter.read_volatile() };
    atomic::add(counter, 1);
    if before == 0 {
        let event = events::about_current(EventKind::FirstSeen, slot);
        events::send_quietly(Event { nr: nr as u16, ..event });
    }
    before == 0
}

#[inline(always)]
fn foreign(slot: u16) {
    let Some(meta) = slots::meta(slot) else { return };
    // SAFETY: a field of a map value.
    atomic::add(unsafe { &raw mut (*meta).foreign }, 1);
}
