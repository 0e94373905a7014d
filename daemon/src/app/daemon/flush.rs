//! What is written when: what changed, a little at a time, by a thread of its own. The loop never waits for a disk.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Duration;

use tokio::time::{Instant, interval};

use super::clock::Reading;
use super::disk::{Forgotten, Write, Written};
use super::health::Weight;
use super::known::Known;
use super::notify::Manager;
use super::service::Daemon;
use super::wake::beat;
use super::writer::{Done, Job, Task};
use crate::kernel::Targets;
use crate::learn::store::StoreError;
use crate::model::{Timestamp, WorkloadId, chain};

/// Workloads written at one poll, if they are few.
const AT_ONCE: usize = 8;
/// A workload that lives and does nothing new is written so often, for when it was last alive.
const REWRITE: Duration = Duration::from_hours(1);
/// A disk that takes nothing for so long is told of.
const PATIENCE: Duration = Duration::from_secs(30);
/// The part that fails where the state folder takes nothing.
pub(super) const STATE: &str = "state";
const STUCK: &str = "the disk of the state folder takes long: nothing could be written for half a minute and more; counting \
    goes on, and what was learned meanwhile is lost if this process is killed; look at what the system says of that disk";

/// What is due to be written.
#[derive(Debug)]
pub(super) struct Flush {
    next: Instant,
    due: BTreeSet<WorkloadId>,
    /// Whose turn it was last: where a disk does not keep up, everybody has one.
    last: Option<WorkloadId>,
    /// Of those that are due, at one poll: so many that all are written before the next flush.
    at_once: usize,
    /// Those that are left for this poll.
    left: usize,
    /// Whether folders are being removed.
    is_forgetting: bool,
    /// A disk that takes nothing for so long is told of.
    pub(super) patience: Duration,
}

impl Flush {
    /// The first flush is an interval away.
    pub(super) fn after(interval: Duration) -> Self {
        Self {
            next: Instant::now() + interval,
            due: BTreeSet::new(),
            last: None,
            at_once: AT_ONCE,
            left: 0,
            is_forgetting: false,
            patience: PATIENCE,
        }
    }

    /// Whose turn it is. Who is not free stays due.
    fn take(&mut self, is_free: impl Fn(&WorkloadId) -> bool) -> Option<WorkloadId> {
        let after = self.last.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let later = self.due.range((after, Bound::Unbounded));
        let id = later.chain(&self.due).find(|id| is_free(id))?.clone();
        self.due.remove(&id);
        self.last = Some(id.clone());
        Some(id)
    }
}

impl<K: Targets> Daemon<K> {
    /// Begins a flush if it is time to, and has some of what is due written.
    pub(super) fn flush_some(&mut self, reading: Reading) {
        if Instant::now() >= self.flush.next {
            self.flush.next = Instant::now() + self.config.flush_interval;
            self.begin_flush(reading);
        }
        if self.writer.is_stuck(self.flush.patience) {
            self.health.fails(STATE, STUCK.to_owned(), reading.time, Weight::Partial);
        }
        self.flush.left = self.flush.at_once;
        self.write_due(reading.time);
    }

    /// Has everything written, and waits for that; says whether it is.
    pub(super) async fn flush_all(&mut self, reading: Reading) -> bool {
        let is_learned = self.begin_flush(reading);
        let mut heartbeat = Manager::heartbeat().map(interval);
        loop {
            self.flush.left = usize::MAX;
            self.write_due(reading.time);
            if self.writer.is_idle() {
                return is_learned && !self.workloads.values().any(|known| known.has_failed);
            }
            tokio::select! {
                done = self.writer.done() => match done {
                    Some(done) => self.take_done(done),
                    None => return false,
                },
                () = beat(heartbeat.as_mut()) => Manager::alive(),
            }
        }
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
        self.begin_to_forget(reading.time);
        for known in self.workloads.values_mut() {
            known.note_alive(reading.time, REWRITE);
        }
        let due = self.workloads.iter().filter(|(_, known)| known.is_due());
        self.flush.due = due.map(|(id, _)| id.clone()).collect();
        self.flush.at_once =
            share(self.flush.due.len(), self.config.poll_interval, self.config.flush_interval);
        // What is on disk already, and the slots of what is not kept at all.
        let workloads = &self.workloads;
        let is_missing = |known: &Known| known.is_unsaved || known.is_being_written();
        self.watcher.stored_all_but(&|id| workloads.get(id).is_some_and(is_missing));
        is_learned
    }

    /// Where there is no room for it, or it is under way, it is done at a later flush.
    fn begin_to_forget(&mut self, time: Timestamp) {
        if self.writer.has_room() && !self.flush.is_forgetting {
            self.flush.is_forgetting = true;
            let alive = self.workloads.iter().filter(|(_, known)| known.is_alive());
            let alive = alive.map(|(id, _)| id.clone()).collect();
            self.writer.begin(Job { time, bounds: self.config.bounds, task: Task::Forget(alive) });
        }
    }

