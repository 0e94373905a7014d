//! One recording at work: targets found, attached and followed.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::Child;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::callers::Callers;
use super::error::Error;
use super::launch::Command;
use super::life::Life;
use super::procfs::ProcFs;
use super::recorder::{Progress, Recorder};
use super::select::GroupMemory;
use crate::kernel::{FileKey, Happening, Kernel, Slot, Source as _, Targets as _, UsedSlot};
use crate::model::{Build, Host, Observations, Role, Timestamp};

/// The kernel side, the processes it counts, and what was recorded of them.
pub struct Session {
    pub(super) kernel: Kernel,
    pub(super) procfs: ProcFs,
    pub(super) recorder: Recorder,
    pub(super) group: Option<GroupMemory>,
    /// Processes that ended before anyone could tell whether they were meant.
    undecided: u64,
    /// Slots of processes that turned out not to be meant: given back at the next poll.
    pub(super) rejected: BTreeSet<Slot>,
    callers: Callers,
}

/// How long the end of a recording waits for who made the last calls.
const NAMING: Duration = Duration::from_secs(3);
/// Events taken in at once: a fork storm must not keep signals and the deadline waiting.
const MOST_EVENTS: usize = 4096;

/// A file that a process executed, and the slot that the process is in since.
struct Execution {
    time: Timestamp,
    tgid: u32,
    slot: Slot,
    file: FileKey,
    group: u64,
    name: String,
}

impl Session {
    /// A recording in which nobody is a target yet.
    pub fn new(kernel: Kernel, procfs: ProcFs) -> Self {
        Self {
            callers: Callers::new(procfs.another_inspector()),
            kernel,
            procfs,
            recorder: Recorder::new(now()),
            group: None,
            undecided: 0,
            rejected: BTreeSet::new(),
        }
    }

    /// The kernel side.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Starts a command and counts it from its first instruction.
    pub fn launch(&mut self, command: Command) -> Result<Child, Error> {
        let launched = command.launch()?;
        let slot = self.kernel.take_slot()?;
        self.kernel.await_exec(slot);
        let build = Build { path: launched.path(), ..Build::default() };
        let tgid = launched.tgid;
        self.recorder.add_tree(tgid, slot, Role::Main, build, Life::new(now()));
        self.kernel.track(tgid, slot);
        launched.go().inspect_err(|_| self.kernel.undo_track(tgid, slot))
    }

    /// Takes in all events and a snapshot.
    pub fn poll(&mut self) -> Result<(), Error> {
        let due = self.rejected.clone();
        self.kernel.synchronize();
        // First what is on its way about them: an exec may say that a slot has to stay.
        self.drain_events();
        let due: BTreeSet<Slot> = due.intersection(&self.rejected).copied().collect();
        let kept = self.kernel.give_back(&due)?;
        self.rejected.retain(|slot| kept.contains(slot) || !due.contains(slot));
        self.kernel.flush_log();
        self.recorder.describe_go(&mut self.kernel);
        self.callers.poll(&mut self.recorder);
        self.recorder.sample(&mut self.kernel, now())
    }

    /// Takes in the events that are there, but for so many that somebody else has to have a turn. Says whether
    /// that was all.
    pub fn drain_events(&mut self) -> bool {
        for _ in 0..MOST_EVENTS {
            let Some(happening) = self.kernel.next_event() else { return true };
            tracing::debug!(?happening);
            match happening {
                Happening::FirstSeen { time, slot, nr } => self.recorder.first_seen(slot, nr, time),
                Happening::Signal { time, tgid, slot, previous, .. } => {
                    self.asked_to_end(tgid, slot, previous, time);
                }
                Happening::Exec { time, tgid, slot, previous, file, group, name, .. } => {
                    let execution = Execution { time, tgid, slot, file, group, name };
                    match previous {
                        Some(previous) => self.executed(execution, previous),
                        None => self.decide(execution),
                    }
                    self.recorder.describe_go(&mut self.kernel);
                }
                stack @ Happening::Stack { .. } => {
                    self.callers.saw(stack, &self.kernel, &self.procfs, &self.recorder);
                }
                Happening::Exit { .. } | Happening::Alert { .. } => {}
            }
        }
        false
    }

