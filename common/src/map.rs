//! Keys and values of the maps.

/// Identity of an executable file as the kernel sees it, whatever file system it comes from.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey {
    /// `inode.i_ino`.
    pub inode: u64,
    /// `inode.i_size`, in bytes.
    pub size: u64,
    /// Change time, whole seconds.
    pub ctime_sec: u64,
    /// `super_block.s_dev`.
    pub device: u32,
    /// `inode.i_generation`.
    pub generation: u32,
    /// Change time, the nanoseconds.
    pub ctime_nsec: u32,
    /// Keeps the size a multiple of 8.
    pub padding: u32,
}

/// A role: one executable inside one target's process tree. Its value in `ROLES` is the slot.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleKey {
    /// The executable.
    pub file: FileKey,
    /// The tree, named by its first slot.
    pub root: u64,
}

/// Something that happens once in a process's life, though several of its threads may meet it at once.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Once {
    /// When the process started, in nanoseconds since boot.
    pub started: u64,
    /// The process.
    pub tgid: u32,
    /// What: an event kind.
    pub what: u32,
}

/// What is kept per slot beside its counts.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotMeta {
    /// The first slot of the tree that this slot belongs to.
    pub root: u64,
    /// Live processes in this slot.
    pub live: u64,
    /// Processes that ever entered this slot, by fork, exec or from user space.
    pub processes: u64,
    /// Calls by another ABI, or with a number outside the native table.
    pub foreign: u64,
    /// Argument combinations learned so far.
    pub arguments: u64,
    /// The slot that its processes move to when they are asked to end, 0 as long as there is none. Such a slot
    /// names itself.
    pub ending: u64,
    /// 1 until the first exec of a command that user space starts: that exec claims the slot.
    pub unclaimed: u64,
    /// How often the slot was given back: counts of another generation are another's.
    pub generation: u64,
    /// When user space was last alerted, in nanoseconds of `CLOCK_MONOTONIC`.
    pub alerted: u64,
    /// 1 if argument values of this slot found no room in the map: those that are there are not all.
    pub arguments_lost: u64,
    /// Where the Go runtime of this slot's program keeps what the programs read: the offsets of `g.goid`, `g.m`,
    /// `m.curg` and `g.sched.bp`, in words of 8 bytes and with 8 bits each, from the lowest; above them, in bytes and
    /// with 32 bits, how far below the thread pointer a thread keeps its goroutine, 0 if that is not known. The whole
    /// is 0 if nothing is known: then nothing is read.
    pub go: u64,
}

/// What user space has said of a file.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileVerdict {
    /// [`crate::IGNORED`] or [`crate::TARGET`].
    pub verdict: u64,
    /// What [`SlotMeta::go`] becomes in a slot that begins with this file.
    pub go: u64,
}

/// Arguments of one watched call. Its value in `ARGUMENTS` is how often they were seen.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArgumentKey {
    /// The watched registers, whole, in the order of [`Watch::registers`]; unused ones are 0.
    pub values: [u64; 3],
    /// The slot.
    pub slot: u16,
    /// The call.
    pub nr: u16,
    /// 1 for the entry that counts combinations beyond the bound; its values are all 0.
    pub overflow: u32,
}

/// Which registers of a watched call are learned.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Offsets into `struct pt_regs`; only the first [`Watch::count`] are valid.
    pub registers: [u16; 3],
    /// How many registers.
    pub count: u16,
}

/// Index into `LOST`: each way in which something is not counted.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// An event found the ring buffer full.
    RingFull,
    /// An exec found no free slot; the process is counted no further.
    SlotsFull,
    /// The map of roles had no room, or was busy.
    RolesFull,
    /// The map of argument values had no room, or was busy.
    ArgumentsFull,
    /// A kernel structure could not be read.
    KernelRead,
    /// A stack found no room in the ring buffer, or in the map of those that were sent.
    StacksFull,
}

impl Lost {
    /// Every reason, in the order of its index.
    pub const ALL: [Self; 6] = [
        Self::RingFull,
        Self::SlotsFull,
        Self::RolesFull,
        Self::ArgumentsFull,
        Self::KernelRead,
        Self::StacksFull,
    ];

    /// The word for this reason in files, tables and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::SlotsFull => "slots_full",
            Self::RolesFull => "roles_full",
            Self::ArgumentsFull => "arguments_full",
            Self::KernelRead => "kernel_read",
            Self::StacksFull => "stacks_full",
        }
    }
}
