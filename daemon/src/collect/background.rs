//! A thread that works off jobs one after the other, for somebody who waits for nobody.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// After so long without a job it is time to rest.
const REST: Duration = Duration::from_secs(10);

/// What is done with jobs.
pub(super) trait Work: Send + 'static {
    /// What is to be done.
    type Job: Send;
    /// What comes of it.
    type Found: Send;

    /// Does a job.
    fn work(&mut self, job: Self::Job) -> Self::Found;

    /// There was no job for a while: gives back what is not needed meanwhile.
    fn rest(&mut self);
}

/// The other end of the thread. It ends with this, when the job is done that it is at.
#[derive(Debug)]
pub(super) struct Background<W: Work> {
    jobs: SyncSender<W::Job>,
    found: Receiver<W::Found>,
}

/// What became of a job.
#[derive(Debug)]
pub(super) enum Asked<J> {
    /// It will be answered.
    Taken,
    /// There are too many.
    Full(J),
    /// Nobody is there.
    Gone,
}

impl<W: Work> Background<W> {
    /// Starts a thread of this name, for which so many jobs may wait. Where that fails, every job finds nobody.
    pub(super) fn start(name: &str, most_jobs: usize, work: W) -> Self {
        let (jobs, waiting) = sync_channel(most_jobs);
        let (results, found) = channel();
        let started = thread::Builder::new().name(name.into()).spawn(move || run(work, &waiting, &results));
        if let Err(error) = started {
            tracing::warn!(%error, thread = name, "a thread can't be started: its work is not done");
        }
        Self { jobs, found }
    }

    /// Hands over a job.
    pub(super) fn ask(&self, job: W::Job) -> Asked<W::Job> {
        match self.jobs.try_send(job) {
            Ok(()) => Asked::Taken,
            Err(TrySendError::Full(job)) => Asked::Full(job),
            Err(TrySendError::Disconnected(_)) => Asked::Gone,
        }
    }

    /// What was found out, if anything is there.
    pub(super) fn found(&self) -> Option<W::Found> {
        self.found.try_recv().ok()
    }

    /// What is found out until then.
    pub(super) fn found_until(&self, until: Instant) -> Option<W::Found> {
        self.found.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
    }
}

fn run<W: Work>(mut work: W, jobs: &Receiver<W::Job>, results: &Sender<W::Found>) {
    loop {
        match jobs.recv_timeout(REST) {
            Ok(job) => {
                if results.send(work.work(job)).is_err() {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => work.rest(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
