//! The baseline file: what the daemon knows of one workload, over its restarts and the daemon's own.
//!
//! JSON on one line, `{"format":"seccinch.baseline","version":3,…}`. The baseline and what of the kernel's
//! counts it holds (the [`Ledger`]) stand in one file, so that a crash can't part them. System calls stand by
//! name, times in RFC 3339, and everything in a fixed order.

mod decode;
mod encode;
mod error;
mod format;

pub use error::BaselineFileError;
pub use format::DOCUMENT;

use crate::files::{WriteError, check_document, to_compact_json};
use crate::model::{Baseline, Ledger};

/// The most bytes that are read: a hundred times a large baseline.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The bytes of a file with this baseline.
pub fn render(baseline: &Baseline, ledger: &Ledger) -> Result<Vec<u8>, WriteError> {
    to_compact_json(&encode::encode(baseline, ledger))
}

/// The baseline in a file's bytes.
pub fn parse(bytes: &[u8]) -> Result<(Baseline, Ledger), BaselineFileError> {
    check_document(bytes, DOCUMENT)?;
    let file = serde_json::from_slice(bytes).map_err(BaselineFileError::Invalid)?;
    decode::decode(file, bytes)
}

#[cfg(test)]
mod tests;
