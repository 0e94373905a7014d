//! Which file a process executes, as the kernel itself tells files apart.

use aya_ebpf::helpers::bpf_probe_read_kernel_str_bytes;
use seccinch_common::{FILE_NAME_BYTES, FileKey, FileVerdict};

use crate::{
    kernel::{OFFSETS, field},
    maps::VERDICTS,
    slots,
};

/// Multigrain timestamps (Linux 6.13) mark in bit 31 that somebody looked at the time; a look must not
/// make it another file.
const NANOSECONDS: u32 = (1 << 30) - 1;

/// The identity of the file behind a `struct linux_binprm`.
#[inline(always)]
pub fn key(bprm: u64) -> Option<FileKey> {
    let offsets = OFFSETS.load();
    let file = field::<u64>(bprm, offsets.bprm_file)?;
    let inode = field::<u64>(file, offsets.file_inode)?;
    let super_block = field::<u64>(inode, offsets.inode_super_block)?;
    Some(FileKey {
        inode: field(inode, offsets.inode_number)?,
        size: field(inode, offsets.inode_size)?,
        ctime_sec: field(inode, offsets.inode_ctime_sec)?,
        device: field(super_block, offsets.super_block_device)?,
        generation: field(inode, offsets.inode_generation)?,
        ctime_nsec: field::<u32>(inode, offsets.inode_ctime_nsec)? & NANOSECONDS,
        padding: 0,
    })
}

/// The name of the file that really runs; left empty if it can't be read.
#[inline(always)]
pub fn name(bprm: u64, into: &mut [u8; FILE_NAME_BYTES]) {
    let Some(interp) = field::<u64>(bprm, OFFSETS.load().bprm_interp) else { return };
    // SAFETY: the helper checks the address, and writes no more than the buffer holds.
    let _ = unsafe { bpf_probe_read_kernel_str_bytes(interp as *const u8, into) };
}

/// What user space has said of a file.
#[inline(always)]
pub fn verdict(file: &FileKey) -> Option<FileVerdict> {
    // SAFETY: the value is copied at once; while user space replaces it, it may be in part another one.
    unsafe { VERDICTS.get(file) }.copied()
}

/// Notes in a slot what user space has said of the program that it begins with.
#[inline(always)]
pub fn describe(slot: u16, file: &FileKey) {
    if let (Some(meta), Some(said)) = (slots::meta(slot), verdict(file)) {
        // SAFETY: a field of a map value.
        unsafe { (&raw mut (*meta).go).write_volatile(said.go) };
    }
}
