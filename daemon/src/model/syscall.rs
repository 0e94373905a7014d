//! A system call's number in the native table.

/// How many native numbers are counted. Linux 7.0 ends at 471 on x86-64 and arm64.
pub const MAX_SYSCALLS: u16 = 512;

/// A native system call number, below [`MAX_SYSCALLS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyscallNr(u16);

impl SyscallNr {
    /// The number, or nothing if it lies outside the native table.
    pub const fn new(nr: u16) -> Option<Self> {
        if nr < MAX_SYSCALLS { Some(Self(nr)) } else { None }
    }

    /// The bare number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The number as an index into a table of [`MAX_SYSCALLS`] entries.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
