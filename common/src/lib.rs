//! The wire format between the eBPF programs and their user side: layout only, no behaviour.
//!
//! Every type is `#[repr(C)]`, has no implicit padding, and is the same on both sides of a machine.
#![no_std]

mod event;
mod map;
mod offsets;
#[cfg(feature = "user")]
mod pod;
mod stack;

pub use event::{AlertEvent, Event, EventKind, ExecEvent, FILE_NAME_BYTES};
pub use map::{ArgumentKey, FileKey, FileVerdict, Lost, Once, RoleKey, SlotMeta, Watch};
pub use offsets::{Offsets, StackOffsets};
pub use stack::{StackEvent, StackFlags, StackHead};

/// Changes whenever a map's layout or meaning changes: programs of another version are never reused.
pub const ABI_VERSION: u32 = 4;

/// Native numbers that are counted; anything above is foreign.
pub const MAX_SYSCALLS: usize = 512;

/// Columns of a slot's per-CPU row. Column 0 stays unused: in `IDX` it means "counted in `WIDE`".
pub const HOT_COLUMNS: usize = 32;

/// In `IDX`: counted in `WIDE`, and its arguments are learned. Never moved to a column.
pub const WATCHED: u8 = 0xff;

/// In `IDX`: counted in `WIDE`, and user space is alerted. Never moved to a column.
pub const ALERTED: u8 = 0xfe;

/// In `IDX`: both of them.
pub const WATCHED_ALERTED: u8 = 0xfd;

/// In `VERDICTS`: who executes this file is not counted.
pub const IGNORED: u8 = 1;

/// In `VERDICTS`: who executes this file is a target.
pub const TARGET: u8 = 2;

/// Nanoseconds between two alerts of a slot, but for calls and arguments that are new to it.
pub const ALERT_INTERVAL: u64 = 50_000_000;

/// Process ids that share one value of `SLOTS`. An array of `u16` would be rounded up to 8 bytes each.
pub const PIDS_PER_PAGE: usize = 2048;

/// Values of `SLOTS`: enough for the kernel's largest `pid_max`, 4,194,304, whatever it is now.
pub const PID_PAGES: usize = 2048;

/// The slot of a process that is not a target.
pub const NO_SLOT: u16 = 0;

/// Return addresses of a stack that are kept: as many as the kernel walks by default
/// (`kernel.perf_event_max_stack`).
pub const STACK_FRAMES: usize = 127;

/// Words at the stack pointer that are sent with a stack.
pub const STACK_TOP: usize = 8;

/// Argument combinations learned per slot; the next ones are counted as overflow.
pub const ARGUMENTS_PER_SLOT: u64 = 512;
