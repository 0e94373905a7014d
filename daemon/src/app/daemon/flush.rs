//! Writing what changed, a little at a time: a slow disk delays a poll by a few files at the most.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::clock::Reading;
use super::health::Weight;
use super::service::Daemon;
use crate::kernel::Targets;
use crate::learn::store::StoreError;
use crate::model::{Timestamp, WorkloadId, chain};

/// Workloads written at one poll, if they are few.
const AT_ONCE: usize = 8;
/// A workload that lives and does nothing new is written so often, for when it was last alive.
const REWRITE: Duration = Duration::from_hours(1);

/// What is due to be written.
#[derive(Debug)]
pub(super) struct Flush {
    next: Instant,
    due: VecDeque<WorkloadId>,
    /// Of those, at one poll: so many that all are written before the next flush.
    at_once: usize,
    has_failed: bool,
}

impl Flush {
    /// The first flush is an interval away.
    pub(super) fn after(interval: Duration) -> Self {
        Self { next: Instant::now() + interval, due: VecDeque::new(), at_once: AT_ONCE, has_failed: false }
    }
}

impl<K: Targets> Daemon<K> {
    /// Begins a flush if it is time to, and writes some of what is due.
    pub(super) fn flush_some(&mut self, reading: Reading) {
        if self.flush.due.is_empty() && Instant::now() >= self.flush.next {
            self.flush.next = Instant::now() + self.config.flush_interval;
            self.begin_flush(reading);
        }
        self.write_due(self.flush.at_once, reading.time);
    }

    /// Writes everything; says whether it is written.
    pub(super) fn flush_all(&mut self, reading: Reading) -> bool {
        let is_learned = self.begin_flush(reading);
        self.write_due(usize::MAX, reading.time);
        is_learned && !self.flush.has_failed
    }

    /// Says whether the arguments could be read.
    fn begin_flush(&mut self, reading: Reading) -> bool {
        let learned = self.watcher.learn_arguments();
        let is_learned = learned.is_ok();
        match learned {
            Ok(deltas) => {
                self.health.works("arguments");
                for delta in deltas {
                    self.take(delta, reading);
                }
            }
            Err(error) => self.health.fails("arguments", chain(&error), reading.time, Weight::Partial),
        }
        self.forget(reading.time);
        for known in self.workloads.values_mut() {
            known.note_alive(reading.time, REWRITE);
        }
        self.flush.has_failed = false;
        self.flush.due = self.workloads.keys().cloned().collect();
        self.flush.at_once =
            share(self.flush.due.len(), self.config.poll_interval, self.config.flush_interval);
        // The slots of what is not kept are given back too.
        let workloads = &self.workloads;
        self.watcher.stored_all_but(&|id| workloads.contains_key(id));
        is_learned
    }

    fn forget(&mut self, time: Timestamp) {
        let workloads = &self.workloads;
        let is_alive = |id: &WorkloadId| workloads.get(id).is_some_and(super::known::Known::is_alive);
        let (forgotten, errors) = self.store.forget(time, is_alive);
        for error in errors {
            tracing::warn!("{}", chain(&error));
        }
        for id in forgotten {
            tracing::info!(workload = %id, "forgotten: it was not alive for long");
            self.workloads.remove(&id);
            self.thresholds.forget(&id);
            self.profiles.forget(&id);
            self.health.works(&part_of(&id));
            self.health.works(&profile_of(&id));
        }
    }

    fn write_due(&mut self, most: usize, time: Timestamp) {
        let mut written = 0;
        while written < most
            && let Some(id) = self.flush.due.pop_front()
        {
            written += usize::from(self.write(&id, time));
            if self.flush.due.is_empty() && !self.flush.has_failed {
                self.health.works("state");
            }
        }
    }

    /// Writes a workload and its profile, as far as they changed; says whether anything had to be done.
    fn write(&mut self, id: &WorkloadId, time: Timestamp) -> bool {
        let Some(known) = self.workloads.get_mut(id) else { return false };
        let (is_unsaved, is_profile_due) = (known.is_unsaved, known.is_profile_due);
        if is_unsaved {
            known.show_roles();
            let ledger = self.watcher.ledger(id);
            match self.store.save(&known.baseline, &ledger) {
                Ok(()) => {
                    known.saved();
                    self.health.works(&part_of(id));
                }
                Err(error) => return self.not_saved(id, &error, time),
            }
        }
        self.watcher.stored(id);
        if is_profile_due {
            self.bring_up_to_date(id, time);
        }
        is_unsaved || is_profile_due
    }

    fn not_saved(&mut self, id: &WorkloadId, error: &StoreError, time: Timestamp) -> bool {
        match error {
            // What is learned of it is kept in memory only, and its slots have to be given back.
            StoreError::Frozen { .. } | StoreError::TooMany { .. } => {
                self.watcher.stored(id);
                self.health.fails(&part_of(id), chain(error), time, Weight::Partial);
            }
            _ => {
                self.state_write_errors += 1;
                self.flush.has_failed = true;
                self.health.fails("state", chain(error), time, Weight::Partial);
            }
        }
        true
    }

    fn bring_up_to_date(&mut self, id: &WorkloadId, time: Timestamp) {
        let Some(known) = self.workloads.get_mut(id) else { return };
        let part = profile_of(id);
        match self.profiles.update(&self.store, &known.baseline, self.thresholds.rules(), time) {
            Ok(()) => {
                known.is_profile_due = false;
                self.health.works(&part);
            }
            Err(error) => self.health.fails(&part, chain(&error), time, Weight::Partial),
        }
        // Also where something failed after the new one was there.
        known.has_generation(self.profiles.newest(id));
    }
}

/// How many of all that are due are written at one poll.
fn share(due: usize, poll: Duration, flush: Duration) -> usize {
    let polls = flush.as_nanos().checked_div(poll.as_nanos()).unwrap_or(1).max(1);
    let polls = usize::try_from(polls).unwrap_or(usize::MAX);
    due.div_ceil(polls).max(AT_ONCE)
}

/// The part that fails where a workload can't be stored.
pub(super) fn part_of(id: &WorkloadId) -> String {
    format!("workload {id}")
}

/// The part that fails where a workload's profile can't be made or kept.
pub(super) fn profile_of(id: &WorkloadId) -> String {
    format!("profile of {id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that a flush is over before the next one begins, however many workloads there are.
    #[test]
    fn a_flush_is_spread() {
        let seconds = Duration::from_secs;
        assert_eq!(share(3, seconds(1), seconds(30)), AT_ONCE);
        assert_eq!(share(500, seconds(1), seconds(30)), 17);
        assert_eq!(share(500, seconds(5), seconds(5)), 500);
        assert_eq!(share(500, seconds(10), seconds(5)), 500);
    }
}
