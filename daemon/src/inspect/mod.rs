//! Executable files, read by a process that can do nothing else.
//!
//! In: a file that is open. Out: what [`golang`] reads in it. The files belong to others, who may have made them to
//! break whoever parses them; so a daemon with privileges does not. It hands the file to a worker: itself, executed
//! anew, without capabilities, with little memory, and under a filter that leaves it next to no system call. The worker's
//! end, whatever brought it, is the failure to read one file.

mod blame;
mod client;
mod confine;
mod frames;
mod process;
mod protocol;
mod worker;
mod workers;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;

use self::client::Client;
use self::protocol::{Answer, Request};
use self::workers::Workers;
use crate::model::Build;

pub use frames::{Named, Stack};
pub use worker::{WorkerError, serve};

/// Stacks that are named at once: all of them together fit into an answer.
pub const MOST_STACKS: usize = 16;

/// The word on the command line that makes a process a worker.
pub const WORKER: &str = "inspect-worker";

/// This very program, also when its file was replaced or removed.
const SELF: &str = "/proc/self/exe";

/// Why a file was not understood.
#[derive(Debug, Error)]
pub enum Error {
    /// It is damaged, or not of a kind that is understood.
    #[error("{0}")]
    Damaged(String),
    /// What is needed to know the file again could not be read.
    #[error("cannot look at the file")]
    Metadata(#[source] io::Error),
    /// It ended its worker.
    #[error("its reading ended the worker process ({how}): it is left alone for {} minutes", blame::MEMORY.as_secs() / 60)]
    Died {
        /// How the worker ended.
        how: String,
    },
    /// The worker gave no answer.
    #[error("it was not read within {patience:?}: it is left alone for {} minutes", blame::MEMORY.as_secs() / 60)]
    Late {
        /// For how long it was waited.
        patience: Duration,
    },
    /// It did so before.
    #[error(
        "it ended or held up a worker process before, and is left alone until it changes or is forgotten"
    )]
    Remembered,
    /// Other files did so too often.
    #[error(
        "other files took too much time by ending or holding up workers: nothing is read until the minute is over"
    )]
    Exhausted,
    /// No worker could be made.
    #[error("cannot start the worker process that reads executables")]
    Start(#[source] io::Error),
    /// The worker could not give up what it must not have.
    #[error(
        "the worker process that reads executables cannot give up its privileges, and reads nothing: {0}"
    )]
    Unconfined(String),
}

/// For how long a worker is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until it has started: the machine may be booting.
    pub start: Duration,
    /// Until it has answered.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { start: Duration::from_secs(5), answer: Duration::from_secs(1) }
    }
}

/// Reads executable files. Clones share one worker.
#[derive(Debug, Clone)]
pub struct Inspector(Place);

#[derive(Debug, Clone)]
enum Place {
    Here,
    Worker { client: Arc<Mutex<Client>>, workers: Workers },
}

impl Inspector {
    /// Reads files in this process: for one that has no privileges to lose.
    pub fn local() -> Self {
        Self(Place::Here)
    }

    /// Reads files in a worker, which is started when the first one is to be read.
    pub fn confined() -> Self {
        Self::confined_by(SELF.into(), Patience::default())
    }

    /// Reads files in a worker that is this program (a seccinch).
    pub fn confined_by(program: PathBuf, patience: Patience) -> Self {
        let workers = Workers::default();
        Self::of(Client::new(program, patience, workers.clone()), workers)
    }

    /// One of the same kind with a worker of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        match &self.0 {
            Place::Here => Self::local(),
            Place::Worker { client, workers } => Self::of(lock(client).another(), workers.clone()),
        }
    }

    fn of(client: Client, workers: Workers) -> Self {
        Self(Place::Worker { client: Arc::new(Mutex::new(client)), workers })
    }

    /// Describes an executable, which is shown as `path`. A file of another kind has nothing but its path.
    pub fn describe(&self, path: String, file: File) -> Result<Build, Error> {
        match self.ask(file, &Request::Describe)? {
            Answer::Described(facts) => Ok(facts.of(path)),
            other => Err(other.into()),
        }
    }

    /// Names the functions of stacks of processes that run a file: of at most [`MOST_STACKS`] at once.
    pub fn name(&self, file: File, stacks: Vec<Stack>) -> Result<Named, Error> {
        let count = stacks.len();
        let no_answer = || Error::Died { how: protocol::NOT_UNDERSTOOD.into() };
        match self.ask(file, &Request::Name(stacks))? {
            Answer::Named(frames) => frames.named(count).ok_or_else(no_answer),
            other => Err(other.into()),
        }
    }

    /// The worker's process, while there is one.
    pub fn worker(&self) -> Option<u32> {
        self.client()?.worker()
    }

    /// Ends the worker until there is something to read again.
    pub fn rest(&self) {
        if let Some(mut client) = self.client() {
            client.rest();
        }
    }

    /// Whether a process is a worker, of this or [`Self::another`]: also one that was killed and is not gone yet.
    pub fn is_worker(&self, pid: u32) -> bool {
        matches!(&self.0, Place::Worker { workers, .. } if workers.has(pid))
    }

    /// How many workers did not end by our will.
    pub fn deaths(&self) -> u64 {
        self.client().map_or(0, |client| client.deaths())
    }

    fn ask(&self, file: File, request: &Request) -> Result<Answer, Error> {
        match self.client() {
            Some(mut client) => client.ask(&file, request),
            None => Ok(worker::answer(request, file)),
        }
    }

    fn client(&self) -> Option<MutexGuard<'_, Client>> {
        match &self.0 {
            Place::Here => None,
            Place::Worker { client, .. } => Some(lock(client)),
        }
    }
}

/// A worker is as good after a panic of ours as before: whatever it says next is checked.
fn lock(client: &Mutex<Client>) -> MutexGuard<'_, Client> {
    client.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<Answer> for Error {
    /// An answer to another question is none.
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Damaged(text) => Self::Damaged(text),
            Answer::Unconfined(text) => Self::Unconfined(text),
            Answer::Ready | Answer::Described(_) | Answer::Named(_) => {
                Self::Died { how: protocol::NOT_UNDERSTOOD.into() }
            }
        }
    }
}
