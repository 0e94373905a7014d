//! Workloads that have not been alive for long are forgotten.

use std::time::Duration;

use super::{Store, StoreError};
use crate::files::remove_folder;
use crate::model::{Timestamp, WorkloadId};

/// How long the clock has to have run without a jump before anything is forgotten.
const STEADY: Duration = Duration::from_hours(1);
/// More than this between two calls is a jump.
const JUMP: Duration = Duration::from_hours(1);

/// Whether the clock can be trusted: a wrong date must not cost what was learned.
#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<Timestamp>,
    steady_since: Timestamp,
}

impl Clock {
    /// Takes the time in, and says whether it has gone on without a jump for long enough.
    fn is_steady(&mut self, now: Timestamp) -> bool {
        if self.last.is_none_or(|last| now < last || last.until(now) > JUMP) {
            self.steady_since = now;
        }
        self.last = Some(now);
        self.steady_since.until(now) >= STEADY
    }
}

impl Store {
    /// Removes the folders of workloads that were last alive longer ago than is kept, but not of those that
    /// `is_alive` knows to have processes. Called at every flush: nothing is forgotten in the first hour, nor
    /// in the hour after the clock was set. A frozen workload is never forgotten.
    pub fn forget(
        &mut self,
        now: Timestamp,
        is_alive: impl Fn(&WorkloadId) -> bool,
    ) -> (Vec<WorkloadId>, Vec<StoreError>) {
        let (mut forgotten, mut errors) = (Vec::new(), Vec::new());
        if !self.clock.is_steady(now) {
            return (forgotten, errors);
        }
        for id in self.overdue(now, is_alive) {
            match remove_folder(&self.folder(&id)) {
                Ok(()) => {
                    self.known.remove(&id);
                    forgotten.push(id);
                }
                Err(source) => errors.push(StoreError::Forget { workload: Box::new(id), source }),
            }
        }
        (forgotten, errors)
    }

    fn overdue(&self, now: Timestamp, is_alive: impl Fn(&WorkloadId) -> bool) -> Vec<WorkloadId> {
        let limit = self.bounds.forget_after;
        let known = self.known.iter();
        let overdue = known.filter(|(_, last)| last.is_some_and(|last| last.until(now) > limit));
        overdue.map(|(id, _)| id).filter(|id| !is_alive(id)).cloned().collect()
    }
}
