//! What is learned of workloads, and the files that keep it; the rules that watch over it.

pub mod baseline;
pub mod baseline_file;
pub mod file;
mod parts;
pub use parts::reach;
pub mod rules;
pub mod store;
#[cfg(test)]
pub(crate) mod testing;

pub use parts::{FrameTable, PartError};
