//! `seccinch scan`: an executable and the libraries that it loads are read, and what they can ask of the kernel is told.

mod libraries;
mod report;

use std::path::{Path, PathBuf};

use crate::files::{ReadError, WriteError, read_bounded};
use crate::golang::{self, scan};

pub use report::{json, table};

/// The largest file that is read. The largest Go programs have some 100 MiB.
const MOST_BYTES: u64 = 192 << 20;

/// Why a program can't be scanned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program or one of its libraries can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The program is none that can be scanned.
    #[error("cannot scan {}", path.display())]
    Scan {
        /// The program.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: scan::Error,
    },
    /// The result can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Scans the executable at `program`, whose libraries lie below `sysroot`.
///
/// # Errors
/// It can't be read, or is no Go program for a known architecture. A library that is not there is a gap in the result.
pub fn scan(program: &Path, sysroot: &Path) -> Result<scan::Scan, Error> {
    let bytes = read_bounded(program, MOST_BYTES)?;
    let linkage = golang::inspect(String::new(), bytes.as_slice()).ok().and_then(|build| build.linkage);
    let libraries = libraries::read(&linkage.unwrap_or_default(), sysroot);
    scan::scan(&bytes, &libraries).map_err(|source| Error::Scan { path: program.to_owned(), source })
}
