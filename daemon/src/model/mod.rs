//! The plain types that every other module speaks: no I/O, no serde, nothing of the rest of the crate.

mod arch;
mod arguments;
mod build;
mod observations;
mod role;
mod syscall;
mod time;
mod union;

pub use arch::Arch;
pub use arguments::{ArgumentValues, Arguments};
pub use build::{Build, GoBuild, GoVersion, Linkage};
pub use observations::{Host, Losses, Observations, PhaseCounts, RoleObservations, Seen};
pub use role::{Phase, Role};
pub use syscall::{MAX_SYSCALLS, SyscallNr};
pub use time::Timestamp;
