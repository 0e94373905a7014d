//! From counters to observations: which processes are targets, in which role and phase each call belongs.
//!
//! In: snapshots and events of `kernel`, and what `/proc` says of processes. Out: `model::Observations`.

mod attach;
mod error;
mod host;
mod launch;
mod life;
mod procfs;
mod recorder;
mod role;
mod select;
mod session;

pub use error::Error;
pub use host::{clock_source, kernel_release, this_host};
pub use launch::{Command, Launched};
pub use life::Life;
pub use procfs::ProcFs;
pub use recorder::{Progress, Recorder};
pub use select::{GroupMatch, Selection};
pub use session::Session;
