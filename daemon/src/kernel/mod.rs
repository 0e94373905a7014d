//! The kernel side of seccinch as the rest of the program sees it: counters, and events.
//!
//! In: process ids that become targets. Out: cumulative counts per slot, learned argument values, and a
//! stream of [`Happening`]s. This is the only module that names `aya`.

mod attach;
mod btf;
mod counters;
mod error;
mod happening;
mod host;
mod load;
mod mapped;
mod object;
mod offsets;
mod size;
mod slots;
mod source;

pub use attach::Hooks;
pub use error::Error;
pub use happening::Happening;
pub use load::{Executions, Kernel, LoadOptions};
pub use seccinch_common::FileKey;
pub use source::{ArgumentCount, CountRow, Slot, SlotState, Source};
