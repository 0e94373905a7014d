//! The caller's own side of a system call: its registers and its memory.

use aya_ebpf::{
    Global,
    helpers::{bpf_probe_read_user, generated::bpf_get_current_task},
};
use seccinch_common::StackOffsets;

use crate::kernel::field;

/// Where the fields are.
#[unsafe(no_mangle)]
pub static STACK_OFFSETS: Global<StackOffsets> = Global::new(ZERO);

const ZERO: StackOffsets = StackOffsets {
    task_mm: 0,
    code_start: 0,
    code_end: 0,
    thread_pointer: 0,
    instruction: 0,
    stack: 0,
    frame: 0,
    goroutine: 0,
};

/// The registers that say where a thread is.
#[derive(Clone, Copy)]
pub struct Registers {
    pub instruction: u64,
    pub stack: u64,
    pub frame: u64,
    /// Go's running goroutine, if Go's own code runs.
    pub goroutine: u64,
}

/// Reads them from a `struct pt_regs`.
#[inline(always)]
pub fn registers(regs: u64) -> Option<Registers> {
    let offsets = STACK_OFFSETS.load();
    Some(Registers {
        instruction: field(regs, offsets.instruction)?,
        stack: field(regs, offsets.stack)?,
        frame: field(regs, offsets.frame)?,
        goroutine: field(regs, offsets.goroutine)?,
    })
}

/// From where to where the code of the running executable is mapped.
#[inline(always)]
pub fn code() -> Option<(u64, u64)> {
    let offsets = STACK_OFFSETS.load();
    // SAFETY: the helper has no preconditions.
    let task = unsafe { bpf_get_current_task() };
    let mm = field(task, offsets.task_mm)?;
    Some((field(mm, offsets.code_start)?, field(mm, offsets.code_end)?))
}

/// The thread pointer, where the kernel keeps it for us.
#[inline(always)]
pub fn thread_pointer() -> Option<u64> {
    let offset = STACK_OFFSETS.load().thread_pointer;
    if offset == 0 {
        return None;
    }
    // SAFETY: the helper has no preconditions.
    field(unsafe { bpf_get_current_task() }, offset)
}

/// What lies at this address of the running process. A page that is not in memory can't be read.
#[inline(always)]
pub fn read<T>(address: u64) -> Option<T> {
    // SAFETY: the helper checks the address and reports what can't be read.
    unsafe { bpf_probe_read_user(address as *const T) }.ok()
}
