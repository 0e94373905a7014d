//! The thread that writes: however slow the disk is, the loop goes on.
//!
//! In: jobs, a bounded number at a time. Out: what came of each, in their order, as something that wakes the loop.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc as waking;
use tokio::time::Instant;

use super::disk::{Disk, Forgotten, Write, Written};
use crate::learn::store::Bounds;
use crate::model::{Timestamp, WorkloadId};

/// Jobs under way at once, each with a copy of what it writes; others wait where they cost nothing.
const MOST: usize = 8;

/// Something to be done.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) time: Timestamp,
    pub(super) bounds: Bounds,
    pub(super) task: Task,
}

/// What.
#[derive(Debug)]
pub(super) enum Task {
    /// Write a workload.
    Write(Box<Write>),
    /// Remove what was not alive for long, but not those that are alive now.
    Forget(BTreeSet<WorkloadId>),
    /// Take as long as a test wants.
    #[cfg(test)]
    Hang(mpsc::Receiver<()>),
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Done {
    /// It was written, or could not be.
    Written(Box<Written>),
    /// They were removed.
    Forgotten(Forgotten),
}

/// The writer, as the loop has it. Dropping it waits for what is under way.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::SyncSender<Job>>,
    done: waking::UnboundedReceiver<Done>,
    thread: Option<JoinHandle<()>>,
    under_way: usize,
    /// When a job last ended, or began while there was no other.
    moved: Instant,
}

impl Writer {
    /// Begins to wait for jobs.
    pub(super) fn start(disk: Disk) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::sync_channel(MOST);
        // As many results as jobs.
        let (results, done) = waking::unbounded_channel();
        let work = move || work(disk, &waiting, &results);
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(work)?;
        Ok(Self { jobs: Some(jobs), done, thread: Some(thread), under_way: 0, moved: Instant::now() })
    }

    /// Whether another job may begin.
    pub(super) const fn has_room(&self) -> bool {
        self.under_way < MOST
    }

    /// Whether no job is under way.
    pub(super) const fn is_idle(&self) -> bool {
        self.under_way == 0
    }

    /// Whether there are jobs, and nothing has come of any for so long.
    pub(super) fn is_stuck(&self, patience: Duration) -> bool {
        !self.is_idle() && self.moved.elapsed() >= patience
    }

    /// Begins a job. It never waits: the caller looks at [`Self::has_room`] first.
    pub(super) fn begin(&mut self, job: Job) {
        if self.is_idle() {
            self.moved = Instant::now();
        }
        // Where the thread is gone, this says nothing that `done` does not.
        if self.jobs.as_ref().is_some_and(|jobs| jobs.try_send(job).is_ok()) {
            self.under_way += 1;
        }
    }

    /// Waits for what comes of the next job; nothing if the thread is gone.
    pub(super) async fn done(&mut self) -> Option<Done> {
        let done = self.done.recv().await?;
        self.under_way -= 1;
        self.moved = Instant::now();
        Some(done)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to give back; had it panicked, that was told when it happened.
            let _ = thread.join();
        }
    }
}

fn work(mut disk: Disk, jobs: &mpsc::Receiver<Job>, results: &waking::UnboundedSender<Done>) {
    for Job { time, bounds, task } in jobs {
        let done = match task {
            Task::Write(write) => Done::Written(Box::new(disk.write(&write, time, bounds))),
            Task::Forget(alive) => Done::Forgotten(disk.forget(&alive, time, bounds)),
            #[cfg(test)]
            Task::Hang(until) => {
                // However it ends: by a word, or with the test.
                let _ = until.recv();
                Done::Forgotten(Forgotten {
                    workloads: Vec::new(),
                    errors: Vec::new(),
                    files: disk.profiles.files(),
                })
            }
        };
        if results.send(done).is_err() {
            return;
        }
    }
}
