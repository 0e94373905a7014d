//! Where the running kernel keeps what the eBPF programs read.

use std::fs;
use std::path::Path;

use seccinch_common::{Offsets, StackOffsets};

use super::btf::Btf;
use super::error::Error;

/// The running kernel's own type information.
pub(super) const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// Everything that has to be known of a kernel before the programs are loaded.
#[derive(Debug)]
pub(super) struct Layout {
    /// The structures' fields.
    pub(super) offsets: Offsets,
    /// Where in `task_struct` the word with the ABI flag lies.
    pub(super) compat_offset: u64,
    /// The flag.
    pub(super) compat_mask: u32,
    /// Offsets of the system call's arguments in `struct pt_regs`, in order.
    pub(super) arguments: [u16; 6],
    /// What stacks are read by.
    pub(super) stack: StackOffsets,
}

impl Layout {
    /// Reads it from a BTF file.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let bytes = fs::read(path).map_err(|source| Error::Btf { path: shown.clone(), source })?;
        let unusable = |problem: String| Error::BtfContent { path: shown.clone(), problem };
        let btf = Btf::parse(&bytes).map_err(unusable)?;
        Self::find(&btf).map_err(|field| unusable(format!("it does not describe {field}")))
    }

    fn find(btf: &Btf<'_>) -> Result<Self, String> {
        let at = |structure: &str, member: &str| {
            btf.offset(structure, member).ok_or_else(|| format!("{structure}.{member}"))
        };
        let change_time = change_time(btf).ok_or("inode.i_ctime")?;
        let offsets = Offsets {
            task_tgid: at("task_struct", "tgid")?,
            task_group_leader: at("task_struct", "group_leader")?,
            task_start: at("task_struct", "start_boottime")
                .or_else(|_| at("task_struct", "real_start_time"))?,
            task_signal: at("task_struct", "signal")?,
            task_exit_code: at("task_struct", "exit_code")?,
            signal_live: at("signal_struct", "live")?,
            bprm_file: at("linux_binprm", "file")?,
            bprm_interp: at("linux_binprm", "interp")?,
            file_inode: at("file", "f_inode")?,
            inode_number: at("inode", "i_ino")?,
            inode_generation: at("inode", "i_generation")?,
            inode_size: at("inode", "i_size")?,
            inode_ctime_sec: change_time.0,
            inode_ctime_nsec: change_time.1,
            inode_super_block: at("inode", "i_sb")?,
            super_block_device: at("super_block", "s_dev")?,
        };
        let (word, mask) = COMPAT_FLAG;
        let compat = btf
            .nested_offset("task_struct", "thread_info", ("thread_info", word))
            .ok_or_else(|| format!("thread_info.{word}"))?;
        Ok(Self {
            offsets,
            compat_offset: compat.into(),
            compat_mask: mask,
            arguments: argument_offsets(btf)?,
            stack: stack_offsets(btf)?,
        })
    }
}

/// `__i_ctime` since Linux 6.6, two separate fields since 6.11, `i_ctime` before.
fn change_time(btf: &Btf<'_>) -> Option<(u32, u32)> {
    let separate = || Some((btf.offset("inode", "i_ctime_sec")?, btf.offset("inode", "i_ctime_nsec")?));
    let whole = |member| {
        let start = btf.offset("inode", member)?;
        Some((start, start + btf.offset("timespec64", "tv_nsec")?))
    };
    separate().or_else(|| whole("__i_ctime")).or_else(|| whole("i_ctime"))
}

/// `TS_COMPAT`: `arch/x86/include/asm/thread_info.h`, Linux 6.12. `cs` does not tell: `int 0x80` from
/// 64-bit code keeps its 64-bit `cs`.
#[cfg(target_arch = "x86_64")]
const COMPAT_FLAG: (&str, u32) = ("status", 0x2);

/// `TIF_32BIT`: `arch/arm64/include/asm/thread_info.h`, Linux 6.12.
#[cfg(target_arch = "aarch64")]
const COMPAT_FLAG: (&str, u32) = ("flags", 1 << 22);

/// `syscall(2)`, "Architecture calling conventions".
#[cfg(target_arch = "x86_64")]
fn argument_offsets(btf: &Btf<'_>) -> Result<[u16; 6], String> {
    let mut offsets = [0; 6];
    for (offset, register) in offsets.iter_mut().zip(["di", "si", "dx", "r10", "r8", "r9"]) {
        let found = btf.offset("pt_regs", register).and_then(|at| u16::try_from(at).ok());
        *offset = found.ok_or_else(|| format!("pt_regs.{register}"))?;
    }
    Ok(offsets)
}

/// As above: `x0` to `x5`, at the start of the registers. (`x0` is intact on entry.)
#[cfg(target_arch = "aarch64")]
fn argument_offsets(btf: &Btf<'_>) -> Result<[u16; 6], String> {
    let start = btf.offset("pt_regs", "regs").and_then(|at| u16::try_from(at).ok());
    let start = start.ok_or("pt_regs.regs")?;
    Ok(std::array::from_fn(|n| start + 8 * n as u16))
}

fn stack_offsets(btf: &Btf<'_>) -> Result<StackOffsets, String> {
    let at = |structure: &str, member: &str| {
        btf.offset(structure, member).ok_or_else(|| format!("{structure}.{member}"))
    };
    let [instruction, stack, frame, goroutine] = caller_registers(btf)?;
    Ok(StackOffsets {
        task_mm: at("task_struct", "mm")?,
        code_start: at("mm_struct", "start_code")?,
        code_end: at("mm_struct", "end_code")?,
        // arm64 has none of that name: goroutines are found by their register alone.
        thread_pointer: btf
            .nested_offset("task_struct", "thread", ("thread_struct", "fsbase"))
            .unwrap_or_default(),
        instruction,
        stack,
        frame,
        goroutine,
    })
}

/// Instruction, stack and frame pointer, and Go's goroutine: `src/cmd/compile/abi-internal.md`, Go 1.27.
#[cfg(target_arch = "x86_64")]
fn caller_registers(btf: &Btf<'_>) -> Result<[u32; 4], String> {
    let mut offsets = [0; 4];
    for (offset, register) in offsets.iter_mut().zip(["ip", "sp", "bp", "r14"]) {
        *offset = btf.offset("pt_regs", register).ok_or_else(|| format!("pt_regs.{register}"))?;
    }
    Ok(offsets)
}

/// As above: `x29` is the frame pointer, `x28` the goroutine.
#[cfg(target_arch = "aarch64")]
fn caller_registers(btf: &Btf<'_>) -> Result<[u32; 4], String> {
    let at = |register: &str| btf.offset("pt_regs", register).ok_or_else(|| format!("pt_regs.{register}"));
    Ok([at("pc")?, at("sp")?, at("regs")? + 29 * 8, at("regs")? + 28 * 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that the running kernel is understood.
    #[test]
    fn the_running_kernel_is_understood() {
        let layout = Layout::read(Path::new(KERNEL_BTF)).expect("this kernel's BTF has all the fields");
        assert!(layout.compat_offset < 4096, "{layout:?}");
        assert!(layout.offsets.task_tgid > 0, "{layout:?}");
        assert!(layout.stack.code_start < layout.stack.code_end, "{layout:?}");
    }
}
