//! What the kernel side tells of targets.

use std::mem;

use super::tree::End;
use super::{Alert, Events, Watcher};
use crate::kernel::{FileKey, Happening, Slot, Targets};
use crate::model::Timestamp;

/// Events taken in at once: a fork storm must not keep signals and the clock waiting.
const MOST_EVENTS: usize = 4096;
/// Alerts that wait to be taken: more are told of by counts.
const MOST_ALERTS: usize = 4096;

/// A file that a process executed, and the slot that the process is in since.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) time: Timestamp,
    pub(super) tgid: u32,
    pub(super) slot: Slot,
    pub(super) file: FileKey,
    pub(super) group: u64,
    pub(super) name: String,
}

impl End {
    fn new(time: Timestamp, status: u32) -> Self {
        // `wait(2)`: the low seven bits are the signal that ended it.
        let signal = i32::try_from(status & 0x7f).unwrap_or_default();
        Self { time, is_by_request: [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT].contains(&signal) }
    }
}

impl<K: Targets> Watcher<K> {
    /// Takes in the events that are there, but for so many that somebody else has to have a turn. Who made a call that
    /// is watched for is asked at once, so that the next poll may tell.
    pub fn take_events(&mut self) -> Events {
        let all_taken = self.drain();
        if !self.alerts.is_empty() {
            self.callers.ask();
        }
        Events { all_taken, alerts: mem::take(&mut self.alerts) }
    }

    /// Takes in events; says whether those were all.
    pub(super) fn drain(&mut self) -> bool {
        for _ in 0..MOST_EVENTS {
            let Some(happening) = self.kernel.next_event() else { return true };
            tracing::trace!(?happening);
            self.happened(happening);
        }
        false
    }

    pub(super) fn happened(&mut self, happening: Happening) {
        match happening {
            Happening::FirstSeen { time, slot, nr } => self.recorder.first_seen(slot, nr, time),
            Happening::Alert { .. } => self.alerted(&happening),
            Happening::Stack { .. } => {
                self.callers.saw(happening, &self.kernel, &self.procfs, &self.recorder);
            }
            Happening::Signal { time, tgid, slot, previous, .. } => {
                if self.recorder.knows(previous) {
                    self.recorder.asked_to_end(tgid, slot, previous, time);
                } else {
                    self.reject(tgid, slot);
                }
            }
            Happening::Exec { time, tgid, slot, previous, file, group, name, .. } => {
                let execution = Execution { time, tgid, slot, file, group, name };
                match previous {
                    Some(previous) => self.executed(&execution, previous),
                    // Found in its slot before its event was read.
                    None if self.recorder.knows(slot) => {}
                    None => self.decide(&execution),
                }
                self.recorder.describe_go(&mut self.kernel);
            }
            Happening::Exit { time, tgid, slot, status } => self.exited(tgid, slot, End::new(time, status)),
        }
    }

    fn executed(&mut self, execution: &Execution, previous: Slot) {
        let Execution { tgid, slot, time, .. } = *execution;
        if !self.recorder.knows(previous) && !self.recorder.knows(slot) {
            self.executed_again(execution, previous);
            return;
        }
        if !self.recorder.wants_build(slot) {
            return;
        }
        let found = self.look(execution);
        let build = found.map_or_else(|| execution.named(), |found| found.build);
        self.recorder.executed(tgid, slot, previous, build, time);
        self.settle_home(slot);
    }

    /// It was faster than the word on what it executed before. The kernel side knows its tree by that slot, so it
    /// can't be another's while the tree is there.
    fn executed_again(&mut self, execution: &Execution, previous: Slot) {
        self.decide(execution);
        if let Some(watched) =
            self.recorder.tree_of(execution.slot).and_then(|tree| self.trees.get_mut(&tree))
        {
            self.rejected.remove(&previous);
            watched.kept.insert(previous);
        }
    }

    fn exited(&mut self, tgid: u32, slot: Slot, end: End) {
        let Some(tree) = self.recorder.tree_of(slot) else { return };
        if self.recorder.tree(tree).is_some_and(|tree| tree.root == tgid)
            && let Some(watched) = self.trees.get_mut(&tree)
        {
            watched.ended = Some(end);
        }
    }

    fn alerted(&mut self, happening: &Happening) {
        let Happening::Alert { time, slot, nr, arguments, .. } = happening else { return };
        let Some(history) = self.recorder.role_of(*slot) else { return };
        let Some(watched) = self.trees.get_mut(&history.tree) else { return };
        if self.alerts.len() >= MOST_ALERTS {
            return self.trouble.lost("alerts_full");
        }
        self.alerts.push(Alert {
            time: *time,
            workload: watched.home.workload.clone(),
            is_workload: watched.alerted(),
            role: history.role.clone(),
            nr: *nr,
            arguments: *arguments,
        });
    }
}
