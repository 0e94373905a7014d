//! Reading the kernel's own structures, at offsets that user space found in its BTF.

use aya_ebpf::{
    Global,
    helpers::{
        bpf_probe_read_kernel,
        generated::{bpf_get_current_task, bpf_get_current_task_btf},
    },
};
use seccinch_common::Offsets;

use crate::slots;
use seccinch_common::Lost;

/// Where the fields are.
#[unsafe(no_mangle)]
pub static OFFSETS: Global<Offsets> = Global::new(ZERO);

/// Where in `task_struct` the word lies that says whether the running call is a 32-bit one:
/// `thread_info.status` on x86 (`TS_COMPAT`), `thread_info.flags` on arm64 (`TIF_32BIT`).
#[unsafe(no_mangle)]
pub static COMPAT_OFFSET: Global<u64> = Global::new(0);

/// Which bit of that word.
#[unsafe(no_mangle)]
pub static COMPAT_MASK: Global<u32> = Global::new(0);

const ZERO: Offsets = Offsets {
    task_tgid: 0,
    task_group_leader: 0,
    task_start: 0,
    task_signal: 0,
    task_exit_code: 0,
    signal_live: 0,
    bprm_file: 0,
    bprm_interp: 0,
    file_inode: 0,
    inode_number: 0,
    inode_generation: 0,
    inode_size: 0,
    inode_ctime_sec: 0,
    inode_ctime_nsec: 0,
    inode_super_block: 0,
    super_block_device: 0,
};

/// Where in `task_struct` the process id lies; also in [`OFFSETS`], but the verifier takes only a constant here.
#[unsafe(no_mangle)]
pub static TGID_OFFSET: Global<u64> = Global::new(0);

/// What the hot path asks of the running task.
pub trait Task {
    /// Its process.
    fn tgid(&self) -> u32;
    /// Whether its running call came by another ABI than the native one.
    fn is_compat(&self) -> bool;
}

/// Direct loads, a nanosecond where a helper takes many: only for programs that the verifier knows the types
/// of, from Linux 5.11.
pub struct Direct(*const u8);

impl Direct {
    /// The running task.
    #[inline(always)]
    pub fn current() -> Self {
        // SAFETY: the helper has no preconditions.
        Self(unsafe { bpf_get_current_task_btf() }.cast::<u8>().cast_const())
    }

    #[inline(always)]
    fn word(&self, offset: &Global<u64>) -> u32 {
        // SAFETY: the verifier knows the type behind this pointer and checks offset and width.
        unsafe { self.0.add(offset.load() as usize).cast::<u32>().read_volatile() }
    }
}

impl Task for Direct {
    #[inline(always)]
    fn tgid(&self) -> u32 {
        self.word(&TGID_OFFSET)
    }

    #[inline(always)]
    fn is_compat(&self) -> bool {
        self.word(&COMPAT_OFFSET) & COMPAT_MASK.load() != 0
    }
}

/// Helpers, for raw tracepoints.
pub struct ByHelpers;

impl Task for ByHelpers {
    #[inline(always)]
    fn tgid(&self) -> u32 {
        slots::current_tgid()
    }

    /// What can't be read counts as foreign: it must never index the native table.
    #[inline(always)]
    fn is_compat(&self) -> bool {
        // SAFETY: the helper has no preconditions.
        let task = unsafe { bpf_get_current_task() };
        field::<u32>(task, COMPAT_OFFSET.load() as u32).is_none_or(|word| word & COMPAT_MASK.load() != 0)
    }
}

/// The field at this offset of the structure at this address.
#[inline(always)]
pub fn field<T>(structure: u64, offset: u32) -> Option<T> {
    let address = (structure + u64::from(offset)) as *const T;
    // SAFETY: the helper checks the address and reports what can't be read.
    let read = unsafe { bpf_probe_read_kernel(address) };
    if read.is_err() {
        slots::lost(Lost::KernelRead);
    }
    read.ok()
}
