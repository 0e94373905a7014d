//! Records for user space.

use aya_ebpf::helpers::{
    bpf_get_current_pid_tgid,
    generated::{bpf_get_current_cgroup_id, bpf_ktime_get_ns},
};
use seccinch_common::{
    AlertEvent, Event, EventKind, ExecEvent, FILE_NAME_BYTES, FileKey, Lost, STACK_FRAMES, StackEvent,
    StackHead,
};

use crate::{executable, maps::EVENTS, slots};

// include/uapi/linux/bpf.h, Linux 6.12.
const BPF_RB_NO_WAKEUP: u64 = 1;
const BPF_RB_FORCE_WAKEUP: u64 = 2;
const BPF_RB_AVAIL_DATA: u64 = 0;
const BPF_RB_RING_SIZE: u64 = 1;

/// A record about the running process.
#[inline(always)]
pub fn about_current(kind: EventKind, slot: u16) -> Event {
    let ids = bpf_get_current_pid_tgid();
    Event {
        // SAFETY: the helper has no preconditions.
        time: unsafe { bpf_ktime_get_ns() },
        kind: kind as u32,
        tgid: (ids >> 32) as u32,
        tid: ids as u32,
        code: 0,
        slot,
        nr: 0,
        previous: 0,
        fresh: 0,
    }
}

/// Sends a record that user space reads at its next poll, or at once if the ring fills.
#[inline(always)]
pub fn send_quietly(event: Event) {
    send(event, if is_filled_to(4) { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP });
}

/// Whether more of the ring than one part in so many waits to be read.
#[inline(always)]
fn is_filled_to(part: u64) -> bool {
    EVENTS.query(BPF_RB_AVAIL_DATA) > EVENTS.query(BPF_RB_RING_SIZE) / part
}

/// Sends a record and wakes user space.
#[inline(always)]
pub fn send_now(event: Event) {
    send(event, BPF_RB_FORCE_WAKEUP);
}

#[inline(always)]
fn send(event: Event, flags: u64) {
    let Some(mut entry) = EVENTS.reserve::<Event>(0) else { return slots::lost(Lost::RingFull) };
    entry.write(event);
    entry.submit(flags);
}

/// Sends what a process executes and wakes user space.
#[inline(always)]
pub fn send_exec(event: Event, file: FileKey, bprm: u64) {
    let Some(mut entry) = EVENTS.reserve::<ExecEvent>(0) else { return slots::lost(Lost::RingFull) };
    // SAFETY: the helper has no preconditions.
    let group = unsafe { bpf_get_current_cgroup_id() };
    let exec = entry.write(ExecEvent { event, file, group, name: [0; FILE_NAME_BYTES] });
    executable::name(bprm, &mut exec.name);
    entry.submit(BPF_RB_FORCE_WAKEUP);
}

/// Sends a call with its arguments and wakes user space.
#[inline(always)]
pub fn send_alert(event: Event, arguments: [u64; 6]) {
    let Some(mut entry) = EVENTS.reserve::<AlertEvent>(0) else { return slots::lost(Lost::RingFull) };
    entry.write(AlertEvent { event, arguments });
    entry.submit(BPF_RB_FORCE_WAKEUP);
}

/// Sends a stack as [`send_quietly`] does, with as many frames as it has. Nothing if there is no room: stacks are only
/// evidence, and half of the ring is kept for the rest.
#[inline(always)]
pub fn send_stack(stack: &StackEvent) -> Option<()> {
    let depth = stack.head.depth as usize;
    if depth > STACK_FRAMES || is_filled_to(2) {
        return None;
    }
    let flags = if is_filled_to(4) { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP };
    let size = size_of::<StackHead>() + depth * size_of::<u64>();
    // SAFETY: that is within the record.
    let record = unsafe { core::slice::from_raw_parts((&raw const *stack).cast::<u8>(), size) };
    EVENTS.output::<[u8]>(record, flags).ok()
}
