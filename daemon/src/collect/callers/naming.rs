//! The thread that has stacks named.

use std::collections::VecDeque;
use std::fs::File;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use super::Sighting;
use crate::collect::background::{Asked, Background, Work};
use crate::collect::texts::Texts;
use crate::inspect::{Inspector, Named};
use crate::model::Frame;

/// Jobs that wait for the thread: each holds a file open.
const MOST_JOBS: usize = 32;

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

/// Asks the thread, and knows what it was asked.
#[derive(Debug)]
pub(super) struct Naming {
    thread: Background<Thread>,
    under_way: VecDeque<u64>,
}

impl Naming {
    pub(super) fn new(inspector: Inspector) -> Self {
        let thread = Thread { inspector, texts: Texts::default() };
        Self { thread: Background::start("callers", MOST_JOBS, thread), under_way: VecDeque::new() }
    }

    /// Hands over a job.
    pub(super) fn ask(&mut self, job: Job) -> Asked<Job> {
        let count = job.sightings.len() as u64;
        let asked = self.thread.ask(job);
        if matches!(asked, Asked::Taken) {
            self.under_way.push_back(count);
        }
        asked
    }

    /// What was found out, if anything is there.
    pub(super) fn found(&mut self) -> Option<Found> {
        let found = self.thread.found()?;
        self.under_way.pop_front();
        Some(found)
    }

    /// What is found out until then; nothing if nothing is under way.
    pub(super) fn found_until(&mut self, until: Instant) -> Option<Found> {
        if self.under_way.is_empty() {
            return None;
        }
        let found = self.thread.found_until(until)?;
        self.under_way.pop_front();
        Some(found)
    }

    /// Stacks that were asked about and not answered.
    pub(super) fn under_way(&self) -> u64 {
        self.under_way.iter().sum()
    }
}

#[derive(Debug)]
struct Thread {
    inspector: Inspector,
    texts: Texts,
}

impl Work for Thread {
    type Job = Job;
    type Found = Found;

    fn work(&mut self, job: Job) -> Found {
        self.name(job)
    }

    /// The worker's memory goes with it.
    fn rest(&mut self) {
        self.inspector.rest();
    }
}

impl Thread {
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
        let shared = stacks.into_iter().map(|frames| self.share(frames));
        let named = sightings.into_iter().zip(shared).collect();
        self.texts.tidy();
        Found { named, lost: 0 }
    }
    /// Frames whose texts are there once for all programs.
    fn share(&mut self, frames: Vec<Frame>) -> Arc<[Frame]> {
        let shared = |frame: Frame| Frame {
            function: self.texts.share(&frame.function),
            file: self.texts.share(&frame.file),
            ..frame
        };
        frames.into_iter().map(shared).collect()
    }
}
