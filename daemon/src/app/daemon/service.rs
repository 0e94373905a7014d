//! The daemon between two wake-ups: what it holds, and what it does when something wakes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::clock::{Clock, Reading};
use super::config::{Config, Place};
use super::flush::Flush;
use super::health::{Problems, Weight};
use super::known::Known;
use super::notify::Manager;
use super::violations::Violations;
use super::writer::{Done, Writer};
use crate::collect::{Scans, Watcher};
use crate::export::view::{Durations, Reload, View, WorkloadView};
use crate::kernel::{ProgramRuns, Targets};
use crate::learn::baseline;
use crate::learn::rules::Thresholds;
use crate::model::{Delta, Host, Losses, Target, Timestamp, WorkloadId, chain};

/// What could not be looked at is told once, and shown for so long.
const MEMORY: Duration = Duration::from_mins(1);
/// For so long, what the kernel said of the programs stands.
const STANDING: Duration = Duration::from_secs(5);
/// The part that fails where there are too many workloads.
const LIMITS: &str = "limits";

/// Everything that the loop works on.
pub(super) struct Daemon<K: Targets> {
    pub(super) place: Place,
    pub(super) config: Config,
    pub(super) host: Host,
    pub(super) clock: Clock,
    pub(super) watcher: Watcher<K>,
    pub(super) writer: Writer,
    /// Workloads whose files can't be used, and stay: there is room for each.
    pub(super) frozen: BTreeSet<WorkloadId>,
    /// Every file of every generation by its hash, as it is shown.
    pub(super) files: Arc<BTreeMap<String, PathBuf>>,
    pub(super) thresholds: Thresholds,
    pub(super) workloads: BTreeMap<WorkloadId, Known>,
    /// Starts of programs that there was no room for.
    pub(super) refused: u64,
    /// Whether anything was ever handed out of a workload that there was no room for.
    pub(super) has_refused: bool,
    pub(super) violations: Violations,
    pub(super) health: Problems,
    pub(super) manager: Manager,
    pub(super) flush: Flush,
    pub(super) started: Timestamp,
    /// When something could last not be looked at.
    pub(super) last_failure: Option<Instant>,
    pub(super) losses: BTreeMap<String, u64>,
    pub(super) scans: Scans,
    pub(super) counted: u64,
    pub(super) polls: Durations,
    pub(super) state_write_errors: u64,
    pub(super) reload: Reload,
    pub(super) kernel_memory: u64,
    /// What the kernel said of the programs last, and when.
    pub(super) programs: Option<(Instant, Arc<[ProgramRuns]>)>,
    /// The workloads as they were shown last.
    pub(super) shown: Arc<BTreeMap<WorkloadId, Arc<WorkloadView>>>,
    pub(super) views: watch::Sender<Arc<View>>,
}

impl<K: Targets> Daemon<K> {
    /// Counting has begun: what runs already was looked at.
    pub(super) fn ready(&mut self) {
        self.health.ready();
        self.follow_targets();
        self.show(self.clock.now());
        Manager::ready();
        tracing::info!(targets = self.watcher.targets().len(), "counting");
    }

    /// Writes everything that was learned; says whether it is written.
    pub(super) async fn finish(&mut self) -> bool {
        let reading = self.clock.read();
        let is_read = self.sample(reading);
        self.take_events();
        let is_written = self.flush_all(reading).await;
        self.show(reading.time);
        is_read && is_written
    }

    /// Takes in the events that wait, so many at a time; says whether those were all. A rule that was broken is
    /// shown at once.
    pub(super) fn take_events(&mut self) -> bool {
        let events = self.watcher.take_events();
        let mut is_broken = false;
        for alert in events.alerts {
            is_broken |= self.alerted(&alert);
        }
        if is_broken {
            self.show(self.clock.now());
        }
        events.all_taken
    }