    fn executed(&mut self, execution: Execution, previous: Slot) {
        let Execution { tgid, slot, time, .. } = execution;
        if !self.recorder.knows(previous) && !self.recorder.knows(slot) {
            // It was faster than the word on what it executed before. That slot stays what this tree is
            // known by in the kernel, so it can't be another's.
            let before = self.rejected.remove(&previous);
            self.decide(execution);
            if before && self.rejected.contains(&slot) {
                self.rejected.insert(previous);
            }
            return;
        }
        if self.recorder.wants_build(slot) {
            let build = self.describe(execution);
            self.recorder.executed(tgid, slot, previous, build, time);
        }
    }

    /// Says of a process in a provisional slot whether it is meant.
    fn decide(&mut self, execution: Execution) {
        let Execution { tgid, slot, time, group, .. } = execution;
        let decided = self.group.as_mut().map(|memory| memory.matches(&self.procfs, tgid, group, time));
        self.undecided += u64::from(decided == Some(None));
        if decided == Some(Some(true)) && !self.procfs.is_launcher(tgid, &execution.name) {
            let build = self.describe(execution);
            let role = self.role_of_newcomer(&build);
            self.recorder.add_tree(tgid, slot, role, build, Life::new(time));
        } else {
            self.reject(tgid, slot);
        }
    }

    fn asked_to_end(&mut self, tgid: u32, slot: Slot, previous: Slot, time: Timestamp) {
        if self.recorder.knows(previous) {
            self.recorder.asked_to_end(tgid, slot, previous, time);
        } else {
            self.reject(tgid, slot);
        }
    }

    /// Takes a process out of a slot, if it is still in it; who it forked meanwhile follows when the slot is
    /// given back.
    fn reject(&mut self, tgid: u32, slot: Slot) {
        if self.kernel.slot_of(tgid) == Some(slot) {
            self.kernel.untrack(tgid);
        }
        self.rejected.insert(slot);
    }

    /// Looks at the file that a process executes. If the process has ended or moved on, the file of that name
    /// serves, if it is the very same; else only its name is known.
    fn describe(&self, execution: Execution) -> Build {
        let Execution { tgid, slot, file, name, .. } = execution;
        let running = self.procfs.build(tgid).ok().filter(|_| self.kernel.slot_of(tgid) == Some(slot));
        running
            .or_else(|| self.procfs.build_of_file(&name, &file))
            .unwrap_or(Build { path: name, ..Build::default() })
    }

    /// Takes in the roles whose event found the ring buffer full: they were counted all the same.
    fn adopt_unannounced(&mut self) {
        for UsedSlot { slot, root, is_ending, .. } in self.kernel.used_slots() {
            let Some(root) = root.filter(|root| self.recorder.knows(*root)) else { continue };
            if self.recorder.knows(slot) || self.rejected.contains(&slot) {
                continue;
            }
            if is_ending {
                self.recorder.add_ending(slot, root);
            } else {
                self.recorder.add_child(slot, root, Build::default());
            }
        }
    }

    /// Whether a target is left.
    pub fn has_live_main(&self) -> bool {
        self.recorder.has_live_main(&self.kernel)
    }

    /// How far the recording has come.
    pub fn progress(&self) -> Progress {
        self.recorder.progress()
    }

    /// Ends the recording.
    pub fn finish(mut self, host: Host) -> Result<Observations, Error> {
        while !self.drain_events() {}
        self.kernel.flush_log();
        self.adopt_unannounced();
        self.callers.finish(&mut self.recorder, NAMING);
        let mut observations = self.recorder.finish(&mut self.kernel, now(), host)?;
        for (reason, count) in [("undecided", self.undecided), ("stacks_unnamed", self.callers.lost())] {
            if count > 0 {
                observations.losses.0.insert(reason.into(), count);
            }
        }
        Ok(observations)
    }
}

/// Readable when there are events that should not wait for the next poll.
impl AsFd for Session {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.kernel.as_fd()
    }
}

pub(super) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_nanos(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}
