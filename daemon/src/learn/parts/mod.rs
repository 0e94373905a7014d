//! What the files of observations and of baselines have in common: their types at the edge, and the way from
//! and to the model.

mod callers;
pub(super) mod decode;
pub(super) mod encode;
mod error;
mod format;
pub mod reach;

pub use callers::FrameTable;
pub use error::PartError;
pub(super) use format::{ArgumentsFile, BuildFile, HostFile, RoleFile, RoleName};
