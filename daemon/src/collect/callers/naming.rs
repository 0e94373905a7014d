//! The thread that has stacks named.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Sighting;
use crate::inspect::{Inspector, Named};
use crate::model::Frame;

/// Jobs that wait for the thread: each holds a file open.
const MOST_JOBS: usize = 32;
/// After so long without a job the worker ends, and its memory with it.
const REST: Duration = Duration::from_secs(10);
/// Texts that are shared, before those that nobody else has are let go.
const MOST_TEXTS: usize = 16_384;

/// Stacks of one file.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) file: File,
    pub(super) id: Option<String>,
    pub(super) sightings: Vec<Sighting>,
}

/// What was found out.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) named: Vec<(Sighting, Arc<[Frame]>)>,
    /// Stacks that could not be named.
    pub(super) lost: u64,
}

/// The other end of the thread. It ends with this.
#[derive(Debug)]
pub(super) struct Naming {
    jobs: SyncSender<Job>,
    found: Receiver<Found>,
    under_way: VecDeque<u64>,
}

/// What became of a job.
#[derive(Debug)]
pub(super) enum Asked {
    /// It will be answered.
    Taken,
    /// There are too many.
    Full(Job),
    /// Nobody is there.
    Gone,
}

impl Naming {
    pub(super) fn new(inspector: Inspector) -> Self {
        let (jobs, work) = sync_channel(MOST_JOBS);
        let (results, found) = channel();
        let started = thread::Builder::new().name("callers".into()).spawn(move || {
            Thread { inspector, texts: Texts::default() }.run(&work, &results);
        });
        // Without it nothing is named, and everything is counted.
        if let Err(error) = started {
            tracing::warn!(%error, "nobody is there to say who makes calls");
        }
        Self { jobs, found, under_way: VecDeque::new() }
    }

    /// Hands over a job.
    pub(super) fn ask(&mut self, job: Job) -> Asked {
        let count = job.sightings.len() as u64;
        match self.jobs.try_send(job) {
            Ok(()) => {
                self.under_way.push_back(count);
                Asked::Taken
            }
            Err(TrySendError::Full(job)) => Asked::Full(job),
            Err(TrySendError::Disconnected(_)) => Asked::Gone,
        }
    }

    /// What was found out, if anything is there.
    pub(super) fn found(&mut self) -> Option<Found> {
        let found = self.found.try_recv().ok()?;
        self.under_way.pop_front();
        Some(found)
    }

    /// What is found out until then; nothing if nothing is under way.
    pub(super) fn found_until(&mut self, until: Instant) -> Option<Found> {
        if self.under_way.is_empty() {
            return None;
        }
        let found = self.found.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
        self.under_way.pop_front();
        Some(found)
    }

    /// Stacks that were asked about and not answered.
    pub(super) fn under_way(&self) -> u64 {
        self.under_way.iter().sum()
    }
}

struct Thread {
    inspector: Inspector,
    texts: Texts,
}

impl Thread {
    fn run(mut self, work: &Receiver<Job>, results: &Sender<Found>) {
        loop {
            let job = match work.recv_timeout(REST) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    self.inspector.rest();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if results.send(self.name(job)).is_err() {
                return;
            }
        }
    }

    fn name(&mut self, Job { file, id, mut sightings }: Job) -> Found {
        let stacks = sightings.iter_mut().map(|sighting| mem::take(&mut sighting.stack)).collect();
        let lost = sightings.len() as u64;
        let stacks = match self.inspector.name(file, stacks) {
            Ok(Named { id: found, stacks }) if found == id => stacks,
            // Another file has its name by now.
            Ok(_) => return Found { named: Vec::new(), lost },
            Err(error) => {
                tracing::debug!(%error, "who made calls is not known");
                return Found { named: Vec::new(), lost };
            }
        };
        let shared = stacks.into_iter().map(|frames| self.texts.share(frames));
        let named = sightings.into_iter().zip(shared).collect();
        self.texts.tidy();
        Found { named, lost: 0 }
    }
}

/// Texts of frames, each once for all programs.
#[derive(Debug, Default)]
struct Texts(BTreeSet<Arc<str>>);

impl Texts {
    fn share(&mut self, frames: Vec<Frame>) -> Arc<[Frame]> {
        let shared = |frame: Frame| Frame {
            function: self.text(frame.function),
            file: self.text(frame.file),
            ..frame
        };
        frames.into_iter().map(shared).collect()
    }

    fn text(&mut self, text: Arc<str>) -> Arc<str> {
        if let Some(known) = self.0.get(&text) {
            return Arc::clone(known);
        }
        self.0.insert(Arc::clone(&text));
        text
    }

    fn tidy(&mut self) {
        if self.0.len() > MOST_TEXTS {
            self.0.retain(|text| Arc::strong_count(text) > 1);
        }
    }
}
