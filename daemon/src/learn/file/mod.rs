//! The observation file: what `record` writes and `profile build` reads.
//!
//! JSON, `{"format":"seccinch.observations","version":3,…}`. System calls stand by name, times in RFC 3339
//! with nanoseconds, and everything in a fixed order: the same observations give the same bytes.

mod decode;
mod encode;
mod error;
mod format;

pub use error::{ObservationsError, ObservationsReadError};
pub use format::DOCUMENT;

use crate::files::{Input, Output, WriteError, check_document, to_json};
use crate::model::Observations;

/// The bytes of a file with these observations.
pub fn render(observations: &Observations) -> Result<Vec<u8>, WriteError> {
    to_json(&encode::encode(observations))
}

/// Writes an observation file, whole or not at all.
pub fn write(observations: &Observations, output: &Output) -> Result<(), WriteError> {
    output.write(&render(observations)?)
}

/// The observations in a file's bytes.
pub fn parse(bytes: &[u8]) -> Result<Observations, ObservationsError> {
    check_document(bytes, DOCUMENT)?;
    let file = serde_json::from_slice(bytes).map_err(ObservationsError::Invalid)?;
    decode::decode(file, bytes)
}

/// Reads and parses an observation file.
pub fn read(input: &Input) -> Result<Observations, ObservationsReadError> {
    let bytes = input.read()?;
    parse(&bytes).map_err(|source| ObservationsReadError::Parse { input: input.clone(), source })
}

#[cfg(test)]
mod tests;
