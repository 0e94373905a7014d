//! Where a command's main result goes.

use std::io::{self, Write};
use std::path::PathBuf;

use super::{WriteError, check_writable, write_atomic};

/// Where a command's main result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Standard output, written `-`.
    Stdout,
    /// A file, replaced atomically.
    File(PathBuf),
}

impl From<&str> for Output {
    fn from(argument: &str) -> Self {
        if argument == "-" { Self::Stdout } else { Self::File(argument.into()) }
    }
}

impl Output {
    /// Checks beforehand that a file can be put there, for work that would be lost if it could not.
    pub fn check(&self) -> Result<(), WriteError> {
        match self {
            Self::Stdout => Ok(()),
            Self::File(path) => check_writable(path),
        }
    }

    /// Writes everything. A reader of standard output that has gone away (`| head`) is no failure.
    pub fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        let Self::File(path) = self else {
            let mut stdout = io::stdout().lock();
            return match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(WriteError::Stdout(error)),
                _ => Ok(()),
            };
        };
        write_atomic(path, bytes)
    }
}
