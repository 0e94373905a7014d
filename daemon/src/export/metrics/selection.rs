//! Which workloads are shown call by call, where there are too many for all of them.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::export::view::{View, WorkloadView};
use crate::model::WorkloadId;

/// A workload that was last alive so long ago gives its place to one that lives.
const FORGOTTEN: Duration = Duration::from_hours(1);

/// The workloads that are shown call by call. Who has a place keeps it from scrape to scrape, so that its series
/// have no holes; free places go to those that live, then to those that lived last, then by name.
#[derive(Debug)]
pub(super) struct Selection {
    places: usize,
    chosen: BTreeSet<WorkloadId>,
}

impl Selection {
    pub(super) const fn new(places: usize) -> Self {
        Self { places, chosen: BTreeSet::new() }
    }

    /// The choice among what there is now.
    pub(super) fn update(&mut self, view: &View) -> &BTreeSet<WorkloadId> {
        let mut candidates: Vec<&WorkloadView> = view.workloads.values().map(AsRef::as_ref).collect();
        let lives = |workload: &WorkloadView| !workload.targets.is_empty();
        let keeps = |workload: &WorkloadView| {
            self.chosen.contains(&workload.id)
                && (lives(workload) || workload.last.until(view.time) < FORGOTTEN)
        };
        // Those that are dead have a time that no longer moves; those that live are told apart by name only.
        let last = |workload: &WorkloadView| if lives(workload) { view.time } else { workload.last };
        candidates.sort_by_cached_key(|workload| {
            (std::cmp::Reverse((keeps(workload), lives(workload), last(workload))), workload.id.clone())
        });
        self.chosen = candidates.into_iter().take(self.places).map(|workload| workload.id.clone()).collect();
        &self.chosen
    }
}
