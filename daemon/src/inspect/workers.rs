//! Which processes are workers of ours: nobody counts those.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::process::Process;

/// The workers of all who share this, until they are gone.
#[derive(Debug, Clone, Default)]
pub(super) struct Workers(Arc<Mutex<BTreeSet<u32>>>);

impl Workers {
    /// Notes a worker while it is started: nobody can ask in between.
    pub(super) fn start(&self, start: impl FnOnce() -> io::Result<Process>) -> io::Result<Process> {
        let mut workers = self.lock();
        let worker = start()?;
        workers.insert(worker.id());
        Ok(worker)
    }

    /// Its process was waited for: the id is anybody's.
    pub(super) fn gone(&self, id: u32) {
        self.lock().remove(&id);
    }

    pub(super) fn has(&self, id: u32) -> bool {
        self.lock().contains(&id)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
