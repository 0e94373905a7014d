//! What the binaries of workloads could ever call.
//!
//! In: binaries that are run, with the root that their libraries lie below. Out: what scans found, at a later poll.
//! Between them a thread has one binary scanned after the other, by workers that give way to everybody else.

mod scanner;
mod shared;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use self::scanner::{Answer, Job, Missed, Scanner};
use self::shared::Shared;
use super::background::{Asked, Background};
use crate::files::{Place, Root};
use crate::inspect::Inspector;
use crate::model::{Baseline, Reachable, Role, RoleObservations, Timestamp, WorkloadId};

/// Binaries that are waited for at once: each holds its file and its root.
const MOST_UNDER_WAY: usize = 4;
/// A binary that could not be got hold of is looked for again after so long.
const SOON: Duration = Duration::from_secs(10);
/// A thread that has found nothing for so long waits for a file system that does not answer.
const STUCK: Duration = Duration::from_mins(20);
/// Threads that are left to such file systems. After that nothing is scanned any more.
const MOST_STUCK: u32 = 4;
/// Binaries that are remembered, before those go that nobody has any more.
const MOST_REMEMBERED: usize = 4096;

/// A binary in a role of a workload, as its baseline tells them apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject {
    pub(super) workload: WorkloadId,
    pub(super) role: Role,
    pub(super) path: String,
    pub(super) id: Option<String>,
}

/// What is scanned for a subject.
#[derive(Debug)]
pub(super) struct Binary {
    /// The file; nothing if it has to be found by its path.
    pub(super) file: Option<Place>,
    /// The root of the file system that whoever runs it sees.
    pub(super) root: Root,
}

/// What became of scans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scans {
    /// Binaries that were scanned.
    pub done: u64,
    /// Scans that failed. Those that can succeed later are tried again.
    pub failed: u64,
}

/// What is known of a subject.
#[derive(Debug)]
pub(super) enum Knowledge {
    /// This.
    Known(Arc<Reachable>),
    /// It is being found out, or there is no room to ask, or it is too soon to ask again.
    Waits,
    /// It can't be found out.
    Never,
    /// Nobody was asked.
    Unasked,
}

/// A binary that could not be scanned.
#[derive(Debug, Clone, Copy)]
struct Failure {
    since: Timestamp,
    /// After which it may be tried again; nothing if never.
    patience: Option<Duration>,
    is_told: bool,
}

/// Finds out what binaries could ever call.
#[derive(Debug)]
pub(super) struct Reaches {
    /// Nothing where nothing is scanned.
    inspector: Option<Inspector>,
    thread: Option<Background<Scanner>>,
    shared: Shared,
    /// As long as anybody has it.
    known: BTreeMap<Subject, Weak<Reachable>>,
    under_way: BTreeSet<Subject>,
    failed: BTreeMap<Subject, Failure>,
    /// When something was last found out, or begun.
    heard: Timestamp,
    stuck: u32,
    scans: Scans,
}

impl Reaches {
    /// Has files scanned by this inspector, which serves nobody else: others would wait for it.
    pub(super) fn new(inspector: Option<Inspector>) -> Self {
        Self {
            inspector,
            thread: None,
            shared: Shared::default(),
            known: BTreeMap::new(),
            under_way: BTreeSet::new(),
            failed: BTreeMap::new(),
            heard: Timestamp::default(),
            stuck: 0,
            scans: Scans::default(),
        }
    }

    /// Whether anything is scanned at all.
    pub(super) fn is_on(&self) -> bool {
        self.inspector.is_some()
    }

    /// What became of scans so far.
    pub(super) fn scans(&self) -> Scans {
        self.scans
    }

    /// Goes on from a baseline: what was scanned is not scanned again, and what is equal is in memory once.
    pub(super) fn remember(&mut self, baseline: &mut Baseline) {
        for role in &mut baseline.roles {
            let Some(reachable) = &role.reachable else { continue };
            let shared = self.shared.share(reachable);
            self.know(&Subject::of(&baseline.workload, role), &shared);
            Arc::make_mut(role).reachable = Some(shared);
        }
    }

