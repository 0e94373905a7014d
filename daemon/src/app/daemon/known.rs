//! What the daemon knows of one workload, and what it shows of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::export::view::{GenerationView, WorkloadView};
use crate::learn::baseline;
use crate::learn::rules::Violation;
use crate::model::{Baseline, Callers, Delta, Place, Role, RoleObservations, SyscallNr, Target, Timestamp};

/// One workload.
#[derive(Debug)]
pub(super) struct Known {
    /// Everything that was learned.
    pub(super) baseline: Baseline,
    /// Whether the baseline has more in it than its file, or than what is being written.
    pub(super) is_unsaved: bool,
    /// Whether its profile may have become another one, since one was last made or began to be.
    pub(super) is_profile_due: bool,
    /// What is being written; nothing most of the time.
    writing: Option<Writing>,
    /// Whether the disk did not take what was last written.
    pub(super) has_failed: bool,
    /// Its newest profile.
    generation: Option<Arc<GenerationView>>,
    /// When a former daemon last knew it alive; nothing, which is long ago, if none did.
    pub(super) resumed: Timestamp,
    /// What its file says of when it was last alive.
    saved_last: Timestamp,
    targets: Vec<Target>,
    place: Place,
    /// What is in the baseline, as it is shown: copied when something new is in it and when it is written, not at
    /// every poll.
    roles: Vec<Arc<RoleObservations>>,
    /// Over all roles, as of now. They do not fall when a build leaves the baseline.
    counts: BTreeMap<SyscallNr, u64>,
    /// As it was shown last; nothing when that has changed.
    shown: Option<Arc<WorkloadView>>,
}

/// What a write that is under way holds.
#[derive(Debug, Clone, Copy)]
struct Writing {
    is_baseline: bool,
    is_profile: bool,
    /// When the workload was last alive, as the written file will say.
    last: Timestamp,
}

impl Known {
    /// A workload as far as it is learned.
    pub(super) fn new(baseline: Baseline) -> Self {
        let mut counts = BTreeMap::new();
        add(&mut counts, baseline.roles.iter().map(AsRef::as_ref));
        Self {
            saved_last: baseline.last,
            roles: baseline.roles.clone(),
            counts,
            baseline,
            is_unsaved: true,
            is_profile_due: true,
            writing: None,
            has_failed: false,
            generation: None,
            resumed: Timestamp::default(),
            targets: Vec::new(),
            place: Place::default(),
            shown: None,
        }
    }

    /// Takes in what it did.
    pub(super) fn take(&mut self, delta: Delta, now: Timestamp) {
        add(&mut self.counts, &delta.roles);
        let is_new = baseline::absorb(&mut self.baseline, delta, now);
        self.learned(is_new);
    }

    /// Who is known to make a call.
    pub(super) fn callers(&self, nr: SyscallNr) -> Callers {
        let mut callers = Callers::default();
        for seen in self.baseline.roles.iter().filter_map(|role| role.syscalls.get(&nr)) {
            callers.absorb(seen.callers.clone());
        }
        callers
    }

    /// It broke a rule.
    pub(super) fn violated(&mut self, violation: &Violation) {
        let Violation { rule, syscall, time, .. } = violation;
        let is_new = baseline::add_violation(&mut self.baseline, rule, *syscall, *time);
        self.learned(is_new);
    }

    /// Something in the baseline changed; if it is new, its profile may have.
    pub(super) fn learned(&mut self, is_new: bool) {
        self.is_unsaved = true;
        self.shown = None;
        if is_new {
            self.is_profile_due = true;
            self.show_roles();
        }
    }

    /// Shows the roles as they are now.
    pub(super) fn show_roles(&mut self) {
        self.roles.clone_from(&self.baseline.roles);
        self.shown = None;
    }

    /// It has another profile, or its files changed.
    pub(super) fn has_generation(&mut self, generation: Option<Arc<GenerationView>>) {
        if generation != self.generation {
            self.generation = generation;
            self.shown = None;
        }
    }

