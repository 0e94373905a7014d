//! What the daemon keeps on disk: one folder a workload, with its baseline in it.
//!
//! In: baselines, one at a time. Out: at the next start, the same ones, and what could not be read. A file is
//! replaced whole or not at all, and what can't be read is kept: nothing learned is lost. `docs/state.md` has
//! the files.

mod error;
mod forget;
mod lock;
mod open;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::{StoreError, StoreProblem};

use super::baseline_file;
use crate::files::{create_folder, write_atomic};
use crate::model::{Baseline, Ledger, Timestamp, WorkloadId};
use forget::Clock;
pub use lock::Claim;
use lock::Lock;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Workloads, the forgotten ones not counted.
    pub workloads: usize,
    /// Generations of each workload's profile.
    pub generations: usize,
    /// How long a workload is kept after it was last alive.
    pub forget_after: Duration,
}

/// 500 workloads, 20 generations of each, 90 days.
impl Default for Bounds {
    fn default() -> Self {
        Self { workloads: 500, generations: 20, forget_after: Duration::from_hours(90 * 24) }
    }
}

/// A workload as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What is known of it.
    pub baseline: Baseline,
    /// What of the kernel's counts is in there.
    pub ledger: Ledger,
}

/// The state folder. It belongs to one process as long as this lives.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    bounds: Bounds,
    /// Every workload that has a folder, with when it was last alive; nothing where that can't be read.
    known: BTreeMap<WorkloadId, Option<Timestamp>>,
    /// Those whose file must not be written.
    frozen: BTreeSet<WorkloadId>,
    clock: Clock,
    _lock: Lock,
}

const BASELINE: &str = "baseline.json";
const UNREADABLE: &str = "baseline.json.unreadable";

impl Store {
    /// Opens the folder, and makes it if it is not there. What can't be read stops nothing: it is a problem
    /// of its workload.
    pub fn open(root: PathBuf, bounds: Bounds) -> Result<(Self, Vec<Stored>, Vec<StoreProblem>), StoreError> {
        let workloads = workloads(&root);
        create_folder(&workloads).map_err(|source| StoreError::folder(&root, source))?;
        let lock = Lock::take(&root)?;
        let opened =
            open::open(&workloads).map_err(|source| StoreError::List { root: root.clone(), source })?;
        let stored = opened.stored.iter();
        let mut known: BTreeMap<_, _> =
            stored.map(|one| (one.baseline.workload.clone(), Some(one.baseline.last))).collect();
        known.extend(opened.frozen.iter().map(|id| (id.clone(), None)));
        let store = Self { root, bounds, known, frozen: opened.frozen, clock: Clock::default(), _lock: lock };
        Ok((store, opened.stored, opened.problems))
    }

    /// Writes what is known of one workload, whole or not at all. If that fails, what was there before still
    /// is, and the caller's copy is the truth: it is saved again later.
    pub fn save(&mut self, baseline: &Baseline, ledger: &Ledger) -> Result<(), StoreError> {
        let id = &baseline.workload;
        if self.frozen.contains(id) {
            return Err(StoreError::Frozen { workload: Box::new(id.clone()), folder: self.folder(id) });
        }
        if !self.known.contains_key(id) && !self.has_room() {
            return Err(StoreError::TooMany { workload: Box::new(id.clone()), most: self.bounds.workloads });
        }
        let folder = self.folder(id);
        let written = baseline_file::render(baseline, ledger).and_then(|bytes| {
            create_folder(&folder)?;
            write_atomic(&folder.join(BASELINE), &bytes)
        });
        written.map_err(|source| StoreError::save(id, source))?;
        self.known.insert(id.clone(), Some(baseline.last));
        Ok(())
    }

    /// Whether one workload more may be stored.
    pub fn has_room(&self) -> bool {
        self.known.len() < self.bounds.workloads
    }

    /// Whether a workload is stored, or its file is there and can't be used.
    pub fn knows(&self, id: &WorkloadId) -> bool {
        self.known.contains_key(id)
    }

    /// The workloads whose folders must be left as they are: a file there is a newer version's, another
    /// architecture's, or could not be read or put aside. They are the same for as long as this lives.
    pub const fn frozen(&self) -> &BTreeSet<WorkloadId> {
        &self.frozen
    }

    /// The folder of one workload.
    pub fn folder(&self, id: &WorkloadId) -> PathBuf {
        workloads(&self.root).join(id.escape())
    }

    /// How much is kept.
    pub const fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Other bounds, after a reload of the configuration. What there is too much of now stays until it is
    /// forgotten.
    pub const fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }
}

fn workloads(root: &Path) -> PathBuf {
    root.join("workloads")
}