    /// Has written what is due, as far as there is room.
    pub(super) fn write_due(&mut self, time: Timestamp) {
        while self.flush.left > 0 && self.writer.has_room() {
            let workloads = &self.workloads;
            let is_free = |id: &WorkloadId| !workloads.get(id).is_some_and(Known::is_being_written);
            let Some(id) = self.flush.take(is_free) else { return };
            self.flush.left -= usize::from(self.begin_to_write(&id, time));
        }
    }

    /// Has a workload and its profile written, as far as they changed; says whether anything had to be.
    fn begin_to_write(&mut self, id: &WorkloadId, time: Timestamp) -> bool {
        let Some(known) = self.workloads.get_mut(id).filter(|known| known.is_due()) else { return false };
        let write = Write {
            baseline: known.baseline.clone(),
            ledger: known.is_unsaved.then(|| self.watcher.ledger(id)),
            rules: known.is_profile_due.then(|| self.thresholds.rules().to_vec()),
        };
        known.begin_writing();
        self.watcher.storing_begins(id);
        self.writer.begin(Job { time, bounds: self.config.bounds, task: Task::Write(Box::new(write)) });
        true
    }

    /// Takes in what came of something that was to be written, or removed.
    pub(super) fn take_done(&mut self, done: Done) {
        match done {
            Done::Written(written) => self.take_written(*written),
            Done::Forgotten(forgotten) => self.take_forgotten(forgotten),
        }
        if !self.workloads.values().any(|known| known.has_failed) {
            self.health.works(STATE);
        }
    }

    fn take_written(&mut self, written: Written) {
        let Written { workload: id, saved, profile, newest, files } = written;
        self.files = files;
        let Some(known) = self.workloads.get_mut(&id) else { return };
        known.end_writing(saved.is_ok(), matches!(profile, None | Some(Ok(()))) && saved.is_ok());
        known.has_generation(newest);
        let time = self.clock.now();
        match saved {
            Ok(()) => {
                known.has_failed = false;
                self.watcher.storing_ended(&id);
                self.health.works(&part_of(&id));
            }
            Err(error) => self.not_saved(&id, &error, time),
        }
        match profile {
            Some(Ok(())) => self.health.works(&profile_of(&id)),
            Some(Err(error)) => {
                self.health.fails(&profile_of(&id), chain(&error), time, Weight::Partial);
            }
            None => {}
        }
    }

    fn not_saved(&mut self, id: &WorkloadId, error: &StoreError, time: Timestamp) {
        let is_disk = !matches!(error, StoreError::Frozen { .. } | StoreError::TooMany { .. });
        if let Some(known) = self.workloads.get_mut(id) {
            known.has_failed = is_disk;
        }
        if is_disk {
            self.state_write_errors += 1;
            self.health.fails(STATE, chain(error), time, Weight::Partial);
        } else {
            // What is learned of it is kept in memory only, and its slots have to be given back.
            self.watcher.storing_ended(id);
            self.health.fails(&part_of(id), chain(error), time, Weight::Partial);
        }
    }

    fn take_forgotten(&mut self, forgotten: Forgotten) {
        self.flush.is_forgetting = false;
        self.files = forgotten.files;
        for error in forgotten.errors {
            tracing::warn!("{}", chain(&error));
        }
        for id in forgotten.workloads {
            let Some(known) = self.workloads.get_mut(&id) else { continue };
            // It began to live, or told of more, while its folder was being removed.
            if known.is_alive() || known.is_unsaved || known.is_being_written() {
                known.begin_anew();
                continue;
            }
            tracing::info!(workload = %id, "forgotten: it was not alive for long");
            self.workloads.remove(&id);
            self.thresholds.forget(&id);
            self.health.works(&part_of(&id));
            self.health.works(&profile_of(&id));
        }
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

    /// Check that everybody has a turn, also where a disk does not keep up and the same ones are due again.
    #[test]
    fn everybody_has_a_turn() {
        let id = |name: &str| WorkloadId::parse(&format!("exe:/{name}")).unwrap();
        let mut flush = Flush::after(Duration::ZERO);
        let mut turns = Vec::new();
        for _ in 0..4 {
            flush.due = ["a", "b", "c", "d"].map(id).into();
            for _ in 0..2 {
                turns.extend(flush.take(|one| *one != id("b")));
            }
        }
        assert_eq!(turns, ["a", "c", "d", "a", "c", "d", "a", "c"].map(id));
        assert_eq!(flush.due, ["b", "d"].map(id).into());
    }
}
