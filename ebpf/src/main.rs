//! seccinch's eBPF programs: count every system call of the targets, and follow targets through fork,
//! exec and exit.
//!
//! Each hook exists twice: as a BTF tracepoint, and as a raw tracepoint for kernels where the first
//! can't be loaded. Both give the tracepoint's own arguments as an array of 64-bit words.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod alerts;
mod arguments;
mod atomic;
mod counts;
mod events;
mod executable;
mod goroutine;
mod kernel;
mod keys;
mod lifecycle;
mod maps;
mod roles;
mod slots;
mod stacks;
mod user;

use aya_ebpf::{
    EbpfContext,
    macros::{btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};

/// The `n`th argument of the tracepoint's prototype.
#[inline(always)]
fn word(ctx: &impl EbpfContext, n: usize) -> u64 {
    // SAFETY: the verifier checks the access against the tracepoint's own number of arguments.
    unsafe { ctx.as_ptr().cast::<u64>().add(n).read() }
}

/// `sys_enter(struct pt_regs *regs, long id)`: include/trace/events/syscalls.h, Linux 6.12.
#[btf_tracepoint(function = "sys_enter")]
pub fn sys_enter_btf(ctx: BtfTracePointContext) -> i32 {
    counts::enter(ctx.as_ptr(), word(&ctx, 0), word(&ctx, 1), &kernel::Direct::current());
    0
}

/// As [`sys_enter_btf`].
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn sys_enter_raw(ctx: RawTracePointContext) -> i32 {
    counts::enter(ctx.as_ptr(), word(&ctx, 0), word(&ctx, 1), &kernel::ByHelpers);
    0
}

/// `sched_process_fork(struct task_struct *parent, struct task_struct *child)`:
/// include/trace/events/sched.h, Linux 6.12. The parent is the caller, also under `CLONE_PARENT`.
#[btf_tracepoint(function = "sched_process_fork")]
pub fn fork_btf(ctx: BtfTracePointContext) -> i32 {
    lifecycle::fork(word(&ctx, 1));
    0
}

/// As [`fork_btf`].
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub fn fork_raw(ctx: RawTracePointContext) -> i32 {
    lifecycle::fork(word(&ctx, 1));
    0
}

/// `sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`: as above.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn exec_btf(ctx: BtfTracePointContext) -> i32 {
    lifecycle::exec(word(&ctx, 2));
    0
}

/// As [`exec_btf`].
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn exec_raw(ctx: RawTracePointContext) -> i32 {
    lifecycle::exec(word(&ctx, 2));
    0
}

/// `sched_process_exit(struct task_struct *p)`: as above; newer kernels append an argument.
#[btf_tracepoint(function = "sched_process_exit")]
pub fn exit_btf(ctx: BtfTracePointContext) -> i32 {
    lifecycle::exit(word(&ctx, 0));
    0
}

/// As [`exit_btf`].
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn exit_raw(ctx: RawTracePointContext) -> i32 {
    lifecycle::exit(word(&ctx, 0));
    0
}

/// `signal_deliver(int sig, struct kernel_siginfo *info, struct k_sigaction *ka)`:
/// include/trace/events/signal.h, Linux 6.12.
#[btf_tracepoint(function = "signal_deliver")]
pub fn signal_btf(ctx: BtfTracePointContext) -> i32 {
    lifecycle::signal(word(&ctx, 0));
    0
}

/// As [`signal_btf`].
#[raw_tracepoint(tracepoint = "signal_deliver")]
pub fn signal_raw(ctx: RawTracePointContext) -> i32 {
    lifecycle::signal(word(&ctx, 0));
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The helpers are for programs under a licence that the kernel takes for the GPL's.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
