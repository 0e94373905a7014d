//! What can be wrong with an observation file.

use crate::files::{DocumentError, Input, ReadError};
use crate::learn::parts::PartError;

/// Why bytes are no observations.
#[derive(Debug, thiserror::Error)]
pub enum ObservationsError {
    /// Another kind of file, or a newer version.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A field is missing, unknown or of the wrong kind. The source has line and column.
    #[error("not a whole observation file: record again, or undo what was edited")]
    Invalid(#[source] serde_json::Error),
    /// A name, a time or a value that can't be.
    #[error(transparent)]
    Part(#[from] PartError),
}

/// Why an observation file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ObservationsReadError {
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is no observation file.
    #[error("cannot use {input} as observations")]
    Parse {
        /// What was read.
        input: Input,
        /// What is wrong.
        #[source]
        source: ObservationsError,
    },
}
