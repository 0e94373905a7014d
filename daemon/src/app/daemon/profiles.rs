//! The profiles of all workloads, each kept up to date with what is known.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::app::generations::{Generations, GenerationsError, LearnedError, learned_profile};
use crate::export::view::GenerationView;
use crate::learn::rules::Rule;
use crate::learn::store::Store;
use crate::model::{Baseline, Timestamp, WorkloadId};
use crate::policy::BuildError;

/// A workload's generations are in this folder of its own.
const FOLDER: &str = "generations";

/// The generations of every workload.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    each: BTreeMap<WorkloadId, Generations>,
    /// Every file by its hash, as it is shown.
    files: Arc<BTreeMap<String, PathBuf>>,
}

/// Why a profile is not up to date.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProfileError {
    /// None can be made.
    #[error(transparent)]
    Learned(#[from] LearnedError),
    /// It can't be kept.
    #[error(transparent)]
    Generations(#[from] GenerationsError),
}

impl Profiles {
    /// Reads the generations of a workload. They are shown from [`Self::list`] on.
    pub(super) fn open(&mut self, store: &Store, id: &WorkloadId) -> Result<(), ProfileError> {
        if !self.each.contains_key(id) {
            let folder = store.folder(id).join(FOLDER);
            let generations = Generations::open(folder, store.bounds().generations)?;
            if let Some(problem) = generations.problem() {
                tracing::warn!(workload = %id, "the newest generation can't be read: {problem}");
            }
            self.each.insert(id.clone(), generations);
        }
        Ok(())
    }

    /// The newest generation of a workload.
    pub(super) fn newest(&self, id: &WorkloadId) -> Option<Arc<GenerationView>> {
        self.each.get(id)?.newest().cloned()
    }

    /// Makes a new generation of a workload's profile if it would be another one. A workload that has not made
    /// any call of its own yet has none.
    pub(super) fn update(
        &mut self,
        store: &Store,
        baseline: &Baseline,
        rules: &[Rule],
        now: Timestamp,
    ) -> Result<(), ProfileError> {
        let id = &baseline.workload;
        self.open(store, id)?;
        let profile = match learned_profile(baseline, rules) {
            Err(LearnedError::Build(BuildError::NothingObserved)) => return Ok(()),
            profile => profile?,
        };
        let Some(generations) = self.each.get_mut(id) else { return Ok(()) };
        generations.set_keep(store.bounds().generations);
        let outcome = generations.update(&profile, now).map(|new| new.map(|new| new.number));
        if let Ok(Some(number)) = outcome {
            tracing::info!(workload = %id, generation = number, rules = profile.rules().len(), "new profile");
        }
        if !matches!(outcome, Ok(None)) {
            self.list();
        }
        outcome?;
        Ok(())
    }

    /// A workload is forgotten, its folder gone.
    pub(super) fn forget(&mut self, id: &WorkloadId) {
        if self.each.remove(id).is_some() {
            self.list();
        }
    }

    /// Every file of every generation that is kept.
    pub(super) fn files(&self) -> Arc<BTreeMap<String, PathBuf>> {
        Arc::clone(&self.files)
    }

    /// Shows all that are there.
    pub(super) fn list(&mut self) {
        self.files = Arc::new(self.each.values().flat_map(Generations::profiles).collect());
    }
}
