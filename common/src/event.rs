//! Records of the ring buffer.

use crate::FileKey;

/// Bytes of an executed file's name that are kept.
pub const FILE_NAME_BYTES: usize = 128;

/// What every record says. It is the whole record for all kinds but [`EventKind::Exec`],
/// [`EventKind::Alert`] and [`EventKind::Stack`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub time: u64,
    /// An [`EventKind`].
    pub kind: u32,
    /// Process.
    pub tgid: u32,
    /// Thread.
    pub tid: u32,
    /// Exit: the kernel's exit code, as `wait(2)` has it. Otherwise 0.
    pub code: u32,
    /// The slot of the process after the event (a signal moves it too); for an exit, the one it had.
    pub slot: u16,
    /// First seen, alert and stack: the system call. Signal: the signal. Otherwise 0.
    pub nr: u16,
    /// Exec and signal: the slot before it; for an exec, 0 if the process was not a target. Otherwise 0.
    pub previous: u16,
    /// Exec: 1 if the slot holds a new role. Otherwise 0.
    pub fresh: u16,
}

/// A record of [`EventKind::Exec`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ExecEvent {
    /// The common part.
    pub event: Event,
    /// The executable.
    pub file: FileKey,
    /// The process's control group in the hierarchy of version 2: the number of its folder's inode.
    pub group: u64,
    /// The name of the file that runs (for a script its interpreter), ended by NUL, cut if longer.
    pub name: [u8; FILE_NAME_BYTES],
}

/// A record of [`EventKind::Alert`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AlertEvent {
    /// The common part.
    pub event: Event,
    /// The argument registers, in the order of the arguments.
    pub arguments: [u64; 6],
}

/// What an [`Event`] tells.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A slot made a call for the first time.
    FirstSeen = 1,
    /// A target, or a process that may become one, executed a file.
    Exec = 2,
    /// The last thread of a target ended.
    Exit = 3,
    /// A signal that asks a program to end was delivered to a target.
    Signal = 4,
    /// A slot made a call that user space wants to know of at once.
    Alert = 5,
    /// Where in its program a call was made.
    Stack = 6,
}

// No implicit padding: user space must never be shown uninitialised kernel stack.
const _: () = assert!(size_of::<Event>() == 8 + 4 * 4 + 2 * 4);
const _: () = assert!(size_of::<AlertEvent>() == size_of::<Event>() + 6 * 8);
const _: () =
    assert!(size_of::<ExecEvent>() == size_of::<Event>() + size_of::<FileKey>() + 8 + FILE_NAME_BYTES);
