//! What can go wrong with generations.

use std::io;
use std::path::PathBuf;

use crate::emit::EmitError;
use crate::files::{DocumentError, ReadError, WriteError};
use crate::policy::file::ProfileFileError;

/// Why the generations of a workload can't be kept. Those that there are, are untouched.
#[derive(Debug, thiserror::Error)]
pub enum GenerationsError {
    /// The folder can't be listed.
    #[error("cannot list the generations in {}", folder.display())]
    List {
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The profile has no OCI form.
    #[error("cannot write this profile")]
    Emit(#[from] EmitError),
    /// Something can't be written or removed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file of the newest generation is a newer version's.
    #[error("{} is left as it is, and no generation follows it", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        #[source]
        source: DocumentError,
    },
}

/// Why the newest generation can't be read. The next one follows it all the same.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableError {
    /// It can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is not what it should be.
    #[error("{} is no file of a generation", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: DocumentError,
    },
    /// A field of it is not.
    #[error("{} is no file of a generation", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// It is no time.
    #[error("{} has no time", path.display())]
    Time {
        /// The file.
        path: PathBuf,
    },
    /// Its profile is none.
    #[error("{} is no profile", path.display())]
    Profile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ProfileFileError,
    },
}
