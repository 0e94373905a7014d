//! The tests' own count of refused system calls: an exit without its entry, as seccomp runs before that
//! tracepoint. No part of the product, and it shares nothing with what is under test.
#![no_std]
#![no_main]

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::generated::bpf_get_current_ancestor_cgroup_id;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_probe_read_kernel};
use aya_ebpf::macros::{map, raw_tracepoint};
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::RawTracePointContext;

/// What was refused, and where. The layout is that of `daemon/tests/real/support/denials/orphans.rs`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Refused {
    cgroup: u64,
    nr: u32,
    errno: u32,
}

/// The control groups right below the root that are watched.
#[map]
static SCOPES: HashMap<u64, u8> = HashMap::with_max_entries(1024, 0);

/// The threads that are inside a call, by their numbers.
#[map]
static IN_FLIGHT: HashMap<u32, u8> = HashMap::with_max_entries(65_536, 0);

/// Every process that made a call in a watched group, with that group.
#[map]
static MEMBERS: HashMap<u32, u64> = HashMap::with_max_entries(65_536, 0);

/// How often each call was refused.
#[map]
static REFUSED: HashMap<Refused, u64> = HashMap::with_max_entries(8192, 0);

/// Entries that found no room: any makes the count useless.
#[map]
static LOST: Array<u64> = Array::with_max_entries(1, 0);

/// `orig_ax` in `struct pt_regs` (arch/x86/include/asm/ptrace.h): the number that was asked for.
const ORIG_AX: usize = 15;

/// `TRACE_EVENT_FN(sys_enter, TP_PROTO(struct pt_regs *regs, long id))`, include/trace/events/syscalls.h.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn enter(_: RawTracePointContext) -> i32 {
    if let Some(cgroup) = scope() {
        let (tgid, tid) = ids();
        kept(IN_FLIGHT.insert(tid, 1, 0));
        kept(MEMBERS.insert(tgid, cgroup, 0));
    }
    0
}

/// `TRACE_EVENT_FN(sys_exit, TP_PROTO(struct pt_regs *regs, long ret))`, include/trace/events/syscalls.h.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn exit(ctx: RawTracePointContext) -> i32 {
    let Some(cgroup) = scope() else { return 0 };
    if IN_FLIGHT.remove(ids().1).is_ok() {
        return 0;
    }
    // SAFETY: the tracepoint's arguments are two words; see above.
    let (regs, result) = unsafe {
        let args = ctx.as_ptr().cast::<u64>();
        (*args as *const u64, (*args.add(1)).cast_signed())
    };
    // What a signal interrupted is begun again (-ERESTARTSYS and its like); a new thread's result is 0.
    if !(-4095..0).contains(&result) || (-516..=-512).contains(&result) {
        return 0;
    }
    // SAFETY: the helper checks the address.
    let nr = unsafe { bpf_probe_read_kernel(regs.add(ORIG_AX)) }.unwrap_or(u64::MAX);
    count(Refused { cgroup, nr: nr as u32, errno: (-result) as u32 });
    0
}

/// A number of a thread is used again: nothing of the old one may stay.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn ended(_: RawTracePointContext) -> i32 {
    let _ = IN_FLIGHT.remove(ids().1);
    0
}

fn count(refused: Refused) {
    // Two processors at once may count one call for two, never none.
    match REFUSED.get_ptr_mut(refused) {
        // SAFETY: no entry is ever removed.
        Some(count) => unsafe { *count += 1 },
        None => kept(REFUSED.insert(refused, 1, 0)),
    }
}

fn scope() -> Option<u64> {
    // SAFETY: the helper reads the current task only.
    let cgroup = unsafe { bpf_get_current_ancestor_cgroup_id(1) };
    // SAFETY: the value is only looked at.
    unsafe { SCOPES.get(cgroup) }.map(|_| cgroup)
}

fn ids() -> (u32, u32) {
    let both = bpf_get_current_pid_tgid();
    ((both >> 32) as u32, both as u32)
}

fn kept<E>(outcome: Result<(), E>) {
    if let (Err(_), Some(lost)) = (outcome, LOST.get_ptr_mut(0)) {
        // SAFETY: the array has this one entry.
        unsafe { *lost += 1 };
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