    /// Reads all counts, learns what is new, has some of what is due written, and shows it.
    pub(super) fn poll(&mut self) {
        let began = Instant::now();
        let reading = self.clock.read();
        self.sample(reading);
        self.take_events();
        self.follow_targets();
        self.flush_some(reading);
        self.polls.add(began.elapsed());
        self.show(reading.time);
    }

    /// Takes in what came of a write, and has the next ones written. When all are, that is shown.
    pub(super) fn written(&mut self, done: Done) {
        self.take_done(done);
        let time = self.clock.now();
        self.write_due(time);
        if self.writer.is_idle() {
            self.show(time);
        }
    }

    /// Takes all counts in; says whether they could be read.
    fn sample(&mut self, reading: Reading) -> bool {
        let polled = self.watcher.poll(reading.time);
        let (is_read, mut called) = (polled.is_ok(), Vec::new());
        match polled {
            Ok(poll) => {
                self.health.works("kernel");
                self.take_losses(poll.losses);
                self.scans = poll.scans;
                self.take_failures(&poll.failures);
                poll.passed.iter().for_each(|id| self.thresholds.stranger_passed(id));
                for delta in poll.deltas {
                    self.take(delta, reading);
                }
                called = poll.called;
            }
            Err(error) => {
                let text =
                    format!("counts can't be read, and are read again at the next poll: {}", chain(&error));
                self.health.fails("kernel", text, reading.time, Weight::Fatal);
            }
        }
        let due = self.thresholds.tick(reading.time);
        self.violated(due);
        // After what was only noticed by now.
        self.called(&called);
        is_read
    }

    /// Takes in what one workload did.
    pub(super) fn take(&mut self, delta: Delta, reading: Reading) {
        let time = reading.time;
        let roles = delta.roles.iter().flat_map(|role| role.syscalls.values());
        let calls = roles.map(|seen| seen.counts.total()).fold(0, u64::saturating_add);
        self.counted = self.counted.saturating_add(calls);
        // What a former daemon watched, it was told of until the baseline's end; what nobody knows the beginning
        // of is as old as can be.
        let before = || self.workloads.get(&delta.workload).map(|known| known.resumed).unwrap_or_default();
        let over = reading.since(delta.since.unwrap_or_else(before));
        let found = self.thresholds.sample(time.before(over), time, &delta);
        self.learn(delta, time);
        self.violated(found);
    }

    fn learn(&mut self, delta: Delta, time: Timestamp) {
        let is_told_again = self.has_refused && !self.workloads.contains_key(&delta.workload);
        let starts = delta.starts.whole.saturating_add(delta.starts.partial);
        match self.known(&delta.workload, time) {
            // All of this is in what comes again.
            Some(_) if is_told_again => {}
            Some(known) => known.take(delta, time),
            None => self.refused = self.refused.saturating_add(starts),
        }
    }

    /// What is known of a workload, which may be nothing yet; nothing if there is no room for it.
    pub(super) fn known(&mut self, id: &WorkloadId, time: Timestamp) -> Option<&mut Known> {
        if !self.workloads.contains_key(id) {
            let is_room = self.workloads.len() < self.config.bounds.workloads || self.frozen.contains(id);
            if !is_room {
                self.refuse(id, time);
                return None;
            }
            tracing::info!(workload = %id, "new workload");
            if self.has_refused {
                self.watcher.tell_again(id);
            }
            let mut known = Known::new(baseline::begin(id.clone(), self.host.clone(), time));
            self.violations.take_of(id).iter().for_each(|before| known.violated(before));
            self.workloads.insert(id.clone(), known);
        }
        self.workloads.get_mut(id)
    }

    fn refuse(&mut self, id: &WorkloadId, time: Timestamp) {
        self.has_refused = true;
        let most = self.config.bounds.workloads;
        tracing::debug!(workload = %id, most, "no room for this workload");
        let text = format!(
            "there are {most} workloads, and others are not learned: raise `max_workloads` in [limits]"
        );
        self.health.fails(LIMITS, text, time, Weight::Partial);
    }

