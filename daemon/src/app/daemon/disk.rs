//! The state folder as the writer's thread has it: everything that is written while the daemon counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::profiles::{ProfileError, Profiles};
use crate::export::view::GenerationView;
use crate::learn::rules::Rule;
use crate::learn::store::{Bounds, Store, StoreError};
use crate::model::{Baseline, Ledger, Timestamp, WorkloadId};

/// What is on disk.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) store: Store,
    pub(super) profiles: Profiles,
}

/// A workload as it was when its write began, and what is to be written of it.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) baseline: Baseline,
    /// What of the kernel's counts is in there; nothing if the baseline is on disk already.
    pub(super) ledger: Option<Ledger>,
    /// What its profile is made with; nothing if it can't have become another one.
    pub(super) rules: Option<Vec<Rule>>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) workload: WorkloadId,
    pub(super) saved: Result<(), StoreError>,
    /// Nothing if none was to be made, or what it is made of could not be saved.
    pub(super) profile: Option<Result<(), ProfileError>>,
    pub(super) newest: Option<Arc<GenerationView>>,
    /// Every file of every generation of all workloads.
    pub(super) files: Arc<BTreeMap<String, PathBuf>>,
}

/// The workloads whose folders are gone, and why others are not.
#[derive(Debug)]
pub(super) struct Forgotten {
    pub(super) workloads: Vec<WorkloadId>,
    pub(super) errors: Vec<StoreError>,
    /// Every file of every generation of those that are left.
    pub(super) files: Arc<BTreeMap<String, PathBuf>>,
}

impl Disk {
    /// Writes a workload, and then its profile: one is never of more than what is stored.
    pub(super) fn write(&mut self, write: &Write, time: Timestamp, bounds: Bounds) -> Written {
        self.store.set_bounds(bounds);
        let Write { baseline, ledger, rules } = write;
        let saved = ledger.as_ref().map_or(Ok(()), |ledger| self.store.save(baseline, ledger));
        let rules = rules.as_ref().filter(|_| saved.is_ok());
        let profile = rules.map(|rules| self.profiles.update(&self.store, baseline, rules, time));
        Written {
            workload: baseline.workload.clone(),
            saved,
            profile,
            newest: self.profiles.newest(&baseline.workload),
            files: self.profiles.files(),
        }
    }

    /// Removes what was not alive for long.
    pub(super) fn forget(
        &mut self,
        alive: &BTreeSet<WorkloadId>,
        time: Timestamp,
        bounds: Bounds,
    ) -> Forgotten {
        self.store.set_bounds(bounds);
        let (workloads, errors) = self.store.forget(time, |id| alive.contains(id));
        for id in &workloads {
            self.profiles.forget(id);
        }
        Forgotten { workloads, errors, files: self.profiles.files() }
    }
}
