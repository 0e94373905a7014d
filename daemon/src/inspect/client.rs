//! The daemon's side: one worker at a time, another when it has ended, and no more trouble than a file is worth.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use super::blame::{Blame, Identity};
use super::process::{self, Failure, Process};
use super::protocol::{Answer, NOT_UNDERSTOOD, Request};
use super::workers::Workers;
use super::{Error, Pace, Patience};

/// Workers that were killed and are not gone yet: they wait for a disk or a server.
const MOST_ENDING: usize = 8;

/// Asks a worker, and starts it when it is needed.
#[derive(Debug)]
pub(super) struct Client {
    program: PathBuf,
    patience: Patience,
    pace: Pace,
    worker: Option<Process>,
    /// Killed, and to be waited for.
    ending: Vec<Child>,
    blame: Blame,
    deaths: u64,
    workers: Workers,
}

impl Client {
    pub(super) fn new(program: PathBuf, pace: Pace, patience: Patience, workers: Workers) -> Self {
        let (ending, blame) = (Vec::new(), Blame::default());
        Self { program, patience, pace, worker: None, ending, blame, deaths: 0, workers }
    }

    /// One that asks the same program, and knows nothing yet.
    pub(super) fn another(&self) -> Self {
        Self::new(self.program.clone(), self.pace, self.patience, self.workers.clone())
    }

    /// As [`Self::another`], with workers that get in nobody's way, and are waited for that long.
    pub(super) fn idle(&self, patience: Patience) -> Self {
        Self::new(self.program.clone(), Pace::Idle, patience, self.workers.clone())
    }

    pub(super) fn worker(&self) -> Option<u32> {
        self.worker.as_ref().map(Process::id)
    }

    pub(super) fn deaths(&self) -> u64 {
        self.deaths
    }

    /// Asks about the first of some files. It may take as long as two workers' starts and the patience for one answer,
    /// and no file does so twice.
    pub(super) fn ask(&mut self, files: &[File], request: &Request) -> Result<Answer, Error> {
        let file = files.first().ok_or_else(|| Error::Metadata(io::ErrorKind::NotFound.into()))?;
        let identity = Identity::of(file).map_err(Error::Metadata)?;
        let began = Instant::now();
        self.blame.check(identity, began)?;
        let is_used = self.worker.is_some();
        let mut result = self.try_once(files, request);
        // It may have died of a file before, or by somebody else's hand: one that is new tells.
        if is_used && matches!(result, Err(Error::Died { .. })) {
            result = self.try_once(files, request);
        }
        let now = Instant::now();
        if matches!(result, Err(Error::Died { .. } | Error::Late { .. })) {
            self.blame.remember(identity, now);
        }
        if result.is_err() {
            self.blame.lose(now - began, now);
        }
        result
    }

    fn try_once(&mut self, files: &[File], request: &Request) -> Result<Answer, Error> {
        let mut worker = match self.worker.take() {
            Some(worker) => worker,
            None => self.start()?,
        };
        match worker.ask(files, request, self.patience.answer) {
            Ok(answer) if request.is_answered_by(&answer) => {
                self.worker = Some(worker);
                Ok(answer)
            }
            Ok(_) => Err(self.lost(worker, Failure::Other(io::Error::other(NOT_UNDERSTOOD)))),
            Err(failure) => Err(self.lost(worker, failure)),
        }
    }

    fn start(&mut self) -> Result<Process, Error> {
        let workers = &self.workers;
        self.ending.retain_mut(|child| {
            let is_there = matches!(child.try_wait(), Ok(None));
            if !is_there {
                workers.gone(child.id());
            }
            is_there
        });
        if self.ending.len() >= MOST_ENDING {
            let text = "workers that were killed have not ended: do they wait for a disk or a file server?";
            return Err(Error::Start(io::Error::other(text)));
        }
        let began = Instant::now();
        let start = || Process::start(&self.program, self.pace);
        let mut worker = self.workers.start(start).map_err(Error::Start)?;
        match worker.hear(self.patience.start) {
            Ok(Answer::Ready) => {
                tracing::debug!(worker = worker.id(), took = ?began.elapsed(), "started a worker");
                Ok(worker)
            }
            Ok(other) => {
                let _ = self.end(worker, Duration::ZERO);
                Err(other.into())
            }
            // No file is to blame.
            Err(failure) => Err(Error::Start(io::Error::other(self.lost(worker, failure)))),
        }
    }

    /// A worker did not do what it is for.
    fn lost(&mut self, worker: Process, failure: Failure) -> Error {
        self.deaths += 1;
        let (id, deaths) = (worker.id(), self.deaths);
        let error = match failure {
            Failure::Late(patience) => {
                let _ = self.end(worker, Duration::ZERO);
                Error::Late { patience }
            }
            Failure::Ended => Error::Died { how: self.end(worker, process::SOON) },
            Failure::Other(error) => {
                let _ = self.end(worker, Duration::ZERO);
                Error::Died { how: error.to_string() }
            }
        };
        tracing::warn!(worker = id, deaths, "lost the worker that reads executables: {error}");
        error
    }

    /// Ends the worker; the next question starts another.
    pub(super) fn rest(&mut self) {
        if let Some(worker) = self.worker.take() {
            let _ = self.end(worker, Duration::ZERO);
        }
    }

    /// Ends a worker, which may be about to end by itself. Says how it ended, where it did so soon.
    fn end(&mut self, worker: Process, patience: Duration) -> String {
        let id = worker.id();
        match worker.end(patience) {
            Ok(status) => {
                self.workers.gone(id);
                status.to_string()
            }
            Err(child) => {
                self.ending.push(child);
                "killed".to_owned()
            }
        }
    }
}

/// A worker ends by itself when nobody is at the socket's other end; this leaves none behind to be waited for.
impl Drop for Client {
    fn drop(&mut self) {
        self.rest();
    }
}
