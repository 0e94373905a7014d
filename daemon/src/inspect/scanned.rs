//! What a program could ever call: its code and that of its libraries, scanned.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::frames::plain;
use crate::golang;
use crate::golang::scan::{self, Part};
use crate::model::{Reachable, Reached, ScanLimits, SyscallNr, chain};
use crate::sys::FileMapping;

/// Libraries whose files are sent along at most; real Go programs load half a dozen.
pub const MOST_LIBRARIES: usize = 24;
/// Libraries that are told of at most, with those that were not found.
const MOST_NAMES: usize = 64;
/// Bytes of a program and its libraries. A worker has room for them, and for what a scan of so much takes.
pub(super) const MOST_BYTES: u64 = 512 << 20;
/// Bytes of one library: those are not mapped, and real ones have some MiB.
const MOST_LIBRARY_BYTES: u64 = 64 << 20;
/// Packages of one call, as many as a scan keeps.
const MOST_PACKAGES: usize = 5;

/// A library that a program loads, or its dynamic linker.
#[derive(Debug)]
pub struct Library {
    /// Its name, as those that need it write it.
    pub name: String,
    /// What it is to the program.
    pub part: Part,
    /// The file; nothing if it was not found.
    pub file: Option<File>,
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// The program's build id: it may be another one than was meant.
    pub id: Option<String>,
    /// What it could ever call.
    pub reachable: Reachable,
}

/// A library as it is told of. Its file comes with the request, in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    name: String,
    is_loader: bool,
    is_there: bool,
}

/// What a scan found, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Calls {
    id: Option<String>,
    unresolved: u64,
    gaps: BTreeSet<String>,
    found: Vec<Call>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Call {
    number: u16,
    packages: Vec<String>,
    is_go: bool,
    is_optional: bool,
}

/// What is said of the libraries, and the files that are sent with it.
pub(super) fn named(libraries: Vec<Library>) -> (Vec<Named>, Vec<File>) {
    let (mut all, mut files) = (Vec::new(), Vec::new());
    for Library { name, part, file } in libraries.into_iter().take(MOST_NAMES) {
        let file = file.filter(|_| files.len() < MOST_LIBRARIES);
        all.push(Named { name, is_loader: part == Part::Loader, is_there: file.is_some() });
        files.extend(file);
    }
    (all, files)
}

/// Scans a program with its libraries, of which `files` has those that are there.
pub(super) fn read(program: &File, libraries: &[Named], files: Vec<File>) -> Result<Calls, String> {
    let bytes = FileMapping::of(program).map_err(|error| error.to_string())?;
    let id = golang::inspect(String::new(), &*bytes).map_err(|error| chain(&error))?.id;
    let mut files = files.into_iter();
    let library = |named: &Named| {
        let file = named.is_there.then(|| files.next()).flatten();
        Ok(scan::Library {
            name: named.name.clone(),
            part: if named.is_loader { Part::Loader } else { Part::Library },
            bytes: file.map(contents).transpose()?,
        })
    };
    let libraries: Vec<_> =
        libraries.iter().map(library).collect::<Result<_, io::Error>>().map_err(|error| error.to_string())?;
    let found = scan::scan(&bytes, &libraries).map_err(|error| chain(&error))?;
    Ok(Calls::new(id, found.reachable()))
}

/// All of a file, wherever who read it before left off. Its size is not asked for: a worker may not.
fn contents(mut file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(MOST_LIBRARY_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Calls {
    fn new(id: Option<String>, reachable: Reachable) -> Self {
        let call = |(nr, reached): (SyscallNr, Reached)| Call {
            number: nr.get(),
            packages: reached.packages.iter().map(|package| plain(package)).collect(),
            is_go: reached.is_go,
            is_optional: reached.is_optional,
        };
        Self {
            id,
            unresolved: reachable.limits.unresolved,
            gaps: reachable.limits.gaps.iter().map(|gap| plain(gap)).collect(),
            found: reachable.syscalls.into_iter().map(call).collect(),
        }
    }

    /// What was found, if it is of a kind that a scan finds.
    pub(super) fn scanned(self) -> Option<Scanned> {
        let is_bounded = self.gaps.len() <= MOST_NAMES
            && self.found.iter().all(|call| call.packages.len() <= MOST_PACKAGES);
        if !is_bounded {
            return None;
        }
        let reached = |call: Call| {
            let packages = call.packages.iter().map(|package| Arc::from(plain(package))).collect();
            let reached = Reached { packages, is_go: call.is_go, is_optional: call.is_optional };
            Some((SyscallNr::new(call.number)?, reached))
        };
        let gaps = self.gaps.iter().map(|gap| plain(gap)).collect();
        let syscalls = self.found.into_iter().map(reached).collect::<Option<_>>()?;
        let limits = ScanLimits { unresolved: self.unresolved, gaps };
        Some(Scanned { id: self.id, reachable: Reachable { syscalls, limits } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(number: u16, packages: usize) -> Calls {
        let packages = (0..packages).map(|number| format!("example.com/{number}\u{1b}")).collect();
        let call = Call { number, packages, is_go: true, is_optional: false };
        Calls { id: None, unresolved: 1, gaps: ["libx.so: not found\n".to_owned()].into(), found: vec![call] }
    }

    /// Check that what a worker says is taken only if a scan could have found it, and no text is obeyed by a terminal.
    #[test]
    fn only_what_can_be_is_believed() {
        let scanned = calls(1, MOST_PACKAGES).scanned().unwrap();
        let (_, reached) = scanned.reachable.syscalls.first_key_value().unwrap();
        assert!(reached.packages.contains("example.com/0\u{fffd}"), "{reached:?}");
        assert_eq!(scanned.reachable.limits.gaps, ["libx.so: not found\u{fffd}".to_owned()].into());
        assert_eq!(calls(512, 1).scanned(), None, "no such number");
        assert_eq!(calls(1, MOST_PACKAGES + 1).scanned(), None, "too many packages");
        let gaps = (0..=MOST_NAMES).map(|number| number.to_string()).collect();
        assert_eq!(Calls { gaps, ..calls(1, 1) }.scanned(), None, "too many gaps");
    }

    /// Check that no more files are sent than a worker takes, and that the others are told as missing.
    #[test]
    fn files_are_bounded() {
        let library = |number: usize| Library {
            name: number.to_string(),
            part: Part::Library,
            file: Some(File::open("/dev/null").unwrap()),
        };
        let (named, files) = named((0..MOST_NAMES + 9).map(library).collect());
        assert_eq!((named.len(), files.len()), (MOST_NAMES, MOST_LIBRARIES));
        assert_eq!(named.iter().filter(|named| named.is_there).count(), MOST_LIBRARIES);
    }
}
