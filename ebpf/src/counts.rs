//! The hot path: one more call of a target.

use core::ffi::c_void;

use seccinch_common::{ALERTED, Event, EventKind, HOT_COLUMNS, MAX_SYSCALLS, NO_SLOT, StackFlags, WATCHED};

use crate::{
    alerts, arguments, atomic, events,
    kernel::Task,
    maps::{HOT, IDX, WIDE},
    slots, stacks,
};

/// A native call of a target.
pub struct Call {
    /// What the program was run with.
    pub context: *mut c_void,
    /// The caller's `struct pt_regs`.
    pub regs: u64,
    /// Which slot.
    pub slot: u16,
    /// Its number, less than [`MAX_SYSCALLS`].
    pub nr: u16,
}

/// Counts one call of the running task.
#[inline(always)]
pub fn enter(context: *mut c_void, regs: u64, id: u64, task: &impl Task) {
    let slot = slots::of(task.tgid());
    if slot == NO_SLOT {
        return;
    }
    // x32 numbers have bit 30, and a tracer may set -1: nothing but a native number may index a table.
    if id >= MAX_SYSCALLS as u64 || task.is_compat() {
        return foreign(slot);
    }
    native(id as usize, &Call { context, regs, slot, nr: id as u16 });
}

#[inline(always)]
fn native(nr: usize, call: &Call) {
    let Some(columns) = IDX.get_ptr(u32::from(call.slot)) else { return };
    // SAFETY: the caller checked the number against the row's length.
    let column = unsafe { columns.cast::<u8>().add(nr).read_volatile() };
    match column {
        0 => _ = wide(nr, call),
        marker if marker as usize >= HOT_COLUMNS => marked(nr, marker, call),
        _ => hot(column, call),
    }
}

/// A call of which more is wanted than its count.
#[inline(always)]
fn marked(nr: usize, marker: u8, call: &Call) {
    let mut is_new = wide(nr, call);
    if marker != ALERTED {
        is_new |= arguments::learn(call.slot, call.nr, call.regs);
    }
    if marker != WATCHED {
        alerts::raise(call, is_new);
    }
}

/// Tracepoints run with preemption off, so nothing comes between load and store on this CPU.
#[inline(always)]
fn hot(column: u8, call: &Call) {
    let Some(row) = HOT.get_ptr_mut(u32::from(call.slot)) else { return };
    // SAFETY: the index is masked to the row's length.
    let counter = unsafe { &mut *row.cast::<u64>().add(column as usize & (HOT_COLUMNS - 1)) };
    let before = *counter;
    *counter = before + 1;
    stacks::consider_power(call, before);
}

/// Counts in the row that all CPUs share; says whether it was the slot's first call of that number.
#[inline(always)]
fn wide(nr: usize, call: &Call) -> bool {
    let Some(row) = WIDE.get_ptr_mut(u32::from(call.slot)) else { return false };
    // SAFETY: as in `native`.
    let counter = unsafe { row.cast::<u64>().add(nr) };
    // SAFETY: as in `native`.
    let before = unsafe { counter.read_volatile() };
    atomic::add(counter, 1);
    if before == 0 {
        let event = events::about_current(EventKind::FirstSeen, call.slot);
        events::send_quietly(Event { nr: call.nr, ..event });
        stacks::consider(call, StackFlags::FIRST);
    } else {
        stacks::consider_power(call, before);
    }
    before == 0
}

#[inline(always)]
fn foreign(slot: u16) {
    let Some(meta) = slots::meta(slot) else { return };
    // SAFETY: a field of a map value.
    atomic::add(unsafe { &raw mut (*meta).foreign }, 1);
}
