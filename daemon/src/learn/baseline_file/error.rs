//! What can be wrong with a baseline file.

use crate::files::DocumentError;
use crate::learn::parts::PartError;
use crate::model::WorkloadIdError;

/// Why bytes are no baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineFileError {
    /// Another kind of file, or a newer version.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A field is missing, unknown or of the wrong kind. The source has line and column.
    #[error("not a whole baseline")]
    Invalid(#[source] serde_json::Error),
    /// A name, a time or a value that can't be.
    #[error(transparent)]
    Part(#[from] PartError),
    /// No workload has that name.
    #[error("not a baseline of a workload")]
    Workload(#[from] WorkloadIdError),
    /// One program's calls stand there in two places.
    #[error("the program `{0}` stands there twice in one role")]
    Twice(String),
}
