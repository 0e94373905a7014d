//! Reading the state folder.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::UnusableError;
use super::{BASELINE, StoreProblem, Stored, UNREADABLE};
use crate::files::{DocumentError, ReadError, is_temporary, read_bounded, remove_unfinished};
use crate::learn::baseline_file::{self, BaselineFileError};
use crate::model::{Arch, WorkloadId};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) stored: Vec<Stored>,
    pub(super) frozen: BTreeSet<WorkloadId>,
    pub(super) problems: Vec<StoreProblem>,
}

/// Reads every workload's folder, in the order of their names.
pub(super) fn open(workloads: &Path) -> io::Result<Opened> {
    let mut opened = Opened::default();
    // A folder that was being removed.
    if let Err(error) = remove_unfinished(workloads, |name| WorkloadId::from_folder(name).is_ok()) {
        opened.problems.push(StoreProblem::Leftover(workloads.to_owned(), io::Error::other(error)));
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(workloads)? {
        names.push(entry?.file_name());
    }
    names.sort();
    for name in names {
        let folder = workloads.join(&name);
        match name.to_str().and_then(|name| WorkloadId::from_folder(name).ok()).filter(|_| folder.is_dir()) {
            Some(id) => opened.workload(id, &folder),
            None => opened.problems.push(StoreProblem::Stranger(folder)),
        }
    }
    Ok(opened)
}

impl Opened {
    fn workload(&mut self, id: WorkloadId, folder: &Path) {
        if let Err(error) = remove_leftovers(folder) {
            self.problems.push(StoreProblem::Leftover(folder.to_owned(), error));
        }
        let path = folder.join(BASELINE);
        match read(&id, &path) {
            Ok(Some(stored)) => self.stored.push(stored),
            // The daemon ended between making the folder and the first file in it: this removes empty ones only.
            Ok(None) => drop(fs::remove_dir(folder)),
            Err(source) if is_broken(&source) => self.set_aside(id, &path, folder.join(UNREADABLE), source),
            Err(source) => self.freeze(id, path, source),
        }
    }

    fn set_aside(&mut self, workload: WorkloadId, path: &Path, kept: PathBuf, source: UnusableError) {
        match fs::rename(path, &kept) {
            Ok(()) => self.problems.push(StoreProblem::Unreadable { workload, kept, source }),
            Err(error) => self.freeze(workload, path.to_owned(), UnusableError::Aside(error)),
        }
    }

    fn freeze(&mut self, workload: WorkloadId, path: PathBuf, source: UnusableError) {
        self.frozen.insert(workload.clone());
        self.problems.push(StoreProblem::Frozen { workload, path, source });
    }
}

fn read(id: &WorkloadId, path: &Path) -> Result<Option<Stored>, UnusableError> {
    let bytes = match read_bounded(path, baseline_file::MAX_BYTES) {
        Err(ReadError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let (baseline, ledger) = baseline_file::parse(&bytes)?;
    if baseline.workload != *id {
        return Err(UnusableError::Other(baseline.workload));
    }
    if baseline.host.arch != Arch::NATIVE {
        return Err(UnusableError::Arch(baseline.host.arch));
    }
    Ok(Some(Stored { baseline, ledger }))
}

/// Whether a file is of no use to any version. One that could not be read may be read another time.
const fn is_broken(error: &UnusableError) -> bool {
    match error {
        UnusableError::File(BaselineFileError::Document(DocumentError::Newer { .. }))
        | UnusableError::Read(ReadError::Io { .. })
        | UnusableError::Other(_)
        | UnusableError::Arch(_)
        | UnusableError::Aside(_) => false,
        UnusableError::File(_) | UnusableError::Read(ReadError::TooLarge { .. }) => true,
    }
}

/// Temporary files of a daemon that was killed while it wrote.
fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if name.to_str().is_some_and(|name| is_temporary(name, BASELINE)) {
            fs::remove_file(folder.join(name))?;
        }
    }
    Ok(())
}
