//! Following targets through fork, exec and exit.

use aya_ebpf::{Global, helpers::generated::bpf_get_current_task};
use seccinch_common::{Event, EventKind, NO_SLOT, Once};

use crate::{
    events, executable,
    kernel::{OFFSETS, field},
    maps::ONCE,
    roles, slots,
};

/// 1 if a process that is not a target gets a provisional slot when it executes a file.
#[unsafe(no_mangle)]
static PROVISIONAL_EXECS: Global<u8> = Global::new(0);

const BPF_NOEXIST: u64 = 1;
const SIGINT: u64 = 2;
const SIGQUIT: u64 = 3;
const SIGTERM: u64 = 15;

/// A child of a target is in its parent's slot from its first call. A new thread is no child.
#[inline(always)]
pub fn fork(child: u64) {
    let parent_tgid = slots::current_tgid();
    let slot = slots::of(parent_tgid);
    if slot == NO_SLOT {
        return;
    }
    let Some(tgid) = field::<u32>(child, OFFSETS.load().task_tgid) else { return };
    if tgid != parent_tgid {
        slots::enter(slot);
        slots::set(tgid, slot);
    }
}

/// Another file is another role: the process moves to that role's slot.
#[inline(always)]
pub fn exec(bprm: u64) {
    let tgid = slots::current_tgid();
    let previous = slots::of(tgid);
    if previous == NO_SLOT && PROVISIONAL_EXECS.load() == 0 {
        return;
    }
    let Some(file) = executable::key(bprm) else { return };
    let (slot, fresh) = if previous == NO_SLOT { roles::newcomer(file) } else { roles::of(previous, file) };
    if slot == NO_SLOT {
        return;
    }
    if fresh {
        executable::describe(slot, &file);
    }
    slots::change(tgid, previous, slot);
    let event = events::about_current(EventKind::Exec, slot);
    events::send_exec(Event { previous, fresh: u16::from(fresh), ..event }, file, bprm);
}

/// The end of a process is that of its last thread, which need not be the first one.
#[inline(always)]
pub fn exit(task: u64) {
    let tgid = slots::current_tgid();
    let slot = slots::of(tgid);
    if slot == NO_SLOT {
        return;
    }
    let offsets = OFFSETS.load();
    let Some(signal) = field::<u64>(task, offsets.task_signal) else { return };
    // Several threads may be past the last decrement at once.
    if field::<u32>(signal, offsets.signal_live) != Some(0) || !is_first(EventKind::Exit, tgid) {
        return;
    }
    slots::set(tgid, NO_SLOT);
    slots::leave(slot);
    let code = field::<u32>(task, offsets.task_exit_code).unwrap_or_default();
    events::send_now(Event { code, ..events::about_current(EventKind::Exit, slot) });
}

/// The signals by which service managers and people ask a program to end. From then on the process counts in
/// another slot: that tells its shutdown from the rest to the very call.
#[inline(always)]
pub fn signal(number: u64) {
    let signal = number & 0xff;
    if signal != SIGTERM && signal != SIGINT && signal != SIGQUIT {
        return;
    }
    let tgid = slots::current_tgid();
    let previous = slots::of(tgid);
    if previous == NO_SLOT {
        return;
    }
    if !is_first(EventKind::Signal, tgid) {
        return;
    }
    let slot = roles::ending(previous);
    slots::change(tgid, previous, slot);
    let event = events::about_current(EventKind::Signal, slot);
    events::send_now(Event { nr: signal as u16, previous, ..event });
}

/// Whether this thread is the one that may act on what happens once in its process's life.
#[inline(always)]
fn is_first(what: EventKind, tgid: u32) -> bool {
    const EEXIST: i32 = -17;
    let offsets = OFFSETS.load();
    // SAFETY: the helper has no preconditions.
    let task = unsafe { bpf_get_current_task() };
    let leader = field::<u64>(task, offsets.task_group_leader);
    let Some(started) = leader.and_then(|leader| field::<u64>(leader, offsets.task_start)) else {
        return true;
    };
    ONCE.insert(Once { started, tgid, what: what as u32 }, 1, BPF_NOEXIST) != Err(EEXIST)
}
