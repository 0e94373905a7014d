//! From counters to observations: which processes are targets, in which role and phase each call belongs.
//!
//! In: snapshots and events of `kernel`, and what `/proc` and the container runtimes say of processes. Out, of one
//! recording (`Session`): `model::Observations`; of a whole host all the time (`Watcher`): `model::Delta`s.

mod attach;
mod background;
mod callers;
mod cgroup;
mod discovery;
mod error;
mod executables;
mod groups;
mod host;
mod launch;
mod launcher;
mod learned;
mod libraries;
mod life;
mod newcomers;
mod procfs;
mod reach;
mod recorder;
mod role;
mod runtimes;
mod select;
mod session;
mod texts;
mod watcher;
mod workload;

pub use discovery::Discovery;
pub use error::Error;
pub use host::{clock_source, kernel_release, this_host};
pub use launch::{Command, Launched};
pub use libraries::find_libraries;
pub use life::Life;
pub use procfs::{Membership, ProcFs};
pub use reach::Scans;
pub use recorder::{Progress, Recorder, TreeId};
pub use runtimes::Runtimes;
pub use select::{GroupMatch, Selection};
pub use session::Session;
#[cfg(test)]
pub(crate) use watcher::testing;
pub use watcher::{Alert, Called, Events, Poll, Watcher};
pub use workload::workload_of;