    /// What was lost while a workload had live targets may be a part of it.
    fn take_losses(&mut self, losses: BTreeMap<String, u64>) {
        let increments: BTreeMap<_, _> = losses
            .iter()
            .map(|(reason, count)| {
                let before = self.losses.get(reason).copied().unwrap_or_default();
                (reason.clone(), count.saturating_sub(before))
            })
            // Of a stack the call is counted all the same, and a scan is about none that was made.
            .filter(|(reason, count)| *count > 0 && Losses::may_hide_calls(reason))
            .collect();
        self.losses = losses;
        if increments.is_empty() {
            return;
        }
        tracing::warn!(?increments, "something could not be counted");
        for known in self.workloads.values_mut().filter(|known| known.is_alive()) {
            known.baseline.losses.absorb(Losses(increments.clone()));
            known.learned(false);
        }
    }

    fn take_failures(&mut self, failures: &[String]) {
        if !failures.is_empty() {
            self.health.fails("discovery", failures.join("; "), self.clock.now(), Weight::Partial);
            self.last_failure = Some(Instant::now());
        } else if self.last_failure.is_none_or(|last| last.elapsed() > MEMORY) {
            self.health.works("discovery");
        }
    }

    fn follow_targets(&mut self) {
        let mut live = BTreeMap::<WorkloadId, Vec<Target>>::new();
        for target in self.watcher.targets().into_iter().filter(|target| !target.is_entered) {
            live.entry(target.workload.clone()).or_default().push(target);
        }
        let time = self.clock.now();
        let mut is_room = true;
        for id in live.keys() {
            is_room &= self.known(id, time).is_some();
        }
        if is_room {
            self.health.works(LIMITS);
        }
        for (id, known) in &mut self.workloads {
            known.has_targets(live.remove(id).unwrap_or_default());
        }
    }

    /// Everything that is shown, made anew where it changed.
    pub(super) fn show(&mut self, time: Timestamp) {
        let view = View {
            time,
            started: self.started,
            host: self.host.clone(),
            health: self.health.shown(),
            workloads: self.shown_workloads(),
            other: self.refused,
            violations: self.violations.shown(),
            violations_by_others: self.violations.by_strangers(),
            profiles: Arc::clone(&self.files),
            losses: self.losses.clone(),
            scans: self.scans,
            programs: self.programs(),
            kernel_memory_bytes: self.kernel_memory,
            counted: self.counted,
            polls: self.polls.clone(),
            state_write_errors: self.state_write_errors,
            reload: self.reload,
        };
        self.manager.status(status(&view));
        self.views.send_replace(Arc::new(view));
    }

    fn shown_workloads(&mut self) -> Arc<BTreeMap<WorkloadId, Arc<WorkloadView>>> {
        let has_changed = self.workloads.values().any(Known::has_changed);
        if has_changed || self.shown.len() != self.workloads.len() {
            let shown = self.workloads.iter_mut().map(|(id, known)| (id.clone(), known.shown()));
            self.shown = Arc::new(shown.collect());
        }
        Arc::clone(&self.shown)
    }

    /// What the kernel says of the programs, asked for now and then: it takes a system call for each.
    fn programs(&mut self) -> Arc<[ProgramRuns]> {
        match &self.programs {
            Some((asked, programs)) if asked.elapsed() < STANDING => Arc::clone(programs),
            _ => {
                let programs = Arc::from(self.watcher.kernel().programs());
                self.programs = Some((Instant::now(), Arc::clone(&programs)));
                programs
            }
        }
    }
}

fn status(view: &View) -> String {
    let targets: usize = view.workloads.values().map(|workload| workload.targets.len()).sum();
    let problems = match view.health.problems.len() {
        0 => String::new(),
        count => format!("; {count} problems, see `seccinch status`"),
    };
    format!("{targets} targets of {} workloads{problems}", view.workloads.len())
}
