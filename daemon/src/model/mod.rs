//! The plain types that every other module speaks: no I/O, no serde, nothing of the rest of the crate.

mod arch;
mod arguments;
mod baseline;
mod build;
mod caller;
mod chain;
mod observations;
mod pattern;
mod reach;
mod role;
mod syscall;
mod target;
mod time;
mod union;
mod workload;

pub use arch::Arch;
pub use arguments::{ArgumentValues, Arguments};
pub use baseline::{Account, Baseline, Delta, Gap, Ledger, Starts, ToldOf, Violated};
pub use build::{Build, GoBuild, GoVersion, Linkage};
pub use caller::{Caller, Callers, Frame};
pub use chain::chain;
pub use observations::{Host, Losses, Observations, PhaseCounts, RoleObservations, Seen};
pub use pattern::{Pattern, PatternError};
pub use reach::{Reachable, Reached, ScanLimits};
pub use role::{Phase, Role};
pub use syscall::{MAX_SYSCALLS, SyscallNr};
pub use target::{Place, Target};
pub use time::Timestamp;
pub use workload::{WorkloadId, WorkloadIdError};
