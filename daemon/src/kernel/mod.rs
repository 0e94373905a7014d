//! The kernel side of seccinch as the rest of the program sees it: counters, and events.
//!
//! In: process ids that become targets. Out: cumulative counts per slot, learned argument values, and a
//! stream of [`Happening`]s. This is the only module that names `aya`.

mod attach;
mod btf;
mod counters;
mod error;
mod give_back;
mod happening;
mod host;
mod load;
mod mapped;
mod object;
mod offsets;
mod pins;
mod size;
mod slot;
mod slots;
mod source;
mod stamp;
mod table;
mod targets;
mod verdicts;

pub use attach::Hooks;
pub use error::Error;
pub use happening::Happening;
pub use host::may_inspect_processes;
pub use load::{Executions, Kernel, LoadOptions, Stacks, Takeover};
pub use pins::unload;
pub use seccinch_common::FileKey;
pub use slot::{Slot, UsedSlot};
pub use source::{ArgumentCount, CountRow, SlotState, Source};
pub use targets::{ProgramRuns, Targets, Verdict};
