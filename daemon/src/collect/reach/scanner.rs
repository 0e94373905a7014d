//! The thread that has binaries scanned, one at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::iter;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::shared::Shared;
use super::{Binary, Subject};
use crate::collect::background::Work;
use crate::collect::libraries::find_libraries;
use crate::files::{Place, Root};
use crate::golang::scan::libraries::Found;
use crate::inspect::{self, Identity, Inspector, LEFT_ALONE, Library, MOST_LIBRARIES};
use crate::model::{Reachable, chain};

/// Scans that are remembered by the files that were read.
const MOST_SCANNED: usize = 1024;

/// A binary to be scanned, and for whom.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) subject: Subject,
    pub(super) binary: Binary,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) subject: Subject,
    pub(super) result: Result<Arc<Reachable>, Missed>,
}

/// Why a binary was not scanned.
#[derive(Debug)]
pub(super) struct Missed {
    pub(super) error: String,
    /// After which it is worth another try; nothing if it never is.
    pub(super) patience: Option<Duration>,
}

/// Has binaries scanned by an inspector.
#[derive(Debug)]
pub(super) struct Scanner {
    inspector: Inspector,
    shared: Shared,
    /// By what was read: the file, and its libraries.
    scanned: BTreeMap<Vec<Identity>, Scanned>,
}

#[derive(Debug)]
struct Scanned {
    id: Option<String>,
    reachable: Weak<Reachable>,
}

impl Work for Scanner {
    type Job = Job;
    type Found = Answer;

    fn work(&mut self, Job { subject, binary }: Job) -> Answer {
        let result = self.scan(&subject, &binary);
        // It has read others' libraries: the next binary is nothing to it.
        self.inspector.rest();
        Answer { subject, result }
    }

    fn rest(&mut self) {}
}

impl Scanner {
    pub(super) fn new(inspector: Inspector, shared: Shared) -> Self {
        Self { inspector, shared, scanned: BTreeMap::new() }
    }

    fn scan(&mut self, subject: &Subject, binary: &Binary) -> Result<Arc<Reachable>, Missed> {
        let began = Instant::now();
        let by_path = || binary.root.open(Path::new(&subject.path));
        let file = binary.file.as_ref().map_or_else(by_path, Place::open)?;
        let libraries = self.libraries(&file, subject, &binary.root)?;
        let files = iter::once(&file).chain(libraries.iter().filter_map(|library| library.file.as_ref()));
        let read: Vec<Identity> = files.map(Identity::of).collect::<io::Result<_>>()?;
        let known = self.scanned.get(&read).filter(|known| known.id == subject.id);
        if let Some(known) = known.and_then(|known| known.reachable.upgrade()) {
            return Ok(known);
        }
        let inspect::Scanned { id, reachable } = self.inspector.scan(file, libraries)?;
        if id != subject.id {
            return Err(io::Error::other("another file has its path by now").into());
        }
        let (reachable, took) = (self.shared.share(&reachable), began.elapsed());
        let (path, calls) = (&subject.path, reachable.syscalls.len());
        tracing::info!(workload = %subject.workload, path, calls, ?took, "scanned");
        if self.scanned.len() >= MOST_SCANNED {
            self.scanned.retain(|_, scanned| scanned.reachable.strong_count() > 1);
        }
        self.scanned.insert(read, Scanned { id, reachable: Arc::downgrade(&reachable) });
        Ok(reachable)
    }

    /// What it loads, found below its own root. A library that is damaged is none.
    fn libraries(&self, file: &File, subject: &Subject, root: &Root) -> Result<Vec<Library>, Missed> {
        let program = self.inspector.needs(file.try_clone()?)?;
        let mut failed = None;
        let needs = |file: &File| match self.inspector.needs(file.try_clone().ok()?) {
            Ok(needs) => Some(needs),
            Err(inspect::Error::Damaged(_)) => None,
            Err(error) => {
                failed.get_or_insert(error);
                None
            }
        };
        let origin = Path::new(&subject.path).parent();
        let found = find_libraries(Some(root), &program, origin, MOST_LIBRARIES, Some, needs);
        let library = |found: Found<File>| Library { name: found.name, part: found.part, file: found.file };
        failed.map_or_else(|| Ok(found.into_iter().map(library).collect()), |error| Err(error.into()))
    }
}

impl From<inspect::Error> for Missed {
    fn from(error: inspect::Error) -> Self {
        use inspect::Error as E;
        let patience = match error {
            E::Damaged(_) | E::TooLarge { .. } => None,
            // That is over with the minute.
            E::Exhausted => Some(Duration::from_mins(1)),
            _ => Some(LEFT_ALONE),
        };
        Self { error: chain(&error), patience }
    }
}

impl From<io::Error> for Missed {
    fn from(error: io::Error) -> Self {
        Self { error: format!("cannot be read: {error}"), patience: Some(LEFT_ALONE) }
    }
}