    /// What is known of a subject.
    pub(super) fn of(&self, subject: &Subject, now: Timestamp) -> Knowledge {
        if let Some(known) = self.known.get(subject).and_then(Weak::upgrade) {
            return Knowledge::Known(known);
        }
        let is_full = self.under_way.len() >= MOST_UNDER_WAY || self.stuck >= MOST_STUCK;
        match self.failed.get(subject) {
            Some(Failure { patience: None, .. }) => Knowledge::Never,
            Some(Failure { patience: Some(patience), since, .. }) if since.until(now) < *patience => {
                Knowledge::Waits
            }
            _ if is_full || self.under_way.contains(subject) => Knowledge::Waits,
            _ => Knowledge::Unasked,
        }
    }

    /// Has a binary scanned; without one, it is looked for again soon.
    pub(super) fn ask(&mut self, subject: Subject, binary: Option<Binary>, now: Timestamp) {
        let (Some(inspector), Some(binary)) = (&self.inspector, binary) else {
            return self.leave_alone(subject, Some(SOON), now);
        };
        let start = || {
            Background::start("scans", MOST_UNDER_WAY, Scanner::new(inspector.clone(), self.shared.clone()))
        };
        let thread = self.thread.get_or_insert_with(start);
        match thread.ask(Job { subject: subject.clone(), binary }) {
            Asked::Taken => {
                if self.under_way.is_empty() {
                    self.heard = now;
                }
                self.under_way.insert(subject);
            }
            Asked::Full(_) => {}
            Asked::Gone => {
                self.thread = None;
                self.leave_alone(subject, Some(STUCK), now);
            }
        }
    }

    /// What was found out since.
    pub(super) fn poll(&mut self, now: Timestamp) -> BTreeMap<Subject, Arc<Reachable>> {
        let mut fresh = BTreeMap::new();
        while let Some(Answer { subject, result }) = self.thread.as_ref().and_then(Background::found) {
            self.heard = now;
            self.under_way.remove(&subject);
            match result {
                Ok(reachable) => {
                    self.scans.done += 1;
                    self.failed.remove(&subject);
                    self.know(&subject, &reachable);
                    fresh.insert(subject, reachable);
                }
                Err(Missed { error, patience }) => self.missed(subject, &error, patience, now),
            }
        }
        if !self.under_way.is_empty() && self.heard.until(now) > STUCK {
            self.give_up(now);
        }
        fresh
    }

    /// The thread waits for somebody who does not answer. It ends when that is over.
    fn give_up(&mut self, now: Timestamp) {
        (self.thread, self.stuck) = (None, self.stuck + 1);
        for subject in std::mem::take(&mut self.under_way) {
            self.missed(subject, "the file system that it lies on does not answer", Some(STUCK), now);
        }
    }

    fn missed(&mut self, subject: Subject, error: &str, patience: Option<Duration>, now: Timestamp) {
        self.scans.failed += 1;
        let Subject { workload, path, .. } = &subject;
        if self.failed.get(&subject).is_some_and(|failure| failure.is_told) {
            tracing::debug!(%workload, path, "not scanned again: {error}");
        } else {
            tracing::warn!(%workload, path, "not scanned, so that what it could ever call is not known: {error}");
        }
        self.leave_alone(subject.clone(), patience, now);
        self.failed.entry(subject).and_modify(|failure| failure.is_told = true);
    }

    fn leave_alone(&mut self, subject: Subject, patience: Option<Duration>, now: Timestamp) {
        if self.failed.len() >= MOST_REMEMBERED {
            self.failed.pop_first();
        }
        let failure = Failure { since: now, patience, is_told: false };
        let known = self.failed.entry(subject).or_insert(failure);
        (known.since, known.patience) = (now, patience);
    }

    /// Without a build's id, another file may have its path by the next time.
    fn know(&mut self, subject: &Subject, reachable: &Arc<Reachable>) {
        if self.known.len() >= MOST_REMEMBERED {
            self.known.retain(|_, known| known.strong_count() > 0);
        }
        if subject.id.is_some() {
            self.known.insert(subject.clone(), Arc::downgrade(reachable));
        }
    }
}

impl Subject {
    fn of(workload: &WorkloadId, role: &RoleObservations) -> Self {
        let RoleObservations { role, build, .. } = role;
        Self {
            workload: workload.clone(),
            role: role.clone(),
            path: build.path.clone(),
            id: build.id.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
