//! Who makes the calls of targets.
//!
//! In: stacks, as the kernel side tells of them. Out: callers of calls, in the recorder. Between them a thread asks for
//! the functions: to read a large program takes longer than anybody may wait who counts.

mod naming;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::time::{Duration, Instant};

use self::naming::{Job, Naming};
use super::background::Asked;
use super::procfs::{ProcFs, open_regular};
use super::recorder::{Recorder, TreeId};
use crate::golang;
use crate::inspect::{Inspector, MOST_STACKS, Stack};
use crate::kernel::{Happening, Slot, Targets};
use crate::model::{Caller, SyscallNr, Timestamp};

/// Stacks that wait to be handed over; more are lost, and told of.
const MOST_WAITING: usize = 1024;
/// Programs whose stacks wait: each holds a file open.
const MOST_FILES: usize = 64;

/// Finds out who made calls.
#[derive(Debug)]
pub(super) struct Callers {
    naming: Naming,
    waiting: BTreeMap<(Slot, TreeId), Waiting>,
    lost: u64,
}

/// Stacks of one program that nobody was asked about yet.
#[derive(Debug)]
struct Waiting {
    file: File,
    /// That of the file that is meant; nothing if it has none.
    id: Option<String>,
    sightings: Vec<Sighting>,
}

/// A call of which it is known who made it.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) tree: TreeId,
    pub(super) nr: SyscallNr,
    pub(super) caller: Caller,
}

/// A call that was seen with its stack.
#[derive(Debug)]
struct Sighting {
    tree: TreeId,
    slot: Slot,
    nr: SyscallNr,
    time: Timestamp,
    goroutine: Option<u64>,
    stack: Stack,
}

impl Callers {
    /// Has files read by this inspector, which serves nobody else: others would wait for it.
    pub(super) fn new(inspector: Inspector) -> Self {
        Self { naming: Naming::new(inspector), waiting: BTreeMap::new(), lost: 0 }
    }

    /// Takes in a stack of a Go program. What its process runs now has to be what ran then.
    pub(super) fn saw<K: Targets>(
        &mut self,
        happening: Happening,
        kernel: &K,
        procfs: &ProcFs,
        recorder: &Recorder,
    ) {
        let Happening::Stack { time, tgid, slot, nr, goroutine, start_code, from_c, frames, top, .. } =
            happening
        else {
            return;
        };
        let Some(history) = recorder.role_of(slot).filter(|history| history.build.go.is_some()) else {
            return;
        };
        let key = (slot, history.tree);
        let count = self.waiting.values().map(|waiting| waiting.sightings.len()).sum::<usize>();
        if count >= MOST_WAITING || (self.waiting.len() >= MOST_FILES && !self.waiting.contains_key(&key)) {
            self.lost += 1;
            return;
        }
        let waiting = match self.waiting.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let file = procfs.open_executable(tgid).ok().filter(|_| kernel.slot_of(tgid) == Some(slot));
                // A name may lead to another file by now, and only a build's id tells.
                let by_name =
                    || open_regular(&history.build.path).ok().filter(|_| history.build.id.is_some());
                let Some(file) = file.or_else(by_name) else {
                    self.lost += 1;
                    return;
                };
                place.insert(Waiting { file, id: history.build.id.clone(), sightings: Vec::new() })
            }
        };
        let stack = Stack { addresses: frames, top: top.to_vec(), start_code, from_c };
        waiting.sightings.push(Sighting { tree: history.tree, slot, nr, time, goroutine, stack });
    }

    /// Asks about what waits, and tells the recorder, and who asks, what was found out since.
    pub(super) fn poll(&mut self, recorder: &mut Recorder) -> Vec<Called> {
        self.ask();
        let mut told = Vec::new();
        while let Some(found) = self.naming.found() {
            self.tell(found, recorder, &mut told);
        }
        told
    }

    /// As [`Self::poll`], and waits for all answers, but not for ever. What is not known by then is lost.
    pub(super) fn finish(&mut self, recorder: &mut Recorder, patience: Duration) {
        let until = Instant::now() + patience;
        let mut told = self.poll(recorder);
        while let Some(found) = self.naming.found_until(until) {
            self.tell(found, recorder, &mut told);
            told = self.poll(recorder);
        }
        let waiting = self.waiting.values().map(|waiting| waiting.sightings.len() as u64).sum::<u64>();
        self.lost += waiting + self.naming.under_way();
    }

    /// Stacks of which nobody could say who called.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// Asks about what waits.
    pub(super) fn ask(&mut self) {
        while let Some((key, mut waiting)) = self.waiting.pop_first() {
            let rest = waiting.sightings.split_off(waiting.sightings.len().min(MOST_STACKS));
            let (file, id) = (waiting.file.try_clone(), waiting.id.clone());
            let count = waiting.sightings.len() as u64;
            match self.naming.ask(waiting.into()) {
                Asked::Taken => {}
                Asked::Gone => self.lost += count,
                Asked::Full(Job { file, id, mut sightings }) => {
                    sightings.extend(rest);
                    self.waiting.insert(key, Waiting { file, id, sightings });
                    return;
                }
            }
            match file {
                _ if rest.is_empty() => {}
                Ok(file) => drop(self.waiting.insert(key, Waiting { file, id, sightings: rest })),
                Err(_) => self.lost += rest.len() as u64,
            }
        }
    }

    /// Another tree may have the slot by now.
    fn tell(&mut self, found: naming::Found, recorder: &mut Recorder, told: &mut Vec<Called>) {
        self.lost += found.lost;
        for (Sighting { tree, slot, nr, time, goroutine, .. }, frames) in found.named {
            if recorder.tree_of(slot) == Some(tree) && !frames.is_empty() {
                let goroutine = goroutine.filter(|_| !golang::is_scheduler(&frames));
                let caller = Caller { frames, goroutine, time };
                recorder.called(slot, nr, caller.clone());
                told.push(Called { tree, nr, caller });
            }
        }
    }
}

impl From<Waiting> for Job {
    fn from(Waiting { file, id, sightings }: Waiting) -> Self {
        Self { file, id, sightings }
    }
}