    /// Notes that it lives now, if it does. What is on disk says so too, but for less than `precision`.
    pub(super) fn note_alive(&mut self, now: Timestamp, precision: Duration) {
        if !self.is_alive() || now <= self.baseline.last {
            return;
        }
        self.baseline.last = now;
        self.is_unsaved |= self.saved_last.until(now) > precision;
        self.shown = None;
    }

    /// Whether anything has to be written of it.
    pub(super) fn is_due(&self) -> bool {
        self.is_unsaved || self.is_profile_due
    }

    /// Whether a write of it is under way.
    pub(super) fn is_being_written(&self) -> bool {
        self.writing.is_some()
    }

    /// Everything in it is being written from now on; what changes meanwhile is not.
    pub(super) fn begin_writing(&mut self) {
        if self.is_unsaved {
            self.show_roles();
        }
        self.writing = Some(Writing {
            is_baseline: std::mem::take(&mut self.is_unsaved),
            is_profile: std::mem::take(&mut self.is_profile_due),
            last: self.baseline.last,
        });
    }

    /// What was being written is on disk, as far as is said here. The rest is due once more.
    pub(super) fn end_writing(&mut self, is_saved: bool, is_profile_made: bool) {
        let Some(writing) = self.writing.take() else { return };
        if writing.is_baseline && is_saved {
            self.saved_last = writing.last;
        }
        self.is_unsaved |= writing.is_baseline && !is_saved;
        self.is_profile_due |= writing.is_profile && !is_profile_made;
    }

    /// Its folder is gone. What is known of it is written into a new one.
    pub(super) fn begin_anew(&mut self) {
        (self.is_unsaved, self.is_profile_due) = (true, true);
        self.has_generation(None);
    }

    /// Whether any of its processes lives.
    pub(super) fn is_alive(&self) -> bool {
        !self.targets.is_empty()
    }

    /// Its live targets.
    pub(super) fn has_targets(&mut self, targets: Vec<Target>) {
        if targets == self.targets {
            return;
        }
        if let Some(latest) = targets.iter().max_by_key(|target| target.started) {
            self.place = latest.place.clone();
        }
        self.targets = targets;
        self.shown = None;
    }

    /// Whether it is another one than was shown last.
    pub(super) fn has_changed(&self) -> bool {
        self.shown.is_none()
    }

    /// How it is shown.
    pub(super) fn shown(&mut self) -> Arc<WorkloadView> {
        if let Some(shown) = &self.shown {
            return Arc::clone(shown);
        }
        let shown = Arc::new(self.view());
        self.shown = Some(Arc::clone(&shown));
        shown
    }

    fn view(&self) -> WorkloadView {
        let baseline = &self.baseline;
        let broken = baseline.violated.iter().flat_map(|(rule, violated)| {
            violated.syscalls.iter().map(|(nr, count)| ((rule.clone(), *nr), *count))
        });
        WorkloadView {
            id: baseline.workload.clone(),
            first: baseline.first,
            last: baseline.last,
            roles: self.roles.clone(),
            counts: self.counts.clone(),
            starts: baseline.starts,
            gaps: baseline.gaps.len() as u64,
            targets: self.targets.clone(),
            place: self.place.clone(),
            violations: broken.collect(),
            generation: self.generation.clone(),
        }
    }
}

/// Adds calls to the workload's counts. What came in from outside is not the service's.
fn add<'a>(counts: &mut BTreeMap<SyscallNr, u64>, roles: impl IntoIterator<Item = &'a RoleObservations>) {
    let own = roles.into_iter().filter(|role| !matches!(role.role, Role::Entered(_)));
    for (nr, seen) in own.flat_map(|role| &role.syscalls) {
        let sum = counts.entry(*nr).or_default();
        *sum = sum.saturating_add(seen.counts.total());
    }
}
