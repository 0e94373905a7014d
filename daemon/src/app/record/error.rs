//! Why a recording failed.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::{collect, files};

/// Why a recording failed.
#[derive(Debug, Error)]
pub enum Error {
    /// Finding, starting or following the targets.
    #[error(transparent)]
    Collect(#[from] collect::Error),
    /// The place for the observations was found unusable before anything was recorded.
    #[error(transparent)]
    Write(files::WriteError),
    /// The observations could not be written where they should go, and lie elsewhere.
    #[error("the observations were kept in {} instead", kept.display())]
    WriteKept {
        /// Where they are.
        kept: PathBuf,
        /// What was wrong with the place that was asked for.
        #[source]
        source: files::WriteError,
    },
    /// The recording ended before anything that was asked for was there.
    #[error(
        "nothing was recorded: no process of that unit, control group or container was there; \
         is the name right? (`systemctl status UNIT`, `cat /proc/PID/cgroup`)"
    )]
    NothingRecorded,
    /// The event loop could not be made.
    #[error("cannot start the event loop")]
    Runtime(#[source] io::Error),
    /// Signals can't be waited for.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    /// The event loop can't wait for something.
    #[error("cannot wait for {what}")]
    Wait {
        /// For what.
        what: &'static str,
        /// The kernel's word.
        #[source]
        source: io::Error,
    },
}
