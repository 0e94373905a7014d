//! `seccinch scan`: an executable and the libraries that it loads are read, and what they can ask of the kernel is told.

mod diff;
pub mod graph;
mod report;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::collect::find_libraries;
use crate::files::{Input, Place, ReadError, Root, WriteError};
use crate::golang::needs;
use crate::golang::scan::libraries::Needs;
use crate::golang::scan::{self, Library};
use crate::sys::FileMapping;

pub use diff::{ScanDiff, Side, SideDocument, diff};
pub use report::{
    UnresolvedDocument, WIDTH, json, origin_name, origins_in_words, reason, shortened, table,
    unresolved_document, unresolved_line, words,
};

/// The largest program that is read. It is mapped, not copied; the largest that are known have some 400 MiB.
const MOST_BYTES: u64 = 1 << 30;
/// Bytes of all libraries of a program: those of real ones take a tenth. What is beyond is a gap.
const MOST_LIBRARY_BYTES: u64 = 96 << 20;
/// Files that are read of one program's libraries; real ones have half a dozen.
const MOST_LIBRARIES: usize = 64;

/// Why a program can't be scanned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program can't be read.
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
    with(program, sysroot, scan::scan)
}

/// The graph of the executable at `program`.
///
/// # Errors
/// As [`scan`].
pub fn graph(program: &Path, sysroot: &Path) -> Result<graph::Graph, Error> {
    let (scan, paths) = with(program, sysroot, scan::scan_with_paths)?;
    let name = program.file_name().unwrap_or(program.as_os_str());
    Ok(graph::Graph::new(&name.to_string_lossy(), &scan, &paths))
}

/// Reads the executable and its libraries, and has them scanned.
fn with<T>(
    program: &Path,
    sysroot: &Path,
    scan: impl FnOnce(&[u8], &[Library]) -> Result<T, scan::Error>,
) -> Result<T, Error> {
    let bytes = mapped(program)?;
    let needs = needs(&*bytes).unwrap_or_default();
    let libraries = libraries(&needs, origin(program, sysroot).as_deref(), sysroot);
    scan(&bytes, &libraries).map_err(|source| Error::Scan { path: program.to_owned(), source })
}

/// A program as it lies in its file, none of which is in memory before it is looked at.
pub(in crate::app) fn mapped(path: &Path) -> Result<FileMapping, ReadError> {
    let input = || Input::File(path.to_owned());
    let failed = |source: io::Error| ReadError::Io { input: input(), source };
    let file = Place::at(path).and_then(|place| place.open()).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > MOST_BYTES {
        return Err(ReadError::TooLarge { input: input(), limit: MOST_BYTES });
    }
    FileMapping::of(&file).map_err(failed)
}

/// The folder that a program lies in, as those see it who have this root; nothing if it lies elsewhere.
fn origin(program: &Path, sysroot: &Path) -> Option<PathBuf> {
    let program = program.canonicalize().ok()?;
    let inside = program.strip_prefix(sysroot.canonicalize().ok()?).ok()?;
    Some(Path::new("/").join(inside.parent()?))
}

/// Reads everything that a program loads. What is not there, or beyond what is read in all, has no bytes.
fn libraries(program: &Needs, origin: Option<&Path>, sysroot: &Path) -> Vec<Library> {
    let (root, mut left) = (Root::at(sysroot).ok(), MOST_LIBRARY_BYTES);
    let open = |file: File| {
        let bytes = read(file, left)?;
        left -= bytes.len() as u64;
        Some(bytes)
    };
    let needs = |bytes: &Vec<u8>| needs(bytes.as_slice()).ok();
    let found = find_libraries(root.as_ref(), program, origin, MOST_LIBRARIES, open, needs);
    found.into_iter().map(|found| Library { name: found.name, part: found.part, bytes: found.file }).collect()
}

/// All of a file, if it is not longer than that.
fn read(file: File, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes).ok()?;
    (read as u64 <= most).then_some(bytes)
}
