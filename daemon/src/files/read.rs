//! Bounded reading of whole files.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The most bytes that are read of one file: far more than any recording needs, and little enough that a
/// wrong file can't exhaust the memory.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Where a file's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// Standard input, written `-`.
    Stdin,
    /// A path.
    File(PathBuf),
}

impl From<&str> for Input {
    fn from(argument: &str) -> Self {
        if argument == "-" { Self::Stdin } else { Self::File(argument.into()) }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It can't be opened or read.
    #[error("cannot read {input}")]
    Io {
        /// What was read.
        input: Input,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It is larger than anything that this program writes.
    #[error("{input} is larger than {} MiB, which no file of seccinch is: check the path", limit / (1024 * 1024))]
    TooLarge {
        /// What was read.
        input: Input,
        /// The bound, in bytes.
        limit: u64,
    },
}

impl Input {
    /// Reads everything there is, up to [`MAX_FILE_BYTES`].
    pub fn read(&self) -> Result<Vec<u8>, ReadError> {
        match self {
            Self::Stdin => read_all(io::stdin().lock(), self, MAX_FILE_BYTES),
            Self::File(path) => read_bounded(path, MAX_FILE_BYTES),
        }
    }
}

/// Reads a whole file of at most `limit` bytes.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let input = Input::File(path.to_owned());
    let file = File::open(path).map_err(|source| ReadError::Io { input: input.clone(), source })?;
    read_all(file, &input, limit)
}

fn read_all(reader: impl Read, input: &Input, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells "just as long" from "longer".
    let read = reader.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| ReadError::Io { input: input.clone(), source })?;
    if bytes.len() as u64 > limit {
        return Err(ReadError::TooLarge { input: input.clone(), limit });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that a file of exactly the limit is read, and one byte more is refused.
    #[test]
    fn the_limit_is_exact() {
        let input = Input::Stdin;
        assert_eq!(read_all(&b"12345"[..], &input, 5).unwrap(), b"12345");
        let error = read_all(&b"123456"[..], &input, 5).unwrap_err();
        assert!(matches!(error, ReadError::TooLarge { limit: 5, .. }), "{error}");
    }

    /// Check that a missing file is named, and the system's reason is the source.
    #[test]
    fn a_missing_file_is_named() {
        let error = read_bounded(Path::new("/nonexistent/a.json"), 10).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nonexistent/a.json");
        assert!(std::error::Error::source(&error).is_some());
    }
}
