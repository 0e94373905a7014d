//! Where the running kernel keeps the fields that the programs read. User space finds them in BTF.

/// Byte offsets, given to the programs as the global `OFFSETS` before they are loaded.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// `task_struct.tgid`.
    pub task_tgid: u32,
    /// `task_struct.group_leader`.
    pub task_group_leader: u32,
    /// `task_struct.start_boottime`, `real_start_time` before Linux 5.5.
    pub task_start: u32,
    /// `task_struct.signal`.
    pub task_signal: u32,
    /// `task_struct.exit_code`.
    pub task_exit_code: u32,
    /// `signal_struct.live`, an `atomic_t`.
    pub signal_live: u32,
    /// `linux_binprm.file`.
    pub bprm_file: u32,
    /// `linux_binprm.interp`: the file that really runs, for a script its interpreter.
    pub bprm_interp: u32,
    /// `file.f_inode`.
    pub file_inode: u32,
    /// `inode.i_ino`.
    pub inode_number: u32,
    /// `inode.i_generation`.
    pub inode_generation: u32,
    /// `inode.i_size`.
    pub inode_size: u32,
    /// The seconds of the inode's change time.
    pub inode_ctime_sec: u32,
    /// The nanoseconds of the inode's change time.
    pub inode_ctime_nsec: u32,
    /// `inode.i_sb`.
    pub inode_super_block: u32,
    /// `super_block.s_dev`.
    pub super_block_device: u32,
}

/// What a stack is read by, likewise: the global `STACK_OFFSETS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackOffsets {
    /// `task_struct.mm`.
    pub task_mm: u32,
    /// `mm_struct.start_code`.
    pub code_start: u32,
    /// `mm_struct.end_code`.
    pub code_end: u32,
    /// `task_struct.thread.fsbase`; 0 where the thread pointer is not kept there.
    pub thread_pointer: u32,
    /// The instruction pointer in `struct pt_regs`.
    pub instruction: u32,
    /// The stack pointer there.
    pub stack: u32,
    /// The frame pointer there.
    pub frame: u32,
    /// There, the register in which Go keeps the running goroutine.
    pub goroutine: u32,
}
