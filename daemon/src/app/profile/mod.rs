//! The `seccinch profile` commands: observations and profiles in, profiles and reports out.

mod binary;
mod build;
mod check;
mod diff;
mod error;
mod explain;
pub(in crate::app) mod floors;
mod host;
mod load;
mod prometheus;
pub(in crate::app) mod report;
mod summary;
mod target;

pub use binary::{Binaries, BinaryError};
pub use build::{BuildRequest, build};
pub use check::{CheckReport, check};
pub use diff::{DiffReport, diff};
pub use error::ProfileCommandError;
pub use explain::{ExplainReport, explain};
pub use host::Host;
pub use load::{Loaded, Origin, load, merge};
pub use prometheus::from_prometheus;
pub use report::Report;
pub use summary::summary;
pub use target::{Target, default_name, emit, warn_of};
