//! The daemon's documents as tables for people, for terminals of 80 columns.

mod status;
mod violation;
mod words;
mod workload;

pub use status::status;
pub use violation::violations;
pub use workload::{workload, workloads};
