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
mod scanned;
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
use crate::golang::scan::libraries::Needs;
use crate::model::Build;

pub use blame::Identity;
pub use frames::{Named, Stack};
pub use scanned::{Library, MOST_LIBRARIES, Scanned};
pub use worker::{WorkerError, serve};

/// Stacks that are named at once: all of them together fit into an answer.
pub const MOST_STACKS: usize = 16;

/// The word on the command line that makes a process a worker.
pub const WORKER: &str = "inspect-worker";

/// The option by which it gets in nobody's way.
pub const IDLE: &str = "idle";

/// For how long a file is left alone that ended or held up a worker.
pub const LEFT_ALONE: Duration = blame::MEMORY;

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
    /// It is larger than anything that is scanned.
    #[error("the file and its libraries are too large to be scanned: {} MiB, and at most {} are", size.div_ceil(1 << 20), scanned::MOST_BYTES >> 20)]
    TooLarge {
        /// In bytes.
        size: u64,
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

/// How a worker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Somebody waits for it.
    Prompt,
    /// When next to nobody else wants to, and for no more than 5 s in all.
    Idle,
}

/// For how long a worker is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until it has started: the machine may be booting.
    pub start: Duration,
    /// Until it has answered.
    pub answer: Duration,
}

impl Patience {
    /// For a worker that has to wait for its turns on a busy machine, and has so much time on a CPU only.
    pub const IDLE: Self = Self { start: Duration::from_mins(1), answer: Duration::from_mins(5) };
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
        Self::of(Client::new(program, Pace::Prompt, patience, workers.clone()), workers)
    }

    /// One of the same kind with a worker of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        match &self.0 {
            Place::Here => Self::local(),
            Place::Worker { client, workers } => Self::of(lock(client).another(), workers.clone()),
        }
    }

    /// One for scans: its workers run when next to nobody else wants to, and are waited for that long. Nothing if files are not
    /// read by workers.
    pub fn idle(&self, patience: Patience) -> Option<Self> {
        match &self.0 {
            Place::Here => None,
            Place::Worker { client, workers } => Some(Self::of(lock(client).idle(patience), workers.clone())),
        }
    }

    fn of(client: Client, workers: Workers) -> Self {
        Self(Place::Worker { client: Arc::new(Mutex::new(client)), workers })
    }

    /// Describes an executable, which is shown as `path`. A file of another kind has nothing but its path.
    pub fn describe(&self, path: String, file: File) -> Result<Build, Error> {
        match self.ask(vec![file], &Request::Describe)? {
            Answer::Described(facts) => Ok(facts.of(path)),
            other => Err(other.into()),
        }
    }

    /// Names the functions of stacks of processes that run a file: of at most [`MOST_STACKS`] at once.
    pub fn name(&self, file: File, stacks: Vec<Stack>) -> Result<Named, Error> {
        let count = stacks.len();
        let no_answer = || Error::Died { how: protocol::NOT_UNDERSTOOD.into() };
        match self.ask(vec![file], &Request::Name(stacks))? {
            Answer::Named(frames) => frames.named(count).ok_or_else(no_answer),
            other => Err(other.into()),
        }
    }

    /// What an executable or a library needs of the dynamic linker.
    pub fn needs(&self, file: File) -> Result<Needs, Error> {
        match self.ask(vec![file], &Request::Needs)? {
            Answer::Needs(loads) => Ok(loads.needs()),
            other => Err(other.into()),
        }
    }

    /// Finds out what a program could ever call, with the libraries that it loads: of at most [`MOST_LIBRARIES`] the
    /// files are read. Each scan has a worker of its own, so that no program has a say in what is found of another.
    pub fn scan(&self, file: File, libraries: Vec<Library>) -> Result<Scanned, Error> {
        let (named, files) = scanned::named(libraries);
        let files: Vec<File> = [file].into_iter().chain(files).collect();
        let sizes = files.iter().map(|file| Ok(file.metadata()?.len()));
        let size = sizes.sum::<io::Result<u64>>().map_err(Error::Metadata)?;
        if size > scanned::MOST_BYTES {
            return Err(Error::TooLarge { size });
        }
        self.rest();
        let answer = self.ask(files, &Request::Scan(named));
        self.rest();
        match answer? {
            Answer::Scanned(calls) => {
                calls.scanned().ok_or_else(|| Error::Died { how: protocol::NOT_UNDERSTOOD.into() })
            }
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

    fn ask(&self, files: Vec<File>, request: &Request) -> Result<Answer, Error> {
        match self.client() {
            Some(mut client) => client.ask(&files, request),
            None => Ok(worker::answer(request, files)),
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
            Answer::Ready
            | Answer::Described(_)
            | Answer::Named(_)
            | Answer::Needs(_)
            | Answer::Scanned(_) => Self::Died { how: protocol::NOT_UNDERSTOOD.into() },
        }
    }
}
